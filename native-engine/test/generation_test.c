/* Which of the files beside a manifest is the image of the committed generation. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/resource/process_record.h"
#include "../src/resource/records.h"
#include "../src/restart/generation.h"
#include "check.h"

#define NAME "ckpt_p_u1.dmtcp"

static char directory[] = "/tmp/generation_test.XXXXXX";

static void in_directory(char *out, const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", directory, name);
}

static void write_image(const char *name, unsigned int generation, const char *manifest_id)
{
	struct image_options options = { .workers = 1 };
	struct image_header header = { .members = 1, .virtual_pid = 7, .generation = generation };
	struct process_record process = { .pid = 7 };
	struct image_summary summary;
	struct image_writer *writer;
	struct buffer records = { 0 };
	struct fault fault = { 0 };
	char path[PATH_MAX];

	header.owner_uid = geteuid();
	strcpy(header.computation_id, "c");
	strcpy(header.unique_pid, "u1");
	strcpy(header.program, "p");
	strcpy(header.manifest_id, manifest_id);
	record_append(&records, RECORD_PROCESS, &process, sizeof(process), NULL, 0);
	in_directory(path, name);
	CHECK(image_writer_open(&writer, path, &options, &fault) == 0);
	CHECK(image_writer_finish(writer, &header, &records, &summary, &fault) == 0);
	image_writer_close(writer);
	buffer_free(&records);
}

static void write_manifest(unsigned int generation, const char *manifest_id, const char *unique)
{
	char path[PATH_MAX];
	FILE *f;

	in_directory(path, "dmtcp_manifest_c.json");
	f = fopen(path, "w");
	CHECK(f && fprintf(f, "{\"generation\":%u,\"manifestId\":\"%s\",\"images\":"
			   "[{\"uniquePid\":\"%s\"}]}", generation, manifest_id, unique) > 0);
	fclose(f);
}

static void forget(const char *name)
{
	char path[PATH_MAX];

	in_directory(path, name);
	unlink(path);
}

/* The generation of the image that is opened, or -errno. */
static int opened_of(const char *manifest_id, char *fault_id)
{
	struct image_reader *image;
	struct fault fault = { 0 };
	char path[PATH_MAX];
	int ret;

	in_directory(path, NAME);
	ret = generation_open_image(&image, path, true, manifest_id, &fault);
	strcpy(fault_id, fault.id);
	if (ret < 0)
		return ret;
	ret = image->header.generation;
	image_reader_close(image);
	return ret;
}

static int opened(char *fault_id)
{
	return opened_of(NULL, fault_id);
}

int main(void)
{
	char id[FAULT_ID_BYTES];

	CHECK(mkdtemp(directory));
	write_image(NAME, 1, "first");
	CHECK(opened(id) == 1); /* without a manifest an image speaks for itself */
	write_manifest(1, "first", "u1");
	CHECK(opened(id) == 1);

	/* A round that failed leaves its file: not committed, not looked at. */
	write_image(NAME ".g00002", 2, "second");
	CHECK(opened(id) == 1);

	/* The host missed the commit, and who restarts knows of it. */
	CHECK(opened_of("second", id) == 2);
	CHECK(opened_of("first", id) == 1);
	CHECK(opened_of("third", id) == 1);
	forget(NAME);
	CHECK(opened_of("second", id) == 2);
	CHECK(opened(id) == -ESTALE);
	write_image(NAME, 1, "first");

	/* The machine stopped between the commit and the renaming. */
	write_manifest(2, "second", "u1");
	CHECK(opened(id) == 2);
	CHECK(opened_of("first", id) == 2); /* its script is the only one yet */
	write_image(NAME, 2, "second"); /* the renaming got as far as here */
	forget(NAME ".g00002");
	CHECK(opened_of("first", id) == 2);
	forget(NAME);
	write_image(NAME ".g00002", 2, "second");
	CHECK(opened(id) == 2);
	CHECK(opened_of("first", id) == 2);

	/* Of a later round, or of another attempt: not the one that was committed. */
	write_image(NAME, 1, "first");
	write_image(NAME ".g00002", 2, "another");
	CHECK(opened(id) == -EINVAL && !strcmp(id, "image-set-mixed"));
	forget(NAME ".g00002");
	CHECK(opened(id) == -EINVAL && !strcmp(id, "image-set-mixed"));
	write_image(NAME, 2, "another");
	CHECK(opened(id) == -EINVAL && !strcmp(id, "image-set-mixed"));

	/* Two rounds of one number, by coordinators that do not know of each other. */
	write_image(NAME, 1, "first");
	write_image(NAME ".g00002-another", 2, "another");
	CHECK(opened(id) == -EINVAL && !strcmp(id, "image-set-mixed"));
	write_image(NAME ".g00002-second", 2, "second");
	CHECK(opened(id) == 2);
	CHECK(opened_of("first", id) == 2);
	forget(NAME ".g00002-another");
	forget(NAME ".g00002-second");
	CHECK(generation_familiar("a.dmtcp.g00012-1f0c55ae") == 7);
	CHECK(generation_familiar("a.dmtcp.g00012") == 7);
	CHECK(generation_familiar("a.dmtcp.g00012-") == 15);
	CHECK(generation_familiar("a.g00012-a_b") == 12);

	/* Its process had ended by the newer generation: a leftover. */
	write_image(NAME, 1, "first");
	write_manifest(2, "second", "u2");
	CHECK(opened(id) == -ESTALE);
	CHECK(opened_of("first", id) == -ESTALE);
	forget(NAME);
	write_image(NAME ".g00003", 3, "never");
	CHECK(opened(id) == -ESTALE);
	forget(NAME ".g00003");
	CHECK(opened(id) == -ENOENT && !strcmp(id, "image-unreadable"));

	forget("dmtcp_manifest_c.json");
	rmdir(directory);
	puts("ok");
	return 0;
}
