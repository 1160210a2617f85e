/* The Java that runs the coordinator. */
#include "java.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A coordinator waits most of its life and must start fast: the simplest collector and compiler, a heap that
 * begins small, small stacks, and no file in /tmp for jstat.
 */
static const char *const flags[] = {
	"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xms24m", "-Xmx512m",
	"-Xss512k", "-Xshare:auto",
};

/* Appends @prefix and @text as one argument. */
static int add(struct java_command *c, const char *prefix, const char *text)
{
	char **grown = realloc(c->arguments, (c->count + 2) * sizeof(*grown));
	int length;

	if (!grown)
		return -ENOMEM;
	c->arguments = grown;
	c->arguments[c->count + 1] = NULL;
	length = asprintf(&c->arguments[c->count], "%s%s", prefix, text);
	if (length < 0) {
		c->arguments[c->count] = NULL;
		return -ENOMEM;
	}
	c->count++;
	return 0;
}

/* JAVA_HOME's, else the first in PATH; without one where a shell would look. */
static int find_java(char *path, size_t bytes, struct fault *fault)
{
	const char *home = getenv("JAVA_HOME"), *directories = getenv("PATH");
	char usual[256] = "";

	if (!directories && confstr(_CS_PATH, usual, sizeof(usual)))
		directories = usual;
	if (home && *home) {
		snprintf(path, bytes, "%s/bin/java", home);
		if (access(path, X_OK) == 0)
			return 0;
		return fault_set(fault, ENOENT, "java-missing", "JAVA_HOME is %s, but %s: %s", home,
				 path, strerror(errno));
	}
	while (directories) {
		int n = (int)strcspn(directories, ":");

		if (n && snprintf(path, bytes, "%.*s/java", n, directories) < (int)bytes &&
		    access(path, X_OK) == 0)
			return 0;
		directories = directories[n] ? directories + n + 1 : NULL;
	}
	return fault_set(fault, ENOENT, "java-missing",
			 "the coordinator needs Java, and there is no `java` in PATH");
}

static int is_jar(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".jar") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* `<tree>/lib/java/a.jar:...`; the caller frees it. */
static int class_path(const char *tree, char **out, struct fault *fault)
{
	char directory[PATH_MAX];
	struct dirent **jars;
	size_t bytes;
	FILE *f;
	int count;

	snprintf(directory, sizeof(directory), "%s/lib/java", tree);
	count = scandir(directory, &jars, is_jar, by_bytes);
	if (count <= 0) {
		if (count == 0)
			free(jars);
		return fault_set(fault, ENOENT, "not-built", "%s holds no jar files", directory);
	}
	*out = NULL;
	f = open_memstream(out, &bytes);
	for (int i = 0; i < count; i++) {
		if (f)
			fprintf(f, "%s%s/%s", i ? ":" : "", directory, jars[i]->d_name);
		free(jars[i]);
	}
	free(jars);
	if (!f || fclose(f))
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for the class path");
	return 0;
}

/* Words of DMTCP_JAVA_OPTIONS; they come last and so win. */
static int add_own_options(struct java_command *c)
{
	const char *options = getenv("DMTCP_JAVA_OPTIONS");
	int ret = 0;

	while (ret == 0 && options && *(options += strspn(options, " "))) {
		size_t n = strcspn(options, " ");
		char *word = strndup(options, n);

		ret = word ? add(c, "", word) : -ENOMEM;
		free(word);
		options += n;
	}
	return ret;
}

int java_command_make(struct java_command *out, const char *name, const char *tree,
		      const char *main_class, char *const *arguments, struct fault *fault)
{
	char java[PATH_MAX], archive[PATH_MAX];
	char *jars = NULL;
	int ret;

	*out = (struct java_command){ 0 };
	ret = find_java(java, sizeof(java), fault);
	if (ret < 0)
		return ret;
	ret = class_path(tree, &jars, fault);
	if (ret < 0)
		return ret;
	ret = add(out, "", name); /* the JVM finds its files by /proc/self/exe: this is ours to choose */
	out->file = strdup(java);
	if (!out->file)
		ret = -ENOMEM;
	for (size_t i = 0; ret == 0 && i < sizeof(flags) / sizeof(*flags); i++)
		ret = add(out, "", flags[i]);
	snprintf(archive, sizeof(archive), "%s/lib/java/dmtcp.jsa", tree);
	if (ret == 0 && access(archive, R_OK) == 0)
		ret = add(out, "-XX:SharedArchiveFile=", archive);
	if (ret == 0)
		ret = add(out, "-Ddmtcp.tree=", tree);
	if (ret == 0)
		ret = add_own_options(out);
	if (ret == 0)
		ret = add(out, "", "-cp");
	if (ret == 0)
		ret = add(out, "", jars);
	if (ret == 0)
		ret = add(out, "", main_class);
	for (; ret == 0 && *arguments; arguments++)
		ret = add(out, "", *arguments);
	free(jars);
	if (ret < 0) {
		java_command_free(out);
		return fault_set(fault, -ret, "out-of-memory", "no memory for a command line");
	}
	return 0;
}

void java_command_free(struct java_command *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->arguments[i]);
	free(c->arguments);
	free(c->file);
	*c = (struct java_command){ 0 };
}
