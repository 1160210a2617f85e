#include "findings.h"

#include <stdarg.h>
#include <string.h>

static const char *const levels[] = { "fine", "note", "warning", "problem" };

static void add(struct findings *f, enum finding_level level, const char *check, const char *id,
		const char *remedy, const char *text)
{
	json_t *finding = json_pack("{s:s, s:s, s:o}", "check", check, "level", levels[level],
				    "text", json_from_text(text));

	if (*id)
		json_object_set_new(finding, "error", json_string(id));
	if (*remedy)
		json_object_set_new(finding, "remedy", json_string(remedy));
	json_array_append_new(f->list, finding);
	f->counts[level]++;
}

void finding_add(struct findings *f, enum finding_level level, const char *check,
		 const char *remedy, const char *format, ...)
{
	char text[FAULT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fault_plain(text);
	add(f, level, check, "", remedy, text);
}

void finding_fault(struct findings *f, enum finding_level level, const char *check,
		   const struct fault *fault)
{
	add(f, level, check, fault->id, fault_remedy(fault->id), fault->text);
}

void findings_print(const struct findings *f, const char *subject, FILE *out)
{
	static const char *const marks[] = { "ok", "note", "WARNING", "PROBLEM" };
	const json_t *finding;
	size_t n, level;

	fprintf(out, "%s\n", subject);
	json_array_foreach(f->list, n, finding) {
		const char *remedy = json_text(finding, "remedy", "");

		for (level = 0; strcmp(levels[level], json_text(finding, "level", "problem"));
		     level++)
			;
		fprintf(out, "  %-8s %-18s %s\n", marks[level], json_text(finding, "check", ""),
			json_text(finding, "text", ""));
		if (level > FINDING_NOTE && *remedy)
			fprintf(out, "  %-8s %-18s -> %s\n", "", "", remedy);
	}
	fprintf(out, "%d problem%s, %d warning%s\n", f->counts[FINDING_PROBLEM],
		f->counts[FINDING_PROBLEM] == 1 ? "" : "s", f->counts[FINDING_WARNING],
		f->counts[FINDING_WARNING] == 1 ? "" : "s");
}

json_t *findings_json(const struct findings *f, const char *subject)
{
	return json_pack("{s:o, s:O, s:i, s:i, s:b}", "subject", json_from_text(subject),
			 "findings", f->list, "problems", f->counts[FINDING_PROBLEM], "warnings",
			 f->counts[FINDING_WARNING], "possible", !f->counts[FINDING_PROBLEM]);
}
