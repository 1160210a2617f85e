#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *id;
	const char *remedy;
} remedies[] = {
#include "errors_table.h"
};

int fault_set(struct fault *fault, int error, const char *id, const char *format, ...)
{
	va_list arguments;

	if (!fault || fault->id[0])
		return -error;
	snprintf(fault->id, sizeof(fault->id), "%s", id);
	va_start(arguments, format);
	vsnprintf(fault->text, sizeof(fault->text), format, arguments);
	va_end(arguments);
	return -error;
}

const char *fault_remedy(const char *id)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (!strcmp(remedies[i].id, id))
			return remedies[i].remedy;
	return "";
}
