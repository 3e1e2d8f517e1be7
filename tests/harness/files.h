/* SPDX-License-Identifier: MIT */
/* Files, directories and standard streams to test with, and what puts them away again. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

/* A file in memory, unlike any other, close-on-exec, at the first free number from `low` on. */
int file_new(int low);

/* The number is free to be used as a target: nothing is open there. */
int file_free_number(int low);

int file_is_open(int fd);

/* From `low` to below `end` (0: all there may be), where close_range() may be refused. */
void file_close_range(int low, int end);

/* Makes a process's pipe hold so much, if that may be: what it holds then. */
int file_widen_pipe(int pid, int fd, int size);

/* Descriptors below `count` may be used, where the soft limit was lower; or the test is skipped. */
void file_allow(int count);

/* Puts other files (-1: none) in place of 0, 1 and 2, and those that were there back. */
struct stdio {
	int saved[3];
};
void stdio_replace(struct stdio *s, int in, int out, int err);
void stdio_restore(struct stdio *s);

/* A new directory below /tmp that programs may be run from; removed at the end of its block. */
struct scratch {
	char path[64];
};
#define SCRATCH __attribute__((cleanup(scratch_remove))) struct scratch
void scratch_make(struct scratch *s);
void scratch_remove(struct scratch *s);

/* The path of a name in it: valid until eight calls later. */
const char *scratch_path(const struct scratch *s, const char *name);
const char *scratch_directory(const struct scratch *s, const char *name, int mode);
const char *scratch_file(const struct scratch *s, const char *name, int mode, const char *text);

/* A script that exits with that code. */
const char *scratch_exit(const struct scratch *s, const char *name, int code);

#endif
