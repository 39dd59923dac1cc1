#include "agent/builtin/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"

#define MOST (1 << 20) /* bytes of a file */
#define NAMES 10000    /* of a listing */

static int files_open(int root, const char *path, int flags, mode_t mode) {
  struct open_how how = {
      .flags = (unsigned)(flags | O_CLOEXEC), .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* The root that an absolute path lies in, as a descriptor, and the rest of the path; a relative path lies in the first
 * root. Negative: no root. */
static int files_root(const char *roots, const char *path, const char **rest) {
  while (roots && *roots) {
    size_t length = strcspn(roots, ","), end = length;
    while (end > 1 && roots[end - 1] == '/') end--;
    int inside = *path != '/' || (!strncmp(path, roots, end) && (path[end] == '/' || !path[end]));
    if (end && inside) {
      char *root = trm__format("%.*s", (int)end, roots);
      int fd = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
      trm__free(root);
      *rest = *path == '/' ? path + end : path;
      while (**rest == '/') ++*rest;
      if (!**rest) *rest = ".";
      if (fd >= 0) return fd;
    }
    roots += length + (roots[length] == ',');
  }
  return -1;
}

static int files_fail(trm__fault *fault, const char *path) {
  if (errno == EXDEV || errno == ELOOP)
    return trm__fault_set(fault, TRM__FAULT_CONFIGURATION, "%.300s leads out of the folders that are allowed", path);
  if (errno == ENOSYS)
    return trm__fault_set(fault, TRM__FAULT_CONFIGURATION, "files need a kernel with openat2 (Linux 5.6)");
  return trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.300s: %s", path, strerror(errno));
}

static int files_read(int root, const char *rest, const char *path, json_t **output, trm__fault *fault) {
  struct stat info;
  int fd = files_open(root, rest, O_RDONLY | O_NONBLOCK, 0), failed = 0;
  if (fd < 0) return files_fail(fault, path);
  char *text = trm__calloc(MOST + 1, 1);
  size_t size = 0;
  if (!text) failed = trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for a file");
  else if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
    failed = trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.300s is no regular file", path);
  while (!failed && size <= MOST) {
    ssize_t n = read(fd, text + size, MOST + 1 - size);
    if (n < 0) failed = files_fail(fault, path);
    if (n <= 0) break;
    size += (size_t)n;
  }
  if (!failed && size > MOST) failed = trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.300s is larger than 1 MiB", path);
  json_t *value = failed ? NULL : json_stringn(text, size);
  if (!failed && !value) failed = trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.300s is no UTF-8 text", path);
  if (!failed) *output = json_pack("{s:o, s:I}", "text", value, "bytes", (json_int_t)size);
  trm__free(text);
  close(fd);
  return failed;
}

/* Whole or not at all: a new file beside it takes its name. */
static int files_write(int root, const char *rest, const char *path, const json_t *text, json_t **output,
                       trm__fault *fault) {
  static atomic_uint count;
  char folder[1100], temporary[64];
  const char *slash = strrchr(rest, '/'), *name = slash ? slash + 1 : rest, *at = json_string_value(text);
  size_t left = json_string_length(text);
  if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
    return trm__fault_set(fault, TRM__FAULT_VALIDATION, "/path: expected the name of a file, found %.300s", path);
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - rest) : 1, slash ? rest : ".");
  snprintf(temporary, sizeof temporary, ".trm-%ld-%u.tmp", (long)getpid(), atomic_fetch_add(&count, 1));
  int dir = files_open(root, folder, O_PATH | O_DIRECTORY, 0);
  int fd = dir < 0 ? -1 : files_open(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), failed = 0;
  if (fd < 0) failed = files_fail(fault, path);
  while (!failed && left) {
    ssize_t n = write(fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed = files_fail(fault, path);
    else at += n, left -= (size_t)n;
  }
  if (!failed && (trm__file_sync(fd) || renameat(dir, temporary, dir, name))) failed = files_fail(fault, path);
  if (failed && fd >= 0) (void)unlinkat(dir, temporary, 0);
  if (fd >= 0) close(fd);
  if (dir >= 0) close(dir);
  if (!failed) *output = json_pack("{s:I}", "bytes", (json_int_t)json_string_length(text));
  return failed;
}

static int files_list(int root, const char *rest, const char *path, json_t **output, trm__fault *fault) {
  int fd = files_open(root, rest, O_RDONLY | O_DIRECTORY, 0);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  json_t *names = json_array();
  if (!dir) {
    int failed = files_fail(fault, path);
    if (fd >= 0) close(fd);
    json_decref(names);
    return failed;
  }
  for (struct dirent *entry; (entry = readdir(dir)) && json_array_size(names) < NAMES;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      json_t *name = json_string(entry->d_name); /* NULL for what is no UTF-8, which is left out */
      if (name) (void)json_array_append_new(names, name);
    }
  (void)closedir(dir);
  *output = json_pack("{s:o}", "names", names);
  return 0;
}

int trm__files_run(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  const char *roots = trm__agent_config_of(call->agent)->roots, *rest = "";
  const char *path = json_string_value(json_object_get(input, "path"));
  const char *op = json_string_value(json_object_get(input, "op"));
  int root = files_root(roots, path, &rest), failed;
  if (root < 0)
    return trm__fault_set(fault, TRM__FAULT_CONFIGURATION,
                          "%.300s is in no folder that may be touched; allow one with --roots FOLDER", path);
  if (*op == 'r') failed = files_read(root, rest, path, output, fault);
  else if (*op == 'w') failed = files_write(root, rest, path, json_object_get(input, "text"), output, fault);
  else failed = files_list(root, rest, path, output, fault);
  close(root);
  return failed;
}
