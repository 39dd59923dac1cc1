/* Reading, mapping and atomic writing of whole files. A writer collects small writes in a buffer, computes the CRC of
 * what passes through it, and owns a temporary file beside its target until commit renames it. */
#include "base/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"

#define BUFFER 65536 /* bytes a writer collects before it calls write */

static const trm__file_ops file_system_ops = {write, fsync, rename};
static const trm__file_ops *file_ops = &file_system_ops;

void trm__file_ops_set(const trm__file_ops *replacement) {
  file_ops = replacement ? replacement : &file_system_ops;
}

/* --- reading --- */

/* An open descriptor of a regular file and its size. Non-blocking, so that a pipe in its place does not hang us. */
static trm_status file_open_regular(int *fd, size_t *size, const char *path, trm_error *err) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return trm__fail_errno(err, path, "cannot be opened for reading");
  struct stat info;
  trm_status status = TRM_OK;
  if (fstat(file, &info) != 0) status = trm__fail_errno(err, path, "cannot be examined");
  else if (!S_ISREG(info.st_mode))
    status = trm__fail(err, TRM_E_INPUT, path, "is %s, expected a regular file",
                       S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
  else if ((uintmax_t)info.st_size > (uintmax_t)PTRDIFF_MAX)
    status = trm__fail(err, TRM_E_INPUT, path, "is larger than this machine's memory can address");
  if (status) {
    close(file);
    return status;
  }
  *fd = file;
  *size = (size_t)info.st_size;
  return TRM_OK;
}

static trm_status file_read_all(int fd, const char *path, char *data, size_t size, trm_error *err) {
  for (size_t done = 0; done < size;) {
    ssize_t n = read(fd, data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trm__fail_errno(err, path, "cannot be read at byte %zu", done);
    if (n == 0)
      return trm__fail(err, TRM_E_INPUT, path, "became shorter while it was read: %zu of %zu bytes", done, size);
    done += (size_t)n;
  }
  return TRM_OK;
}

trm_status trm__file_read(const char *path, size_t limit, char **data, size_t *size, trm_error *err) {
  int fd;
  size_t bytes;
  trm_status status = file_open_regular(&fd, &bytes, path, err);
  if (status) return status;
  char *text = NULL;
  if (bytes > limit) status = trm__fail(err, TRM_E_INPUT, path, "has %zu bytes, at most %zu are read", bytes, limit);
  else if (!(text = trm__calloc(bytes + 1, 1))) status = trm__fail_memory(err, path, bytes + 1);
  else status = file_read_all(fd, path, text, bytes, err);
  close(fd);
  if (status) {
    trm__free(text);
    return status;
  }
  *data = text;
  *size = bytes;
  return TRM_OK;
}

trm_status trm__map_open(trm__map *map, const char *path, trm_error *err) {
  int fd;
  size_t size;
  trm_status status = file_open_regular(&fd, &size, path, err);
  if (status) return status;
  static const unsigned char nothing;
  void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  if (data == MAP_FAILED) status = trm__fail_errno(err, path, "%zu bytes cannot be mapped", size);
  else *map = (trm__map){size ? data : &nothing, size};
  close(fd);
  return status;
}

void trm__map_close(trm__map *map) {
  if (map->size) munmap((void *)(uintptr_t)map->data, map->size);
  *map = (trm__map){0};
}

/* --- writing --- */

struct trm__writer {
  int fd, failed;
  uint32_t crc;
  size_t held; /* bytes in buffer */
  char *path, *temporary;
  unsigned char buffer[BUFFER];
};

/* All of data, through short writes and interruptions. */
static trm_status file_write_all(int fd, const char *path, const unsigned char *data, size_t size, trm_error *err) {
  while (size) {
    ssize_t n = file_ops->write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) return trm__fail_errno(err, path, "cannot be written");
    data += n;
    size -= (size_t)n;
  }
  return TRM_OK;
}

static int file_sync(int fd) {
  int result;
  do result = file_ops->fsync(fd);
  while (result != 0 && errno == EINTR);
  return result;
}

static void writer_free(trm__writer *w) {
  if (w->fd >= 0) close(w->fd);
  trm__free(w->path);
  trm__free(w->temporary);
  trm__free(w);
}

/* Names carry the process id and a count, so that neither processes nor threads meet; one that a killed process with
 * the same id left behind is skipped. */
static trm_status writer_create(trm__writer *w, trm_error *err) {
  static atomic_uint count;
  for (int attempt = 0; attempt < 1000; attempt++) {
    w->temporary = trm__format("%s.%ld.%u.tmp", w->path, (long)getpid(), atomic_fetch_add(&count, 1));
    if (!w->temporary) return trm__fail_memory(err, w->path, strlen(w->path) + 40);
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd >= 0) return TRM_OK;
    if (errno != EEXIST && errno != EINTR) break;
    trm__free(w->temporary);
    w->temporary = NULL;
  }
  return trm__fail_errno(err, w->path, "cannot be created");
}

