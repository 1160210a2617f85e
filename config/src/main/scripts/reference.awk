# Makes docs/plugin-reference.md of native-engine/include/dmtcp.h: a comment, and what it stands before.
BEGIN {
	print "# The functions of dmtcp.h"
	print ""
	print "Made from the comments of `native-engine/include/dmtcp.h`: do not edit. How to use them: [plugin-tutorial.md](plugin-tutorial.md)."
}
/^\/\* ---- .* ---- \*\/$/ {
	sub(/^\/\* ---- /, ""); sub(/ ---- \*\/$/, "")
	print "\n## " toupper(substr($0, 1, 1)) substr($0, 2)
	comment = ""
	next
}
/^\/\*/ {
	comment = $0
	while ($0 !~ /\*\// && (getline) > 0) comment = comment " " $0
	gsub(/\/\*|\*\//, "", comment); gsub(/[ \t]+\*[ \t]+/, " ", comment); gsub(/[ \t]+/, " ", comment)
	gsub(/^ | $/, "", comment)
	next
}
/^#define [A-Z_]+\(/ && comment != "" {
	name = $2; sub(/\(.*/, "", name)
	print "\n`" name "`: " comment
	comment = ""
	next
}
/^typedef enum eDmtcpEvent/ { print "\n" comment "\n\n| event | |\n|---|---|"; comment = ""; events = 1; next }
events && /DMTCP_EVENT_/ {
	name = $1; gsub(/[,=].*|,/, "", name)
	text = $0; sub(/^.*\/\* /, "", text); sub(/ \*\/$/, "", text)
	print "| `" name "` | " text " |"
	next
}
events && /^}/ { events = 0; next }
/^[a-zA-Z].*\(/ && !/^typedef/ && !/^static/ && !/^asm/ && !/[{]/ {
	declaration = $0
	while (declaration !~ /;/ && (getline) > 0) declaration = declaration " " $0
	gsub(/[ \t]+/, " ", declaration); sub(/ DMTCP_WEAK;.*/, "", declaration)
	print "\n`" declaration "`" (comment == "" ? "" : "\\\n" comment)
	comment = ""
	next
}
/^$/ { comment = "" }
