/* Files: reading with limits, read-only maps, and writing that is atomic: a temporary name in the same folder, fsync,
 * rename, fsync of the folder. A reader sees the old file or the whole new one. Errors name the path. The system
 * calls that write go through one replaceable table, so that tests can fill the disk or kill the process at the n-th
 * call.
 *
 * Links. Output goes to what a path names, links followed: the temporary is beside the last link's target and takes
 * its place, the links stay. A link whose target does not exist counts as absent, and writing creates the target, in a
 * folder that exists; so do `sort -o` and a shell's `>`. A loop of links is an error that says so. What is not a
 * regular file is never replaced: devices and pipes are written to, and so are this process's descriptors (/dev/stdout,
 * /dev/fd/N, /proc/self/fd/N) even when they are regular files, whose other content stays. Such output cannot be taken
 * back after a failure. A file that replaces another has its mode, and its owner and group where the system allows;
 * other hard links keep the old file.
 *
 * Temporaries. While TARGET is written its new content is in the same folder as TARGET.trm-PID-COUNT.tmp (of a long
 * name the first 200 bytes), a file or a folder, locked (flock) by the process that fills it. A lock ends with its
 * process, however that ends, so a temporary without one is a leftover: the next writer of TARGET removes it, and a run
 * directory is cleaned when its training goes on. Where a file system has no locks, leftovers stay. */
#ifndef TRM_BASE_OS_FILE_H
#define TRM_BASE_OS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <trm/error.h>

/* A file's bytes and a NUL after them (not counted). TRM_E_INPUT when larger than limit. Free with trm__free. */
trm_status trm__file_read(const char *path, size_t limit, char **data, size_t *size, trm_error *err);

typedef struct trm__map {
  const unsigned char *data;
  size_t size;
} trm__map;
trm_status trm__map_open(trm__map *map, const char *path, trm_error *err); /* regular files only; read-only, private */
void trm__map_close(trm__map *map);

/* An atomic write. open -> write... -> commit or abort; after a failed write only abort is allowed. */
typedef struct trm__writer trm__writer;
trm_status trm__writer_open(trm__writer **out, const char *path, trm_error *err);
trm_status trm__writer_write(trm__writer *w, const void *data, size_t size, trm_error *err);
trm_status trm__writer_flush(trm__writer *w, trm_error *err);   /* what was written goes out, for a pipe's reader */
uint32_t trm__writer_crc(const trm__writer *w);                 /* CRC-32 (IEEE) of what was written so far */
trm_status trm__writer_commit(trm__writer **w, trm_error *err); /* clears *w on success and on failure */
void trm__writer_abort(trm__writer **w);                        /* accepts NULL inside; removes the temporary */
trm_status trm__file_write(const char *path, const void *data, size_t size, trm_error *err); /* the three in one */

/* An append-only log (metrics.jsonl): one write call a record, no temporary name. errno is that of a failed call. */
trm_status trm__file_append(int fd, const char *path, const void *data, size_t size, trm_error *err);
int trm__file_sync(int fd); /* fsync, again when interrupted */

/* A folder that is filled, beside the one that it will be or beside the file that one of its files will be. */
typedef struct trm__draft trm__draft;
trm_status trm__draft_open(trm__draft **out, const char *target, trm_error *err);
const char *trm__draft_path(const trm__draft *draft); /* the folder to fill */
/* The folder becomes target, which is absent or an empty folder; on failure target is as it was. Clears *draft. */
trm_status trm__draft_commit(trm__draft **draft, trm_error *err);
/* The folder's file of that name, synced, becomes target, and the rest is removed. Clears *draft. */
trm_status trm__draft_commit_file(trm__draft **draft, const char *name, trm_error *err);
void trm__draft_abort(trm__draft **draft); /* accepts NULL inside; removes the folder */

/* The temporary of one target, made and locked. where: the path that errors name. */
typedef struct trm__temporary {
  char *path;
  int fd;
} trm__temporary;
trm_status trm__temporary_open(trm__temporary *out, const char *target, int folder, mode_t mode, const char *where,
                               trm_error *err);
void trm__temporary_close(trm__temporary *temporary); /* unlocks; what is on disk stays */
/* Removes the folder's leftovers of one target (NULL: of all). Never fails. */
void trm__temporaries_remove(const char *folder, const char *target);

trm_status trm__dir_make(const char *path, trm_error *err);   /* with parents; fine when it exists; follows links */
trm_status trm__dir_remove(const char *path, trm_error *err); /* a tree; fine when absent; never follows links */
trm_status trm__dir_sync(const char *path, trm_error *err);
trm_status trm__dir_sync_parent(const char *path, trm_error *err);        /* the folder that path is in */
trm_status trm__rename(const char *from, const char *to, trm_error *err); /* and syncs the folder of to */
/* Without the sync; the error names where, and from as what was to replace it. */
trm_status trm__rename_only(const char *from, const char *to, const char *where, trm_error *err);
/* Names (without "." and ".."), sorted by strcmp; free with trm__dir_list_free. */
trm_status trm__dir_list(const char *path, char ***names, size_t *count, trm_error *err);
void trm__dir_list_free(char **names, size_t count);

/* What a path names, links followed. Special is what is written to and never replaced: a device, a pipe, a descriptor
 * of this process. A loop of links, or a folder that may not be searched, is an error. */
typedef enum trm__path_kind { TRM__PATH_ABSENT, TRM__PATH_FILE, TRM__PATH_FOLDER, TRM__PATH_SPECIAL } trm__path_kind;
trm_status trm__path_find(trm__path_kind *kind, const char *path, trm_error *err);
/* The path without links at its end and without closing slashes; trm__free. It may be absent. *descriptor: that of this
 * process which a link in /proc stands for, otherwise -1. */
trm_status trm__path_follow(char **out, int *descriptor, const char *path, trm_error *err);
char *trm__path_folder(const char *path); /* "." for a bare name; NULL without memory; trm__free */
/* How path is reached from folder, "../data/x"; NULL when either does not exist; trm__free. TRM_E_MEMORY alone. */
trm_status trm__path_relative(char **out, const char *folder, const char *path, trm_error *err);
int trm__path_exists(const char *path); /* 0 also for what cannot be examined: only where nothing is told of it */
int trm__path_is_dir(const char *path);

/* An exclusive lock that ends with the process. TRM_E_BUSY with the holder's process id when taken. */
trm_status trm__lock_open(int *fd, const char *path, trm_error *err);
void trm__lock_close(int *fd);

uint32_t trm__crc32(uint32_t crc, const void *data, size_t size); /* start with 0 */

/* The replaceable layer. NULL restores the system's. */
typedef struct trm__file_ops {
  ssize_t (*write)(int fd, const void *data, size_t size);
  int (*fsync)(int fd);
  int (*rename)(const char *from, const char *to);
} trm__file_ops;
void trm__file_ops_set(const trm__file_ops *ops);

#endif