trm_status trm__writer_open(trm__writer **out, const char *path, trm_error *err) {
  trm__writer *w = trm__calloc(1, sizeof *w);
  if (!w) return trm__fail_memory(err, path, sizeof *w);
  w->fd = -1;
  w->path = trm__strdup(path);
  trm_status status = TRM_OK;
  struct stat info;
  if (!w->path) status = trm__fail_memory(err, path, strlen(path) + 1);
  else if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
    status = trm__fail(err, TRM_E_IO, path, "is %s and cannot be replaced by a file",
                       S_ISDIR(info.st_mode) ? "a folder" : "a special file");
  else status = writer_create(w, err);
  if (status) writer_free(w);
  else *out = w;
  return status;
}

static trm_status writer_flush(trm__writer *w, trm_error *err) {
  trm_status status = file_write_all(w->fd, w->path, w->buffer, w->held, err);
  w->held = 0;
  w->failed = status != TRM_OK;
  return status;
}

trm_status trm__writer_write(trm__writer *w, const void *data, size_t size, trm_error *err) {
  if (w->failed) return trm__fail(err, TRM_E_IO, w->path, "an earlier write failed");
  if (size == 0) return TRM_OK;
  w->crc = trm__crc32(w->crc, data, size);
  if (size > BUFFER - w->held) {
    trm_status status = writer_flush(w, err);
    if (status) return status;
  }
  if (size > BUFFER) {
    trm_status status = file_write_all(w->fd, w->path, data, size, err);
    w->failed = status != TRM_OK;
    return status;
  }
  memcpy(w->buffer + w->held, data, size);
  w->held += size;
  return TRM_OK;
}

uint32_t trm__writer_crc(const trm__writer *w) {
  return w->crc;
}

static trm_status writer_finish(trm__writer *w, trm_error *err) {
  if (w->failed) return trm__fail(err, TRM_E_IO, w->path, "an earlier write failed");
  trm_status status = writer_flush(w, err);
  if (status) return status;
  if (file_sync(w->fd) != 0) return trm__fail_errno(err, w->path, "cannot be written to disk");
  int closed = close(w->fd);
  w->fd = -1;
  if (closed != 0 && errno != EINTR) return trm__fail_errno(err, w->path, "cannot be closed");
  return trm__rename(w->temporary, w->path, err);
}

trm_status trm__writer_commit(trm__writer **writer, trm_error *err) {
  trm__writer *w = *writer;
  *writer = NULL;
  trm_status status = writer_finish(w, err);
  if (status) unlink(w->temporary);
  writer_free(w);
  return status;
}

void trm__writer_abort(trm__writer **writer) {
  trm__writer *w = *writer;
  if (!w) return;
  *writer = NULL;
  unlink(w->temporary);
  writer_free(w);
}

trm_status trm__file_write(const char *path, const void *data, size_t size, trm_error *err) {
  trm__writer *w;
  trm_status status = trm__writer_open(&w, path, err);
  if (status) return status;
  status = trm__writer_write(w, data, size, err);
  if (!status) return trm__writer_commit(&w, err);
  trm__writer_abort(&w);
  return status;
}

trm_status trm__file_append(int fd, const char *path, const void *data, size_t size, trm_error *err) {
  return file_write_all(fd, path, data, size, err);
}

/* --- names on disk --- */

trm_status trm__dir_sync(const char *path, trm_error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return trm__fail_errno(err, path, "cannot be opened");
  int failed = file_sync(fd) != 0 && errno != EINVAL && errno != EROFS; /* file systems that cannot */
  trm_status status = failed ? trm__fail_errno(err, path, "cannot be written to disk") : TRM_OK;
  close(fd);
  return status;
}

static trm_status dir_sync_parent(const char *path, trm_error *err) {
  const char *slash = strrchr(path, '/');
  if (!slash) return trm__dir_sync(".", err);
  char *folder = trm__format("%.*s", (int)(slash == path ? 1 : slash - path), path);
  if (!folder) return trm__fail_memory(err, path, strlen(path) + 1);
  trm_status status = trm__dir_sync(folder, err);
  trm__free(folder);
  return status;
}

trm_status trm__rename(const char *from, const char *to, trm_error *err) {
  if (file_ops->rename(from, to) != 0) return trm__fail_errno(err, to, "cannot be put in place of \"%.200s\"", from);
  return dir_sync_parent(to, err);
}
