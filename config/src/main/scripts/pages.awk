# Writes everything that says what the commands take, from the tables in ../resources:
#   awk -f pages.awk -v tree=TREE commands.tsv verbs.tsv options.tsv exit_codes.tsv errors.tsv
# TREE/docs/commands.md, docs/errors.md, man/*.1, share/ (completion of bash, zsh and fish).
BEGIN { FS = "\t" }
FNR == 1 { table++ }
/^#/ || NF < 2 { next }
table == 1 { name[++commands] = $1; usage[$1] = $2; about[$1] = $3 }
table == 2 { words[++verbs] = $1; verb_argument[verbs] = $2; json[verbs] = $3; where[verbs] = $4; verb_help[verbs] = $5 }
table == 3 { of[++rows] = $1; names[rows] = $2; letter[rows] = $3; argument[rows] = $4; variable[rows] = $5; help[rows] = $6 }
table == 4 { code[++codes] = $2; code_of[codes] = $3; code_help[codes] = $4 }
table == 5 { error[++errors] = $1; meaning[errors] = $2; remedy[errors] = $3 }
END {
	commands_page(); errors_page()
	for (c = 1; c <= commands; c++) manual(name[c])
	overview(); bash(); zsh()
	for (c = 1; c <= commands; c++) fish(name[c])
}

function has(list, word) { return index("," list ",", "," word ",") > 0 }
function is_option(r) { return names[r] != "-" }
function takes(r) { return argument[r] != "-" }

# "-p, --coord-port, --port N"
function spelled(r,    text, part, n, i) {
	text = letter[r] == "-" ? "" : "-" letter[r] ", "
	n = split(names[r], part, ",")
	for (i = 1; i <= n; i++) text = text (i > 1 ? ", " : "") "--" part[i]
	return text (takes(r) ? " " argument[r] : "")
}

# ---- Markdown

function md(text) { gsub(/\|/, "\\|", text); gsub(/</, "\\&lt;", text); return text }
function code_md(text) { gsub(/\|/, "\\|", text); return "`" text "`" }

function commands_page(    f, c, r, v, n, part, i) {
	f = tree "/docs/commands.md"
	print "# The commands\n\nGenerated from the tables in `config/src/main/resources` by `config/src/main/scripts/pages.awk`; `make -C native-engine` writes it anew." > f
	print "Every command prints the same with `--help`; the same is in `man dmtcp_launch` and so on (`man -M` wants the directory `man` beside `bin`: `man -l man/dmtcp_launch.1`)." > f
	print "\nThe variables in the column *variable* do the same as the option; the option wins, then the variable that is named first." > f
	for (c = 1; c <= commands; c++) {
		print "\n## dmtcp_" name[c] "\n\n```" > f
		n = split(usage[name[c]], part, / \| /)
		for (i = 1; i <= n; i++) print "dmtcp_" name[c] " " part[i] > f
		print "```\n\n" about[name[c]] > f
		if (name[c] == "command") {
			print "\n| command | `--json` | does |\n|---|---|---|" > f
			for (v = 1; v <= verbs; v++)
				if (has(where[v], "command"))
					print "| " verb_words(v) " | " code_md(json[v]) " | " md(verb_help[v]) " |" > f
		}
		if (name[c] == "coordinator") {
			print "\n| on its console | does |\n|---|---|" > f
			for (v = 1; v <= verbs; v++)
				if (has(where[v], "console"))
					print "| " verb_words(v) " | " md(verb_help[v]) " |" > f
		}
		print "\n| option | variable | does |\n|---|---|---|" > f
		for (r = 1; r <= rows; r++)
			if (has(of[r], name[c]) && is_option(r))
				print "| " code_md(spelled(r)) " | " variables(r) " | " md(help[r]) " |" > f
		n = 0
		for (r = 1; r <= rows; r++)
			if (has(of[r], name[c]) && !is_option(r)) {
				if (!n++) print "\n| variable only | does |\n|---|---|" > f
				print "| " code_md(variable[r] (takes(r) ? "=" argument[r] : "")) " | " md(help[r]) " |" > f
			}
		print "\n| exit status | |\n|---|---|" > f
		for (i = 1; i <= codes; i++)
			if (has(code_of[i], name[c])) print "| " (code[i] == "-" ? "any" : code[i]) " | " md(code_help[i]) " |" > f
	}
	close(f)
}

