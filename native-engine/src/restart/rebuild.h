/* One dmtcp_restart on this host: images, and the objects their processes will share. */
#ifndef REBUILD_H
#define REBUILD_H

#include "../resource/resource.h"

#define TERMINAL_PLACES 16

struct rebuild {
	struct image_reader **images;
	size_t image_count;
	int reserved_from; /* descriptors from this number on are the builder's own, */
	int reserved_to;   /* below this one; INT_MAX: all */
	int terminal_slave_fd; /* of the terminal that the processes get; -1: none */
	char terminal_path[64]; /* by which the processes find it */
	/* Masters that hold its names for as long as the processes run: descriptor/pty_names.h */
	int terminal_places[TERMINAL_PLACES];
	int terminal_place_count;
	int stdio[3];          /* dmtcp_restart's own 0, 1, 2 */
	int notes_fd;          /* for words to the user: the last of them, or -1: be quiet */
	unsigned int workers;
	bool user_namespace;   /* we are root only inside our own */
	/* Sums of id and checksum of code that the host has just as it was: mapped_file.c. */
	uint64_t *known_code;
	size_t known_code_count;
	struct shared_table *objects; /* id -> descriptor; shared.c */
	struct file_index *files;     /* descriptor/file_index.h */
	char **leftovers;             /* paths made for the time of the restart */
	size_t leftover_count;
	struct terminal_table *terminals; /* device -> descriptor; shared.c */
	struct inet_met_table *met;       /* descriptor/inet_met.h */
	struct far_ends *far_ends;        /* descriptor/inet_far.c */
	struct inherited *inherited;      /* resource/memory_inherit.h; NULL: nothing */
};

/* Descriptor (>= reserved_from) of the object or file with this id, or -1. */
int rebuild_lookup(struct rebuild *r, uint64_t id);
/* Moves @fd to the reserved range and remembers it under @id. Closes @fd, also on failure. */
int rebuild_remember(struct rebuild *r, uint64_t id, int fd, struct fault *fault);
/*
 * The same, but at exactly @number, which is free and which the caller has made sure nobody needs.
 */
int rebuild_remember_at(struct rebuild *r, uint64_t id, int fd, int number, struct fault *fault);
/*
 * Closes everything remembered: a new process once its own numbers are in place, and the builder
 * after the last stage, before anything runs (an end of a pipe or a lock held here would stay).
 */
void rebuild_close_objects(struct rebuild *r);
/*
 * Fills @fd with the content of @object from all images of the set: usually one carries it, but
 * code and memory without a descriptor are in every image as far as its process had them mapped.
 * Sparse: the caller has sized the file. No image has it: all zero.
 */
int rebuild_content(struct rebuild *r, uint64_t object, uint64_t bytes, int fd,
		    struct fault *fault);

/* A path that exists only while the builder works: removed with rebuild_remove_leftovers(). */
int rebuild_add_leftover(struct rebuild *r, const char *path);
void rebuild_remove_leftovers(struct rebuild *r);

/*
 * Terminals that can be controlling ones. A pseudo terminal whose master is among the images is
 * remembered in restore_shared under the device number that its slave had (as in /proc/PID/stat);
 * @slave_fd stays the caller's. A device that nobody remembered is the terminal that the user sees:
 * terminal_slave_fd, -1 without one.
 */
int rebuild_remember_terminal(struct rebuild *r, uint32_t device, int slave_fd,
			      struct fault *fault);
int rebuild_terminal(const struct rebuild *r, uint32_t device);

#endif
