/*
 * file: reading from descriptors. Threads: any; these block.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* For _cleanup_: closes a descriptor that was only read from; -1 is none. */
void file_closep(int *fd);

/* Reads until n bytes are there or the file ends. False on an error. */
bool file_read(int fd, void *p, size_t n, size_t *ret_n);