function verb_words(v,    part, n, i, text) {
	n = split(words[v], part, ",")
	for (i = 1; i <= n; i++) text = text (i > 1 ? ", " : "") "`" part[i] "`"
	return text (verb_argument[v] == "-" ? "" : " " verb_argument[v])
}

function variables(r,    part, n, i, text) {
	if (variable[r] == "-") return ""
	n = split(variable[r], part, ",")
	for (i = 1; i <= n; i++) text = text (i > 1 ? ", " : "") "`" part[i] "`"
	return text
}

function errors_page(    f, i) {
	f = tree "/docs/errors.md"
	print "# Errors\n\nGenerated from `config/src/main/resources/errors.tsv`. A message ends with its id in brackets, `... [disk-full]`; `dmtcp_command --json` has it as `error_id`." > f
	print "Ids never change their meaning. What went wrong with which process and which object is in the message itself; the remedy follows it.\n" > f
	print "| id | what it means | what to do |\n|---|---|---|" > f
	for (i = 1; i <= errors; i++) print "| `" error[i] "` | " md(meaning[i]) " | " md(remedy[i]) " |" > f
	close(f)
}

# ---- Manual pages: man(7)

function roff(text) {
	gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); gsub(/'/, "\\(aq", text)
	if (text ~ /^[.]/) text = "\\&" text
	return text
}

function heading(f, page, title) {
	print ".\\\" Generated from the tables of config by pages.awk." > f
	print ".TH " toupper(page) " 1 \"\" \"dmtcp-akka\" \"Distributed MultiThreaded CheckPointing\"" > f
	print ".SH NAME\n" roff(page) " \\- " roff(title) > f
}

function first_sentence(text) { sub(/[.:] .*/, "", text); sub(/[.]$/, "", text); return tolower(substr(text, 1, 1)) substr(text, 2) }

function manual(command,    f, page, n, i, part, r, v) {
	page = "dmtcp_" command
	f = tree "/man/" page ".1"
	heading(f, page, first_sentence(about[command]))
	print ".SH SYNOPSIS" > f
	n = split(usage[command], part, / \| /)
	for (i = 1; i <= n; i++) print (i > 1 ? ".br\n" : "") ".B " page "\n" roff(part[i]) > f
	print ".SH DESCRIPTION\n" roff(about[command]) > f
	if (command == "command" || command == "coordinator") {
		print ".SH COMMANDS" > f
		for (v = 1; v <= verbs; v++)
			if (has(where[v], command == "command" ? "command" : "console")) {
				n = words[v]; gsub(/,/, ", ", n)
				print ".TP\n.B " roff(n) (verb_argument[v] == "-" ? "" : " " verb_argument[v]) "\n" roff(verb_help[v]) > f
			}
	}
	print ".SH OPTIONS" > f
	for (r = 1; r <= rows; r++)
		if (has(of[r], command) && is_option(r))
			print ".TP\n.B " roff(spelled(r)) "\n" roff(help[r]) (variable[r] == "-" ? "" : "\nEnvironment: " roff(spaced(variable[r])) ".") > f
	n = 0
	for (r = 1; r <= rows; r++)
		if (has(of[r], command) && !is_option(r)) {
			if (!n++) print ".SH ENVIRONMENT" > f
			print ".TP\n.B " roff(variable[r] (takes(r) ? "=" argument[r] : "")) "\n" roff(help[r]) > f
		}
	print ".SH EXIT STATUS" > f
	for (i = 1; i <= codes; i++)
		if (has(code_of[i], command)) print ".TP\n.B " (code[i] == "-" ? "any" : code[i]) "\n" roff(code_help[i]) > f
	see_also(f, page)
	close(f)
}

function spaced(list) { gsub(/,/, ", ", list); return list }

function see_also(f, page,    c, text) {
	for (c = 0; c <= commands; c++)
		if ((c ? "dmtcp_" name[c] : "dmtcp") != page)
			text = text (text == "" ? "" : ",\n") ".BR " roff(c ? "dmtcp_" name[c] : "dmtcp") " (1)"
	gsub(/ \(1\),/, " (1),", text)
	print ".SH SEE ALSO\n" text > f
}

