/* Making the names of many files durable at once. */
#ifndef DIRECTORY_SYNC_H
#define DIRECTORY_SYNC_H

/* file_sync_directory_of(), shared with others who ask for the same directory at the same time. */
int directory_sync_of(const char *path);

#endif
