#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *id;
	const char *remedy;
} remedies[] = {
#include "errors_table.h"
};

void fault_plain(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 127)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* C1 controls in UTF-8 */
			c[0] = c[1] = '?';
	}
}

int fault_set(struct fault *fault, int error, const char *id, const char *format, ...)
{
	va_list arguments;

	if (!fault || fault->id[0])
		return -error;
	/* A process that has ended is not one that we may not trace, whatever was being read. */
	if (error == ESRCH && !strcmp(id, "not-allowed-to-trace"))
		id = "no-such-process";
	snprintf(fault->id, sizeof(fault->id), "%s", id);
	va_start(arguments, format);
	vsnprintf(fault->text, sizeof(fault->text), format, arguments);
	va_end(arguments);
	fault_plain(fault->text);
	return -error;
}

const char *fault_remedy(const char *id)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (!strcmp(remedies[i].id, id))
			return remedies[i].remedy;
	return "";
}