function overview(    f, c, n, i, part, r) {
	f = tree "/man/dmtcp.1"
	heading(f, "dmtcp", "transparent checkpoint and restart of programs on one or many machines")
	print ".SH SYNOPSIS" > f
	for (c = 1; c <= commands; c++) {
		n = split(usage[name[c]], part, / \| /)
		for (i = 1; i <= n; i++) print (c > 1 || i > 1 ? ".br\n" : "") ".B dmtcp_" roff(name[c]) "\n" roff(part[i]) > f
	}
	print ".SH DESCRIPTION" > f
	print "Writes the state of running programs to files, and restarts them from there: later, again and again, or on other machines." > f
	print "Neither the programs nor the kernel are changed, and no privilege is needed." > f
	for (c = 1; c <= commands; c++) print ".TP\n.BR dmtcp_" roff(name[c]) " (1)\n" roff(about[name[c]]) > f
	print ".SH EXAMPLE\n.nf\ndmtcp_launch ./myprogram\ndmtcp_command \\-\\-checkpoint\ndmtcp_command \\-\\-kill\n\\&./dmtcp_restart_script.sh\n.fi" > f
	print ".SH FILES" > f
	print ".TP\n.I ckpt_<program>_<id>.dmtcp\nA checkpoint image, one per process, in the checkpoint directory." > f
	print ".TP\n.I dmtcp_manifest_<id>.json\nWhich images belong together; its renaming is what makes a checkpoint valid." > f
	print ".TP\n.I dmtcp_restart_script.sh\nRestarts the last checkpoint, on all its hosts." > f
	print ".SH ENVIRONMENT\nOptions win over variables." > f
	for (r = 1; r <= rows; r++)
		if (variable[r] != "-" && !(variable[r] in seen)) {
			seen[variable[r]] = 1
			print ".TP\n.B " roff(spaced(variable[r])) "\n" roff(help[r]) > f
		}
	see_also(f, "dmtcp")
	close(f)
}

# ---- Completion

# What follows an option: file, directory, a word list or nothing special.
function kind(r) {
	if (argument[r] ~ /^FILE/) return "file"
	if (argument[r] == "DIR") return "dir"
	if (argument[r] == "HOST") return "host"
	if (argument[r] == "CODEC") return "zstd gzip lz4 none"
	return ""
}

function spellings(command, only,    r, n, i, part, text) {
	for (r = 1; r <= rows; r++) {
		if (!has(of[r], command) || !is_option(r) || (only != "" && kind(r) != only)) continue
		n = split(names[r], part, ",")
		for (i = 1; i <= n; i++) text = text (text == "" ? "" : " ") "--" part[i]
		if (only != "" && letter[r] != "-") text = text " -" letter[r]
	}
	return text
}

function verb_list(    v, n, part, i, text) {
	for (v = 1; v <= verbs; v++)
		if (has(where[v], "command")) {
			n = split(words[v], part, ",")
			for (i = 1; i <= n; i++)
				if (length(part[i]) > 2) text = text (text == "" ? "" : " ") "--" part[i]
		}
	return text
}

function alternatives(list) { gsub(/ /, " | ", list); return list }

function bash(    f, c, list, n, part, i) {
	f = tree "/share/bash-completion/completions/dmtcp"
	print "# Completion for bash, generated by pages.awk: source it, or put it where bash-completion looks." > f
	print "_dmtcp() {\n  local command=${COMP_WORDS[0]##*/} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n  COMPREPLY=()" > f
	print "  case $command:$previous in" > f
	n = split("file dir host", part, " ")
	for (c = 1; c <= commands; c++) {
		for (i = 1; i <= n; i++) {
			list = spellings(name[c], part[i])
			if (list == "") continue
			gsub(/ /, " | dmtcp_" name[c] ":", list)
			print "    dmtcp_" name[c] ":" list ")\n      COMPREPLY=($(compgen " (part[i] == "file" ? "-f" : part[i] == "dir" ? "-d" : "-A hostname") " -- \"$current\"))\n      return ;;" > f
		}
		list = spellings(name[c], "zstd gzip lz4 none")
		if (list != "") print "    dmtcp_" name[c] ":" list ")\n      COMPREPLY=($(compgen -W 'zstd gzip lz4 none' -- \"$current\"))\n      return ;;" > f
	}
	print "  esac\n  case $command in" > f
	for (c = 1; c <= commands; c++) {
		list = spellings(name[c], "")
		if (name[c] == "command") list = list " " verb_list()
		print "    dmtcp_" name[c] ")\n      if [[ $current == -* ]]; then\n        COMPREPLY=($(compgen -W '" list "' -- \"$current\"))" > f
		if (name[c] == "launch" || name[c] == "nocheckpoint") print "      else\n        COMPREPLY=($(compgen -c -- \"$current\"))" > f
		else if (name[c] == "command") print "      else\n        COMPREPLY=($(compgen -W '" stripped(verb_list()) "' -- \"$current\"))" > f
		else if (usage[name[c]] ~ /dmtcp|IMAGE/) print "      else\n        COMPREPLY=($(compgen -f -X '!*.dmtcp' -- \"$current\") $(compgen -d -- \"$current\"))" > f
		print "      fi ;;" > f
	}
	print "  esac\n}" > f
	list = ""
	for (c = 1; c <= commands; c++) list = list " dmtcp_" name[c]
	print "complete -o filenames -F _dmtcp" list > f
	close(f)
}

