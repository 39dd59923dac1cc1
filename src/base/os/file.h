/* Files: reading with limits, read-only maps, and writing that is atomic: a temporary name in the same folder, fsync,
 * rename, fsync of the folder. A reader sees the old file or the whole new one. Errors name the path. The system
 * calls that write go through one replaceable table, so that tests can fill the disk or kill the process at the n-th
 * call. */
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
uint32_t trm__writer_crc(const trm__writer *w);                 /* CRC-32 (IEEE) of what was written so far */
trm_status trm__writer_commit(trm__writer **w, trm_error *err); /* clears *w on success and on failure */
void trm__writer_abort(trm__writer **w);                        /* accepts NULL inside; removes the temporary */
trm_status trm__file_write(const char *path, const void *data, size_t size, trm_error *err); /* the three in one */

/* An append-only log (metrics.jsonl): one write call a record, no temporary name. */
trm_status trm__file_append(int fd, const char *path, const void *data, size_t size, trm_error *err);

trm_status trm__dir_make(const char *path, trm_error *err);   /* with parents; fine when it exists */
trm_status trm__dir_remove(const char *path, trm_error *err); /* a tree; fine when absent; never follows links */
trm_status trm__dir_sync(const char *path, trm_error *err);
trm_status trm__rename(const char *from, const char *to, trm_error *err); /* and syncs the folder of to */
/* Names (without "." and ".."), sorted by strcmp; free with trm__dir_list_free. */
trm_status trm__dir_list(const char *path, char ***names, size_t *count, trm_error *err);
void trm__dir_list_free(char **names, size_t count);
int trm__path_exists(const char *path);
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
