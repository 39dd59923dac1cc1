/* Folders and locks. A tree is removed through open folders (openat, unlinkat), so that a link that somebody puts in
 * its place is never followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

#define MAX_NESTING 64 /* folders within folders that trm__dir_remove goes into */

static trm_status dir_make_one(const char *path, const char *whole, trm_error *err) {
  if (mkdir(path, 0777) == 0) return TRM_OK;
  int number = errno;
  if (trm__path_is_dir(path)) return TRM_OK;
  if (number == EEXIST && trm__path_exists(path))
    return trm__fail(err, TRM_E_IO, whole, "\"%.300s\" exists and is not a folder", path);
  if (number == EEXIST) return trm__fail(err, TRM_E_IO, whole, "\"%.300s\" is a link that leads to no folder", path);
  errno = number;
  return trm__fail_errno(err, whole, "folder \"%.300s\" cannot be made", path);
}

/* path, which this changes for a while, and the folders that it is in. */
static trm_status dir_make_all(char *path, const char *whole, trm_error *err) {
  trm_status status = TRM_OK;
  for (char *p = path + 1; *path && *p && !status; p++) {
    if (*p != '/') continue;
    *p = 0;
    status = dir_make_one(path, whole, err);
    *p = '/';
  }
  return status ? status : dir_make_one(path, whole, err);
}

trm_status trm__dir_make(const char *path, trm_error *err) {
  char *target;
  int descriptor;
  trm_status status = trm__path_follow(&target, &descriptor, path, err);
  if (status) return status;
  status = dir_make_all(target, path, err);
  trm__free(target);
  return status;
}

static int dir_remove_entries(int fd, int nesting);

/* One name in the open folder. 0, or -1 with errno. */
static int dir_remove_entry(int folder, const char *name, int nesting) {
  if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || dir_remove_entries(fd, nesting + 1) != 0) return -1;
  return unlinkat(folder, name, AT_REMOVEDIR);
}

/* Takes fd over. */
static int dir_remove_entries(int fd, int nesting) {
  DIR *stream = nesting < MAX_NESTING ? fdopendir(fd) : (errno = ELOOP, NULL);
  if (!stream) {
    close(fd);
    return -1;
  }
  int failed = 0;
  struct dirent *entry;
  while (!failed && (errno = 0, entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      failed = dir_remove_entry(dirfd(stream), entry->d_name, nesting);
  if (!failed && errno) failed = -1;
  int number = errno;
  closedir(stream);
  errno = number;
  return failed;
}

trm_status trm__dir_remove(const char *path, trm_error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return TRM_OK;
  if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) /* which of the two a link gives differs between systems */
    return trm__fail(err, TRM_E_IO, path, "is not removed: it is a link or a file, not a folder");
  if (fd < 0) return trm__fail_errno(err, path, "folder cannot be removed: it cannot be opened");
  if (dir_remove_entries(fd, 0) != 0)
    return trm__fail_errno(err, path, "folder cannot be removed with all that is in it");
  if (rmdir(path) != 0) return trm__fail_errno(err, path, "folder was emptied but cannot be removed");
  return TRM_OK;
}

static int dir_by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
  char **name;
  size_t count, room;
};

static int dir_add_name(struct names *names, const char *name) {
  if (names->count == names->room) {
    size_t room = names->room ? 2 * names->room : 16;
    char **grown = trm__realloc(names->name, room, sizeof *grown);
    if (!grown) return -1;
    names->name = grown;
    names->room = room;
  }
  char *copy = trm__strdup(name);
  if (!copy) return -1;
  names->name[names->count++] = copy;
  return 0;
}

trm_status trm__dir_list(const char *path, char ***out, size_t *count, trm_error *err) {
  DIR *stream = opendir(path);
  if (!stream) return trm__fail_errno(err, path, "folder cannot be opened");
  struct names names = {trm__calloc(1, sizeof(char *)), 0, 1};
  trm_status status = names.name ? TRM_OK : trm__fail_memory(err, path, sizeof(char *));
  struct dirent *entry;
  while (!status && (errno = 0, entry = readdir(stream)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && dir_add_name(&names, entry->d_name) != 0)
      status = trm__fail_memory(err, path, strlen(entry->d_name) + 1);
  if (!status && errno) status = trm__fail_errno(err, path, "folder cannot be read");
  closedir(stream);
  if (status) {
    trm__dir_list_free(names.name, names.count);
    return status;
  }
  qsort(names.name, names.count, sizeof *names.name, dir_by_name);
  *out = names.name;
  *count = names.count;
  return TRM_OK;
}

void trm__dir_list_free(char **names, size_t count) {
  for (size_t i = 0; names && i < count; i++) trm__free(names[i]);
  trm__free(names);
}

static trm_status lock_refuse(int fd, const char *path, trm_error *err) {
  char holder[32] = "";
  ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
  long pid = n > 0 ? strtol(holder, NULL, 10) : 0;
  if (pid > 0) return trm__fail(err, TRM_E_BUSY, path, "in use by process %ld; wait for it or stop it", pid);
  return trm__fail(err, TRM_E_BUSY, path, "in use by another process; wait for it or stop it");
}

/* The lock is flock's: the kernel drops it when the process ends in any way, so the file stays and is never stale. */
trm_status trm__lock_open(int *out, const char *path, trm_error *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return trm__fail_errno(err, path, "lock file cannot be opened");
  int result;
  do result = flock(fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  trm_status status = TRM_OK;
  if (result != 0 && errno == EWOULDBLOCK) {
    status = lock_refuse(fd, path, err);
  } else if (result != 0) {
    status = trm__fail_errno(err, path, "cannot be locked");
  } else { /* the id only helps people: a disk that is full does not stop the holder */
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) < 0) errno = 0;
    *out = fd;
    return TRM_OK;
  }
  close(fd);
  return status;
}

void trm__lock_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}
