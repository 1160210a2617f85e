/* Makes an image claim to be of a later version, with a header that is whole: newer IMAGE */
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "image/image.h"

int main(int argc, char **argv)
{
	struct image_header header;
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;

	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return 1;
	header.format_version = 99;
	header.header_checksum = XXH3_64bits(&header, sizeof(header) - sizeof(uint64_t));
	return pwrite(fd, &header, sizeof(header), 0) != sizeof(header);
}
