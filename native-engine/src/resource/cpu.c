#include "cpu.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "records.h"

#define COMPONENTS 32 /* of XCR0 that have been defined so far: 20 */
#define LEGACY_BYTES 512
#define HEADER_BYTES 64
#define HEADER_XSTATE_BV 512 /* offset of the header's first word: components not in init state */

struct cpu_record { /* RECORD_CPU */
	char vendor[16];
	char model[48];
	uint32_t leaf1_ecx, leaf1_edx;
	uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx;
	uint32_t leaf7_1_eax, leaf7_1_edx;
	uint32_t extended_ecx, extended_edx; /* 0x80000001 */
	uint32_t leafd_1_eax;
	uint32_t xsave_bytes; /* of the standard (not compacted) layout */
	uint32_t reserved;
	uint64_t xcr0;
	struct {
		uint32_t offset, bytes;
	} components[COMPONENTS];
};

/* What user code can come to depend on, Intel SDM 2A CPUID and AMD APM 3 appendix E. */
static const struct feature {
	uint16_t offset;
	uint8_t bit;
	const char *name;
} features[] = {
#define IN(field, bit, name) { offsetof(struct cpu_record, field), bit, name }
	IN(leaf1_ecx, 0, "sse3"), IN(leaf1_ecx, 1, "pclmulqdq"), IN(leaf1_ecx, 9, "ssse3"),
	IN(leaf1_ecx, 12, "fma"), IN(leaf1_ecx, 13, "cmpxchg16b"), IN(leaf1_ecx, 19, "sse4.1"),
	IN(leaf1_ecx, 20, "sse4.2"), IN(leaf1_ecx, 22, "movbe"), IN(leaf1_ecx, 23, "popcnt"),
	IN(leaf1_ecx, 25, "aes"), IN(leaf1_ecx, 27, "osxsave"), IN(leaf1_ecx, 28, "avx"),
	IN(leaf1_ecx, 29, "f16c"), IN(leaf1_ecx, 30, "rdrand"),
	IN(leaf7_ebx, 0, "fsgsbase"), IN(leaf7_ebx, 3, "bmi1"), IN(leaf7_ebx, 5, "avx2"),
	IN(leaf7_ebx, 8, "bmi2"), IN(leaf7_ebx, 11, "rtm"), IN(leaf7_ebx, 16, "avx512f"),
	IN(leaf7_ebx, 17, "avx512dq"), IN(leaf7_ebx, 18, "rdseed"), IN(leaf7_ebx, 19, "adx"),
	IN(leaf7_ebx, 21, "avx512ifma"), IN(leaf7_ebx, 23, "clflushopt"),
	IN(leaf7_ebx, 24, "clwb"), IN(leaf7_ebx, 28, "avx512cd"), IN(leaf7_ebx, 29, "sha"),
	IN(leaf7_ebx, 30, "avx512bw"), IN(leaf7_ebx, 31, "avx512vl"),
	IN(leaf7_ecx, 1, "avx512vbmi"), IN(leaf7_ecx, 4, "ospke"), IN(leaf7_ecx, 5, "waitpkg"),
	IN(leaf7_ecx, 6, "avx512_vbmi2"), IN(leaf7_ecx, 8, "gfni"), IN(leaf7_ecx, 9, "vaes"),
	IN(leaf7_ecx, 10, "vpclmulqdq"), IN(leaf7_ecx, 11, "avx512_vnni"),
	IN(leaf7_ecx, 12, "avx512_bitalg"), IN(leaf7_ecx, 14, "avx512_vpopcntdq"),
	IN(leaf7_ecx, 22, "rdpid"), IN(leaf7_ecx, 25, "cldemote"), IN(leaf7_ecx, 27, "movdiri"),
	IN(leaf7_ecx, 28, "movdir64b"),
	IN(leaf7_edx, 8, "avx512_vp2intersect"), IN(leaf7_edx, 14, "serialize"),
	IN(leaf7_edx, 22, "amx_bf16"), IN(leaf7_edx, 23, "avx512_fp16"),
	IN(leaf7_edx, 24, "amx_tile"), IN(leaf7_edx, 25, "amx_int8"),
	IN(leaf7_1_eax, 0, "sha512"), IN(leaf7_1_eax, 1, "sm3"), IN(leaf7_1_eax, 2, "sm4"),
	IN(leaf7_1_eax, 4, "avx_vnni"), IN(leaf7_1_eax, 5, "avx512_bf16"),
	IN(leaf7_1_eax, 21, "amx_fp16"), IN(leaf7_1_eax, 23, "avx_ifma"),
	IN(leaf7_1_edx, 4, "avx_vnni_int8"), IN(leaf7_1_edx, 5, "avx_ne_convert"),
	IN(extended_ecx, 0, "lahf_lm"), IN(extended_ecx, 5, "lzcnt"), IN(extended_ecx, 6, "sse4a"),
	IN(extended_ecx, 8, "prefetchw"), IN(extended_ecx, 11, "xop"), IN(extended_ecx, 16, "fma4"),
	IN(extended_ecx, 21, "tbm"), IN(extended_edx, 27, "rdtscp"),
	IN(leafd_1_eax, 0, "xsaveopt"), IN(leafd_1_eax, 1, "xsavec"),
#undef IN
};

