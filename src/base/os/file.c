/* Reading and mapping of whole files, and the replaceable system calls that write. Writers are in write.c. */
#include "base/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"

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
                       S_ISDIR(info.st_mode) ? "a folder" : "a device or a pipe");
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

/* All of data, through short writes and interruptions. */
trm_status trm__file_append(int fd, const char *path, const void *data, size_t size, trm_error *err) {
  for (const unsigned char *p = data; size;) {
    ssize_t n = file_ops->write(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) return trm__fail_errno(err, path, "cannot be written");
    p += n;
    size -= (size_t)n;
  }
  return TRM_OK;
}

int trm__file_sync(int fd) {
  int result;
  do result = file_ops->fsync(fd);
  while (result != 0 && errno == EINTR);
  return result;
}

/* --- names on disk --- */

trm_status trm__dir_sync(const char *path, trm_error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return trm__fail_errno(err, path, "folder cannot be opened to write it to disk");
  int failed = trm__file_sync(fd) != 0 && errno != EINVAL && errno != EROFS; /* file systems that cannot */
  trm_status status = failed ? trm__fail_errno(err, path, "folder cannot be written to disk") : TRM_OK;
  close(fd);
  return status;
}

trm_status trm__dir_sync_parent(const char *path, trm_error *err) {
  char *folder = trm__path_folder(path);
  if (!folder) return trm__fail_memory(err, path, strlen(path) + 1);
  trm_status status = trm__dir_sync(folder, err);
  trm__free(folder);
  return status;
}

trm_status trm__rename_only(const char *from, const char *to, const char *where, trm_error *err) {
  if (file_ops->rename(from, to) == 0) return TRM_OK;
  return trm__fail_errno(err, where, "its new content, \"%.200s\", cannot be put in its place", from);
}

trm_status trm__rename(const char *from, const char *to, trm_error *err) {
  if (file_ops->rename(from, to) != 0) return trm__fail_errno(err, from, "cannot be renamed to \"%.200s\"", to);
  return trm__dir_sync_parent(to, err);
}
