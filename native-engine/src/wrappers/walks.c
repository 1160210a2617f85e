/* Calls that walk through directories: path virtualisation for what they begin at and what they find. */
#include <dirent.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"

#define SCAN(name, entry)                                                                         \
	int name(const char *path, struct entry ***list, int (*wanted)(const struct entry *),      \
		 int (*compare)(const struct entry **, const struct entry **))                     \
	{                                                                                         \
		PATH_ROOM(room);                                                                  \
                                                                                                  \
		return NEXT_FNC(name)(REAL_PATH(path, room), list, wanted, compare);               \
	}

SCAN(scandir, dirent)
SCAN(scandir64, dirent64)

/* ---- ftw(3): its function is given nothing of ours, so that we know it by its thread ---- */

struct walk {
	struct walk *above;
	pthread_t thread;
	void *function;
};

static struct walk *walks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void begin(struct walk *w, void *function)
{
	w->thread = pthread_self();
	w->function = function;
	pthread_mutex_lock(&lock);
	w->above = walks;
	walks = w;
	pthread_mutex_unlock(&lock);
}

static void end(struct walk *w)
{
	pthread_mutex_lock(&lock);
	for (struct walk **at = &walks; *at; at = &(*at)->above) {
		if (*at == w) {
			*at = w->above;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

/* Of the innermost walk of this thread. */
static void *function(void)
{
	struct walk *w;

	pthread_mutex_lock(&lock);
	for (w = walks; !pthread_equal(w->thread, pthread_self()); w = w->above)
		;
	pthread_mutex_unlock(&lock);
	return w->function;
}

/* @path as the program names it, in @room if there is one. */
static const char *named(const char *path, char *room)
{
	if (!room || strlen(path) >= PATH_MAX)
		return path;
	strcpy(room, path);
	dmtcp_internal_virtual_path(room);
	return room;
}

#define WALK(name, status, type, extra_parameters, extra, changes, more_parameters, more)          \
	static int found_by_##name(const char *path, const struct status *s, int flag extra_parameters) \
	{                                                                                           \
		PATH_ROOM(room);                                                                    \
		const char *known = named(path, room = path_room_take());                           \
                                                                                                    \
		changes;                                                                            \
		return ((type)function())(known, s, flag extra);                                    \
	}                                                                                           \
                                                                                                    \
	int name(const char *path, type given, int most more_parameters)                            \
	{                                                                                           \
		PATH_ROOM(room);                                                                    \
		struct walk w;                                                                      \
		int ret;                                                                            \
                                                                                                    \
		if (!dmtcp_internal_translates())                                                   \
			return NEXT_FNC(name)(path, given, most more);                              \
		path = REAL_PATH(path, room);                                                       \
		begin(&w, (void *)given);                                                           \
		ret = NEXT_FNC(name)(path, found_by_##name, most more);                             \
		end(&w);                                                                            \
		return ret;                                                                         \
	}

#define NONE
#define PLACE , struct FTW *place
#define HERE , &here
#define FLAGS_OF , int flags
#define FLAGS , flags
/* Where the last part of the name begins. */
#define MOVE_BASE struct FTW here = *place; here.base += (int)strlen(known) - (int)strlen(path)

WALK(ftw, stat, __ftw_func_t, NONE, NONE, NONE, NONE, NONE)
WALK(ftw64, stat64, __ftw64_func_t, NONE, NONE, NONE, NONE, NONE)
WALK(nftw, stat, __nftw_func_t, PLACE, HERE, MOVE_BASE, FLAGS_OF, FLAGS)
WALK(nftw64, stat64, __nftw64_func_t, PLACE, HERE, MOVE_BASE, FLAGS_OF, FLAGS)

/* ---- fts(3): finds what it is given; its entries say where that is ---- */

#define FTS_OPEN(name, type, entry)                                                              \
	type *name(char *const *paths, int options, int (*compare)(const entry **, const entry **)) \
	{                                                                                        \
		char **real, *rooms;                                                             \
		size_t count = 0;                                                                \
		type *walk;                                                                      \
                                                                                                 \
		if (!dmtcp_internal_translates())                                                \
			return NEXT_FNC(name)(paths, options, compare);                          \
		while (paths[count])                                                             \
			count++;                                                                 \
		real = calloc(count + 1, sizeof(*real));                                         \
		rooms = malloc((count + 1) * PATH_MAX);                                          \
		for (size_t i = 0; real && rooms && i < count; i++)                              \
			real[i] = (char *)dmtcp_internal_real_path(paths[i], rooms + i * PATH_MAX); \
		walk = NEXT_FNC(name)(real && rooms ? real : paths, options, compare);           \
		free(rooms);                                                                     \
		free(real);                                                                      \
		return walk;                                                                     \
	}

FTS_OPEN(fts_open, FTS, FTSENT)
FTS_OPEN(fts64_open, FTS64, FTSENT64)

/* ---- glob(3) ---- */

/* What was found from @first on, as the program names it; globfree(3) expects memory of malloc(3). */
static void name_found(char **found, size_t first, size_t last)
{
	PATH_ROOM(room);

	room = path_room_take();
	for (size_t i = first; room && i < last; i++) {
		const char *known = named(found[i], room);
		char *copy = strcmp(known, found[i]) ? strdup(known) : NULL;

		if (!copy)
			continue;
		free(found[i]);
		found[i] = copy;
	}
}

#define GLOB(name, type)                                                                        \
	int name(const char *pattern, int flags, int (*on_error)(const char *, int), type *out)  \
	{                                                                                       \
		PATH_ROOM(room);                                                                \
		size_t before = flags & GLOB_APPEND ? out->gl_pathc : 0, offset;                \
		int ret = NEXT_FNC(name)(REAL_PATH(pattern, room), flags, on_error, out);       \
                                                                                                \
		if (ret || !dmtcp_internal_translates())                                        \
			return ret;                                                             \
		offset = flags & GLOB_DOOFFS ? out->gl_offs : 0;                                \
		name_found(out->gl_pathv, offset + before, offset + out->gl_pathc);             \
		return 0;                                                                       \
	}

GLOB(glob, glob_t)
GLOB(glob64, glob64_t)