/* ---- the processor here ---- */

static uint64_t read_xcr0(void)
{
	uint32_t low, high;

	asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static void read_names(struct cpu_record *record)
{
	uint32_t a, b, c, d, leaf;

	if (__get_cpuid(0, &a, &b, &c, &d)) {
		memcpy(record->vendor, &b, 4);
		memcpy(record->vendor + 4, &d, 4);
		memcpy(record->vendor + 8, &c, 4);
	}
	for (leaf = 0; leaf < 3; leaf++)
		if (__get_cpuid(0x80000002 + leaf, &a, &b, &c, &d)) {
			uint32_t words[4] = { a, b, c, d };

			memcpy(record->model + 16 * leaf, words, 16);
		}
	record->model[sizeof(record->model) - 1] = '\0';
}

static void read_components(struct cpu_record *record)
{
	uint32_t a, b, c, d, i;

	record->xcr0 = read_xcr0();
	if (__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		record->xsave_bytes = b;
	if (__get_cpuid_count(0xd, 1, &a, &b, &c, &d))
		record->leafd_1_eax = a;
	for (i = 2; i < COMPONENTS; i++)
		if (record->xcr0 >> i & 1 && __get_cpuid_count(0xd, i, &a, &b, &c, &d)) {
			record->components[i].offset = b;
			record->components[i].bytes = a;
		}
}

static void ask_cpu(struct cpu_record *record)
{
	uint32_t a, b, c, d;

	memset(record, 0, sizeof(*record));
	read_names(record);
	if (__get_cpuid(1, &a, &b, &c, &d)) {
		record->leaf1_ecx = c;
		record->leaf1_edx = d;
	}
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		record->leaf7_ebx = b;
		record->leaf7_ecx = c;
		record->leaf7_edx = d;
	}
	if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
		record->leaf7_1_eax = a;
		record->leaf7_1_edx = d;
	}
	if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
		record->extended_ecx = c;
		record->extended_edx = d;
	}
	if (record->leaf1_ecx & 1u << 27) /* osxsave: else xgetbv is an invalid instruction */
		read_components(record);
}

/* Asked once: in a virtual machine each cpuid instruction leaves it, 20 to 70 us. */
static void read_cpu(struct cpu_record *record)
{
	static struct cpu_record ours;
	static bool known;

	if (!known)
		ask_cpu(&ours);
	known = true;
	*record = ours;
}

static int capture(struct capture *c)
{
	struct cpu_record record;

	read_cpu(&record);
	record_append(c->records, RECORD_CPU, &record, sizeof(record), NULL, 0);
	return 0;
}

/* ---- verify ---- */

static bool has(const struct cpu_record *record, const struct feature *f)
{
	uint32_t word;

	memcpy(&word, (const char *)record + f->offset, sizeof(word));
	return word >> f->bit & 1;
}

/*
 * The C library has chosen its routines, and compilers at run time theirs, by what the processor
 * could: any feature that it had may be in use (engine-facts 15.1).
 */
