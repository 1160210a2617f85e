/*
 * Memory of a process: what its mappings are, how they are told in an image. Internal to the memory
 * files of this folder; descriptor/memfd.c uses shared_memory.h.
 *
 *   smaps.c           reads the mappings of a live process
 *   memory.c          the resource: capture of mappings and private pages
 *   memory_pages.c    which private pages exist, guard markers
 *   memory_table.c    the mappings of an image, checked (hostile ones are refused by name)
 *   memory_restore.c  rebuilds the address space of a stopped process
 *   memory_finish.c   what comes behind its content (memory_rebuild.h)
 *   memory_fill.c     writes its pages
 *   memory_common.c   which pages several images may have in common (memory_inherit.h)
 *   memory_inherit.c  fills those once, for processes to inherit
 *   mapped_file.c     files behind mappings: identity, content, opening again
 *   shared_memory.c   shared anonymous memory, memfd, deleted files
 *   shared_content.c  their content where no descriptor leads to them
 *   sysv_shm.c        System V segments
 *   aio.c             rings of asynchronous I/O (io_setup)
 *   vdso.c, mm.c      the vDSO; brk, bounds, auxv, exe link
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "../trace/batch.h"
#include "../trace/process.h"
#include "records.h"
#include "resource.h"

struct shmid_ds;

#define PAGE_BYTES 4096ull
/*
 * End of what a process can map with 4-level page tables, and all that mmap gives unasked with 5.
 */
#define USER_END 0x7ffffffff000ull

/* Properties of a mapping in vma_record.flags: part of the image format, append only. */
enum vma_flag {
	VMA_SHARED = 1 << 0,
	VMA_MAY_WRITE = 1 << 1, /* shared: the file was open for writing */
	VMA_GROWS_DOWN = 1 << 2,
	VMA_NO_RESERVE = 1 << 3,
	VMA_DONT_FORK = 1 << 4,
	VMA_WIPE_ON_FORK = 1 << 5,
	VMA_DONT_DUMP = 1 << 6,
	VMA_HUGE_PAGE = 1 << 7,
	VMA_NO_HUGE_PAGE = 1 << 8,
	VMA_MERGEABLE = 1 << 9,
	VMA_SEQUENTIAL = 1 << 10,
	VMA_RANDOM = 1 << 11,
	VMA_LOCKED = 1 << 12,
	VMA_LOCK_ON_FAULT = 1 << 13,
	VMA_HUGETLB = 1 << 14,
	VMA_DROPPABLE = 1 << 15,
	VMA_SEALED = 1 << 16,
	VMA_GUARDED = 1 << 17, /* may hold guard markers: not restored from here */
	VMA_ACCOUNTED = 1 << 18,
	VMA_SYSV = 1 << 19, /* attached with shmat(2) */
};
#define VMA_FLAGS_KNOWN ((1u << 20) - 1)

struct vma_record { /* RECORD_VMA; the tail is its name given with PR_SET_VMA_ANON_NAME */
	uint64_t start, end;
	uint64_t file_id; /* of a RECORD_MAPPED_FILE; 0: anonymous */
	uint64_t offset;  /* in the file, bytes */
	uint32_t protection; /* PROT_* */
	uint32_t flags;      /* enum vma_flag */
	uint32_t page_shift; /* of hugetlb pages, else 12 */
	uint32_t protection_key;
};

struct range_record { /* RECORD_GUARD, RECORD_COPIED */
	uint64_t start, end;
};

/* ---- smaps.c: a live process ---- */

/* SPECIAL_AIO: aio.h */
enum special_vma {
	SPECIAL_NONE,
	SPECIAL_VDSO,
	SPECIAL_VVAR,
	SPECIAL_VSYSCALL,
	SPECIAL_AIO
};

struct live_vma {
	struct vma_record v;
	uint64_t device, inode; /* as in maps; makedev(3) */
	uint64_t resident_bytes, swapped_bytes;
	enum special_vma special;
	bool userfault, device_memory, shadow_stack;
	bool has_flags;   /* the kernel told VmFlags */
	const char *path; /* as in maps, "" when there is none; lives in the table */
};

struct live_memory {
	struct live_vma *vmas; /* ascending */
	size_t count;
	char *text; /* of smaps; the paths point into it */
	uint64_t skip; /* start of a mapping that is passed over; 0: none */
	bool early; /* read before the freeze: see live_memory_matches() */
};