function stripped(list) { gsub(/--/, "", list); return list }

function quoted(text) { gsub(/'/, "'\\''", text); gsub(/\[/, "\\[", text); gsub(/\]/, "\\]", text); gsub(/:/, "\\:", text); return text }

function zsh(    f, c, r, n, i, part, list) {
	f = tree "/share/zsh/site-functions/_dmtcp"
	for (c = 1; c <= commands; c++) list = list " dmtcp_" name[c]
	print "#compdef" list "\n# Completion for zsh, generated by pages.awk: put its directory into $fpath." > f
	print "local -a options\ncase $service in" > f
	for (c = 1; c <= commands; c++) {
		print "  dmtcp_" name[c] ")\n    options=(" > f
		for (r = 1; r <= rows; r++) {
			if (!has(of[r], name[c]) || !is_option(r)) continue
			n = split(names[r] (letter[r] == "-" ? "" : ",-" letter[r]), part, ",")
			for (i = 1; i <= n; i++)
				print "      '*" (part[i] ~ /^-/ ? "" : "--") part[i] "[" quoted(help[r]) "]" (takes(r) ? ":" quoted(argument[r]) ":" action(r) : "") "'" > f
		}
		print "    )" > f
		if (name[c] == "command") print "    _arguments -s $options '*:command:(" stripped(verb_list()) ")' ;;" > f
		else if (name[c] == "launch" || name[c] == "nocheckpoint") print "    _arguments -s $options '(-)1:program:_command_names -e' '*::arguments:_normal' ;;" > f
		else print "    _arguments -s $options '*:file:_files' ;;" > f
	}
	print "esac" > f
	close(f)
}

function action(r) { return kind(r) == "file" ? "_files" : kind(r) == "dir" ? "_directories" : kind(r) == "host" ? "_hosts" : kind(r) == "" ? " " : "(" kind(r) ")" }

function fish(command,    f, r, n, i, part, v) {
	f = tree "/share/fish/vendor_completions.d/dmtcp_" command ".fish"
	print "# Completion for fish, generated by pages.awk." > f
	if (command == "command") {
		print "complete -c dmtcp_command -f" > f
		for (v = 1; v <= verbs; v++)
			if (has(where[v], "command")) {
				n = split(words[v], part, ",")
				for (i = 1; i <= n; i++)
					if (length(part[i]) > 2) print "complete -c dmtcp_command -a " part[i] " -d '" fish_text(verb_help[v]) "'" > f
			}
	}
	if (command == "launch" || command == "nocheckpoint") print "complete -c dmtcp_" command " -x -a '(__fish_complete_subcommand)'" > f
	for (r = 1; r <= rows; r++) {
		if (!has(of[r], command) || !is_option(r)) continue
		n = split(names[r], part, ",")
		for (i = 1; i <= n; i++)
			print "complete -c dmtcp_" command " -l " part[i] (i == 1 && letter[r] != "-" ? " -s " letter[r] : "") (takes(r) ? (kind(r) == "file" ? " -r" : kind(r) == "dir" ? " -x -a '(__fish_complete_directories)'" : kind(r) == "host" ? " -x -a '(__fish_print_hostnames)'" : kind(r) == "" ? " -x" : " -x -a '" kind(r) "'") : "") " -d '" fish_text(help[r]) "'" > f
	}
	close(f)
}

function fish_text(text) { gsub(/\\/, "\\\\", text); gsub(/'/, "\\'", text); return text }