static int verify(struct image_reader *image, struct fault *fault)
{
	const struct record *r = record_find(&image->records, RECORD_CPU, NULL);
	struct cpu_record there, here;
	char missing[400] = "";
	size_t i;

	if (!r)
		return 0;
	record_head(r, &there, sizeof(there));
	read_cpu(&here);
	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (has(&there, &features[i]) && !has(&here, &features[i]) &&
		    strlen(missing) + strlen(features[i].name) + 2 < sizeof(missing)) {
			strcat(missing, " ");
			strcat(missing, features[i].name);
		}
	if (!*missing)
		return 0;
	there.model[sizeof(there.model) - 1] = '\0';
	return fault_set(fault, EOPNOTSUPP, "cpu-feature-missing",
			 "%s (%d) was running on %s; this processor (%s) lacks%s",
			 image->header.program, image->header.virtual_pid, there.model, here.model,
			 missing);
}

/* ---- extended registers ---- */

static bool same_layout(const struct cpu_record *there, const struct cpu_record *here)
{
	return there->xcr0 == here->xcr0 && there->xsave_bytes == here->xsave_bytes &&
	       !memcmp(there->components, here->components, sizeof(there->components));
}

int cpu_repack_xstate(const struct buffer *records, const void *area, size_t bytes, void **out,
		      size_t *out_bytes, struct fault *fault)
{
	const struct record *r = record_find(records, RECORD_CPU, NULL);
	struct cpu_record there, here;
	uint64_t live = 0;
	uint8_t *packed;
	unsigned int i;

	read_cpu(&here);
	if (r)
		record_head(r, &there, sizeof(there));
	else
		there = here;
	*out_bytes = same_layout(&there, &here) || !here.xsave_bytes ? bytes : here.xsave_bytes;
	if (bytes < LEGACY_BYTES + HEADER_BYTES || *out_bytes < LEGACY_BYTES + HEADER_BYTES)
		*out_bytes = bytes; /* a processor without XSAVE: the FXSAVE form */
	packed = calloc(1, *out_bytes);
	if (!packed)
		return fault_set(fault, ENOMEM, "out-of-memory", "%zu bytes of registers",
				 *out_bytes);
	*out = packed;
	if (*out_bytes == bytes && same_layout(&there, &here)) {
		memcpy(packed, area, bytes);
		return 0;
	}
	memcpy(packed, area, bytes < LEGACY_BYTES + HEADER_BYTES ? bytes : LEGACY_BYTES);
	if (bytes < LEGACY_BYTES + HEADER_BYTES)
		return 0;
	memcpy(&live, (const char *)area + HEADER_XSTATE_BV, sizeof(live));
	for (i = 2; i < COMPONENTS; i++) {
		uint32_t size = there.components[i].bytes;

		if (!(live >> i & 1))
			continue;
		if (!here.components[i].bytes || here.components[i].bytes < size ||
		    there.components[i].offset + size > bytes) {
			free(packed);
			*out = NULL;
			return fault_set(fault, EOPNOTSUPP, "cpu-feature-missing",
					 "registers of XSAVE component %u do not exist here", i);
		}
		memcpy(packed + here.components[i].offset,
		       (const char *)area + there.components[i].offset, size);
	}
	live &= here.xcr0 | 3;
	memcpy(packed + HEADER_XSTATE_BV, &live, sizeof(live));
	return 0;
}

static void describe(struct image_reader *image, json_t *out)
{
	const struct record *r = record_find(&image->records, RECORD_CPU, NULL);
	struct cpu_record record;
	size_t bytes;

	if (!r)
		return;
	record_head(r, &record, sizeof(record));
	bytes = strnlen(record.model, sizeof(record.model));
	while (bytes && record.model[bytes - 1] == ' ')
		bytes--;
	json_object_set_new(out, "processor", json_from_bytes(record.model, bytes));
}

/* A program of 32-bit code. One that jumps there by itself is found when it stands still. */
static int check(pid_t pid, struct fault *fault)
{
	Elf32_Ehdr head;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		head.e_machine = EM_NONE;
	close(fd);
	if (head.e_machine != EM_386)
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "thread %d of process %d runs 32-bit code", pid, pid);
}

const struct resource resource_cpu = {
	.name = "cpu",
	.check = check,
	.capture = capture,
	.verify = verify,
	.describe = describe,
};
