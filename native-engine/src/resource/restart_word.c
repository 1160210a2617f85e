/*
 * A word in the program's memory that tells it that it has been restarted: the restart writes it
 * before any thread runs. The program that goes on never sees it, however the checkpoint ends.
 */
#include <string.h>

#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "records.h"
#include "resource.h"

struct restart_word_record {
	uint64_t address;
	uint32_t value;
	uint32_t reserved;
};

static int capture(struct capture *c)
{
	struct restart_word_record r = { .address = c->round->restart_word.address,
					 .value = c->round->restart_word.value };

	if (r.address)
		record_append(c->records, RECORD_RESTART_WORD, &r, sizeof(r), NULL, 0);
	return 0;
}

static int restore_last(struct rebuilt_process *p)
{
	const struct record *record = record_find(p->records, RECORD_RESTART_WORD, NULL);
	struct restart_word_record r;
	int ret;

	if (!record)
		return 0;
	record_head(record, &r, sizeof(r));
	ret = process_write(p->process, r.address, &r.value, sizeof(r.value));
	if (ret < 0)
		return fault_set(p->fault, -ret, "restore-content",
				 "process %d cannot be told that it is restarted: %s",
				 p->image->header.virtual_pid, strerror(-ret));
	return 0;
}

const struct resource restart_word_resource = {
	.name = "restart word",
	.capture = capture,
	.restore_last = restore_last,
};
