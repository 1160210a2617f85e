/* What the plugins of a process have said about its image: common/plugin_area.h. */
#ifndef PLUGIN_CHOICES_H
#define PLUGIN_CHOICES_H

#include <sys/stat.h>

#include "memory.h"
#include "resource.h"

/* Reads @bytes at @offset of its struct plugin_choices. false: it has no plugins. */
bool plugin_choices_read(struct process *p, size_t offset, void *data, size_t bytes);

/* enum plugin_file_choice of an open file. */
uint32_t plugin_file_choice(struct process *p, const struct stat *status);

/* Whether memory is to be left out; and takes it out of @m, mappings or parts of them. */
bool plugin_skips_memory(struct process *p);
int plugin_skip_memory(struct capture *c, struct live_memory *m);

extern const struct resource notes_resource;

#endif
