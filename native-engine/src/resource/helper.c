#include "helper.h"

#include "../common/plugin_area.h"
#include "records.h"

static int helper_capture(struct capture *c)
{
	struct helper_record h = { .tid = c->process->helper, .area = c->process->plugin_area };

	if (h.tid)
		record_append(c->records, RECORD_HELPER, &h, sizeof(h), NULL, 0);
	return 0;
}

bool helper_owns(struct process *p, int number)
{
	int32_t links[PLUGIN_LINKS];

	if (!p->helper || process_read(p, p->plugin_area + offsetof(struct plugin_area, links), links,
				       sizeof(links)) < 0)
		return false;
	for (size_t i = 0; i < PLUGIN_LINKS; i++)
		if (links[i] == number)
			return true;
	return false;
}

const struct resource resource_helper = {
	.name = "helper of plugins",
	.capture = helper_capture,
};