/*
 * Reads the mappings of @pid but the one that starts at @skip (process.h: guard; 0: all). @tid when
 * the leader has exited, else equal. -ESRCH, -EACCES.
 */
int live_memory_read(struct live_memory *m, pid_t pid, pid_t tid, uint64_t skip,
		     struct fault *fault);
void live_memory_free(struct live_memory *m);
/* Before a large process is frozen, for p->early_smaps. NULL: not worth it, or not possible. */
char *live_memory_look_early(pid_t pid);
/* The same as live_memory_read() of a frozen process, of the early look where it still holds. */
int live_memory_read_frozen(struct live_memory *m, struct process *p, struct fault *fault);
/*
 * -EAGAIN with fault memory-changed: @snapshot, a fork, has mappings with other properties. Fills
 * in how much of each exists.
 */
int live_memory_matches(struct live_memory *m, pid_t snapshot, struct fault *fault);

/* Memory that no file backs, whatever the kernel shows as its inode. */
bool live_vma_is_anonymous(const struct live_vma *v);

/* A thread of @p that can execute injected calls, or NULL. */
struct thread *memory_injectable_thread(struct process *p);

/* ---- memory_pages.c ---- */

enum which_pages {
	PAGES_ALL,        /* of the frozen process */
	PAGES_FORKED,     /* what its snapshot has: from the snapshot */
	PAGES_NOT_FORKED, /* the rest: from the frozen process */
};

/*
 * Queues the private pages of @m that exist and hold data, and appends a record for each range of
 * guard markers. The cost follows the pages that exist.
 */
int memory_capture_pages(struct capture *c, const struct live_memory *m, enum which_pages which);

/* ---- mapped_file.c ---- */

enum mapped_kind { /* part of the image format: append only */
	MAPPED_ELF = 1,     /* code: the mapped ranges are content of the object @id ^ KEY_IMAGE */
	MAPPED_REGULAR = 2, /* data: @payload of descriptor/regular_file.c tells the rest */
	MAPPED_MEMORY = 3,  /* shared memory without a name: content of the object @id */
	MAPPED_SYSV = 4,    /* attached with shmat(2): RECORD_SYSV_SHM tells the rest */
};

enum mapped_flag {
	MAPPED_WANTS_WRITE = 1 << 0, /* some mapping is shared and may be written */
	MAPPED_WANTS_READ = 1 << 1,  /* some mapping is private, or shared and may not be written */
	MAPPED_HUGETLB = 1 << 2,
	MAPPED_SEALS_KNOWN = 1 << 3,
	MAPPED_CHECKSUM_KNOWN = 1 << 4, /* of data; code always has one */
};

struct file_range {
	uint64_t start, end;
};

struct mapped_file_record { /* RECORD_MAPPED_FILE; tail: ranges, path, payload */
	uint64_t id; /* round_inode_id() */
	uint32_t kind, flags;
	uint64_t bytes; /* of the file */
	uint64_t checksum; /* XXH3-64 of the mapped ranges */
	uint32_t page_shift, seals;
	uint32_t range_count; /* struct file_range: what of it is mapped, ascending */
	uint32_t path_bytes, payload_bytes;
	uint32_t mode;
};

/* One file behind mappings of a live process. */
struct mapped_file {
	struct live_vma **vmas; /* by offset */
	size_t vma_count;
	struct file_range *ranges;
	struct mapped_file_record r;
};

/* A record, checked: what its tail holds. */
struct mapped_file_view {
	struct mapped_file_record r;
	const struct file_range *ranges; /* unaligned reads are fine on x86-64 */
	char path[4096];
	const void *payload;
};

int mapped_file_view(const struct record *record, struct mapped_file_view *v, struct fault *fault);
void mapped_file_append(struct capture *c, const struct mapped_file *f, const char *path,
			const struct buffer *payload);

/* Appends the records of all files behind @m and fills in v.file_id of every mapping. */
int mapped_files_capture(struct capture *c, struct live_memory *m);
int mapped_files_verify(struct image_reader *image, struct fault *fault);
/* Opens every file of the image in the builder, with its content. */
int mapped_files_restore(struct rebuilt_process *p);
/* The builder's descriptor, inherited by the process, to map file @id with; or -1. */
int mapped_file_descriptor(struct rebuild *r, uint64_t id, bool write);

/* ---- shared_memory.c ---- */

