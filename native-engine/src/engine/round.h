/* All processes of this host that are captured together, and the ids of what they share. */
#ifndef ROUND_H
#define ROUND_H

#include <sys/stat.h>

#include "../trace/process.h"

struct round {
	char computation_id[64];
	char manifest_id[40];
	uint64_t generation;
	struct {
		uint64_t address; /* 0: none */
		uint32_t value;
	} restart_word; /* of a program that checkpoints itself: resource/restart_word.c */
	uint64_t host_salt; /* random high bits: ids of different hosts never collide */
	struct process **members;
	size_t member_count;
	void *shared; /* identity tables of shared.c */
	struct virtual_ids *ids; /* of round_virtual_pid() */
	struct inventory *descriptors; /* of all members: descriptor/inventory.h */
	struct undo_sets *semaphores;  /* that have been captured: resource/sysv_undo.c */
	struct backlog *backlog; /* of clients not yet accepted: descriptor/backlog.h */
	struct memory_round *memory;   /* what has been read: resource/shared_content.c */
	/*
	 * Connections to members on other hosts, as the coordinator has matched them: ascending by
	 * key; descriptor/inet_remote.h.
	 */
	struct inet_remote *remotes;
	size_t remote_count, remote_capacity;
	struct inet_settling *settling; /* outlives it; NULL: nobody would come back to them */
	bool (*given_up)(void *context); /* asked in long waits; NULL: nobody can */
	void *given_up_context;
};

/*
 * The round-wide id of an object that several processes may hold; the same object gives the same
 * id, *@is_new tells the first caller. Never 0.
 */
uint64_t round_inode_id(struct round *r, uint64_t device, uint64_t inode, bool *is_new);
/*
 * The same for an open file description: kcmp(2). @status is that of its file; descriptors whose @trait
 * differs cannot be open on the same description, which saves comparing them.
 */
uint64_t round_file_id(struct round *r, struct process *p, int number, const struct stat *status,
		       uint64_t trait, bool *is_new);
/* Gives new ids from here on; before any has been used. -ENOMEM. */
int round_forget_ids(struct round *r);
/* Forgets what of shared memory has been read; when the round ends. */
void shared_content_free(struct round *r);
/*
 * Virtual pid of a member that shares the object of this kcmp(2) type (KCMP_VM, _FILES, _FS, _SIGHAND)
 * with @p: the first one asked about, @p itself when nobody does.
 */
pid_t round_sharer(struct round *r, struct process *p, int type);
/* The member with this engine-side pid, or NULL. */
struct process *round_member(struct round *r, pid_t pid);
/* Engine-side pid or tid -> what the program sees; 0 when it is not a member. */
pid_t round_virtual_pid(struct round *r, pid_t real_pid);

#endif
