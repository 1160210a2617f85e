/* Calls that walk through directories: path virtualisation for what they begin at and what they find. */
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <stdbool.h>
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

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t innermost; /* the function of this thread's innermost walk */
static int no_key;

static void make_key(void)
{
	no_key = pthread_key_create(&innermost, NULL);
}

/* @outer: for end(). false with errno. */
static bool begin(void *function, void **outer)
{
	int error;

	pthread_once(&once, make_key);
	*outer = no_key ? NULL : pthread_getspecific(innermost);
	error = no_key ? no_key : pthread_setspecific(innermost, function);
	if (error)
		errno = error;
	return !error;
}

static void end(void *outer)
{
	pthread_setspecific(innermost, outer);
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
		void *function = pthread_getspecific(innermost);                                    \
		int ret;                                                                            \
                                                                                                    \
		changes;                                                                            \
		ret = ((type)function)(known, s, flag extra);                                       \
		end(function); /* it may have left one in there by longjmp(3) */                    \
		return ret;                                                                         \
	}                                                                                           \
                                                                                                    \
	int name(const char *path, type given, int most more_parameters)                            \
	{                                                                                           \
		PATH_ROOM(room);                                                                    \
		void *outer;                                                                        \
		int ret;                                                                            \
                                                                                                    \
		if (!dmtcp_internal_translates())                                                   \
			return NEXT_FNC(name)(path, given, most more);                              \
		path = REAL_PATH(path, room);                                                       \
		if (!begin((void *)given, &outer))                                                  \
			return -1;                                                                  \
		ret = NEXT_FNC(name)(path, found_by_##name, most more);                             \
		end(outer);                                                                         \
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