/* A descriptor of ours on the file behind @v, through any member that has one; or -errno. */
int shared_memory_open(struct capture *c, const struct live_vma *v);
/* Record and content of memory without a name: shared anonymous, memfd, hugetlb, lost files. */
int shared_memory_capture(struct capture *c, struct mapped_file *f, bool is_new);
/*
 * shared_content.c: queues the content of @f->r.id as far as it is mapped and has not been queued
 * in this round; finds @f->r.bytes.
 */
int shared_memory_content(struct capture *c, struct mapped_file *f);
int shared_memory_restore(struct rebuilt_process *p, const struct mapped_file_view *v);
int shared_memory_restore_last(struct rebuilt_process *p);

/* ---- memory_table.c: mappings of an image ---- */

struct memory_table {
	struct vma_record *vmas; /* ascending, not overlapping */
	const struct record **records;
	size_t count;
};

/* -EINVAL with fault image-damaged for anything that cannot be a real address space. */
int memory_table_read(struct memory_table *t, const struct buffer *records, struct fault *fault);
void memory_table_free(struct memory_table *t);
/* First address >= @from where @bytes are free in the table and in none of @avoid; 0: none. */
uint64_t memory_table_hole(const struct memory_table *t, uint64_t from, uint64_t bytes,
			   const struct file_range *avoid, size_t avoid_count);

/* ---- sysv_shm.c ---- */

int sysv_shm_capture(struct capture *c, struct mapped_file *f, bool is_new);
/*
 * Segment @id, which nobody has attached, by an attachment of thread @t, which is in a burst of
 * injected calls. A negative errno without a fault where it may not be read.
 */
int sysv_shm_capture_unattached(struct capture *c, struct thread *t, int id,
				const struct shmid_ds *status);
int sysv_shm_verify(const struct buffer *records, struct fault *fault);
int sysv_shm_restore(struct rebuilt_process *p);
/* The whole attachment that the mapping @v is (a part) of; false: it is none. */
bool sysv_shm_span(const struct buffer *records, const struct vma_record *v,
		   struct file_range *span);
/* Makes all attachments of @table, before anything else is mapped. */
int sysv_shm_attach(struct rebuilt_process *p, struct thread *t, const struct memory_table *table);
int sysv_shm_restore_last(struct rebuilt_process *p);

/* ---- memory_restore.c ---- */

int memory_restore(struct rebuilt_process *p);

/* ---- memory_fill.c ---- */

struct kept;

/*
 * @bytes at @address, all registered with @fault_fd, are missing; or some are not, where the process
 * has @inherited memory.
 */
int memory_fill_registered(struct process *p, int fault_fd, bool inherited, uint64_t address,
			   const uint8_t *data, uint64_t bytes);
/*
 * Writes all private pages of the image, but for those of @kept that are as they should be;
 * everything is mapped. Between inject_begin() and _end().
 */
int memory_fill(struct rebuilt_process *p, struct thread *t, const struct memory_table *table,
		const struct kept *kept);

/* ---- vdso.c ---- */

int vdso_capture(struct capture *c, const struct live_memory *m);
int vdso_verify(const struct buffer *records, const struct memory_table *t, struct fault *fault);
/*
 * The address space of @t's process is empty but for its vDSO (told by @now): moves it to where the
 * image had it, or parks it outside of @table and puts a proxy there.
 */
int vdso_restore(struct rebuilt_process *p, struct thread *t, const struct memory_table *table,
		 const struct live_memory *now);

/* ---- mm.c ---- */

int mm_capture(struct capture *c, const struct live_memory *m);
int mm_verify(struct image_reader *image, struct fault *fault);
/* In the builder: opens the executable for mm_restore(). */
int mm_restore_shared(struct rebuilt_process *p);
/* @scratch: 16 KiB of writable memory of the process that is taken away afterwards. */
int mm_restore(struct rebuilt_process *p, struct thread *t, uint64_t scratch);

/* Under which the builder remembers further descriptors of an object beside the one of its id. */
#define KEY_READ (1ull << 62)  /* to map it privately or for reading */
#define KEY_WRITE (1ull << 61) /* to map it shared */
/*
 * A file that the host has not: memory with the carried content. Also the object of that content in
 * the image, apart from @id, under which the whole file is carried when it is open and deleted.
 */
#define KEY_IMAGE (1ull << 60)

/* ---- for dmtcp_inspect ---- */

/* memory_describe.c: the mappings, with what of them the image holds. */
void memory_describe(struct image_reader *image, json_t *out);
/* mm.c: executable and arguments; where heap and stack are. */
void mm_describe(struct image_reader *image, json_t *out, struct file_range *heap, uint64_t *stack);

#endif
