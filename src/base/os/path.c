/* What a path names. Links are followed by hand as far as the last name, because output has to go beside the file that
 * a link names, not in place of the link. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

#define MAX_LINKS 40 /* that lead from a path to its target; as many as Linux follows */

int trm__path_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

int trm__path_is_dir(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static trm_status path_fail(const char *path, trm_error *err) {
  if (errno == ELOOP) return trm__fail(err, TRM_E_IO, path, "is a loop of links that leads to no file");
  return trm__fail_errno(err, path, "cannot be examined");
}

char *trm__path_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return trm__strdup(".");
  return trm__format("%.*s", (int)(slash == path ? 1 : slash - path), path);
}

/* from, to: absolute, without links; "" for the root. */
static char *path_compose(const char *from, const char *to) {
  size_t common = 0, up = 0; /* bytes of the folders that both are in; folders to leave */
  for (size_t i = 0;; i++) { /* a path's end is as good as a slash */
    char x = from[i] ? from[i] : '/', y = to[i] ? to[i] : '/';
    if (x != y) break;
    if (x == '/') common = i;
    if (!from[i] || !to[i]) break;
  }
  for (const char *p = from + common; *p; p++) up += *p == '/';
  const char *rest = to + common + (to[common] == '/');
  size_t size = 3 * up + strlen(rest) + 2;
  char *out = trm__calloc(size, 1);
  if (!out) return NULL;
  for (size_t i = 0; i < up; i++) memcpy(out + 3 * i, "../", 3);
  memcpy(out + 3 * up, rest, strlen(rest));
  if (!*rest && up) out[3 * up - 1] = 0;
  if (!out[0]) out[0] = '.';
  return out;
}

trm_status trm__path_relative(char **out, const char *folder, const char *path, trm_error *err) {
  char *from = realpath(folder, NULL), *to = realpath(path, NULL), *composed = NULL;
  int both = from && to;
  if (both) composed = path_compose(strcmp(from, "/") ? from : "", strcmp(to, "/") ? to : "");
  free(from);
  free(to);
  if (both && !composed) return trm__fail_memory(err, path, strlen(path));
  *out = composed;
  return TRM_OK;
}

/* The descriptor of this process that a link in /proc/PID/fd (also as /proc/self/fd and /dev/fd) stands for, or -1. */
static int path_descriptor(const char *link, const char *folder) {
  char whole[PATH_MAX], ours[32], *end;
  const char *name = strrchr(link, '/');
  if (!name || name[1] < '0' || name[1] > '9') return -1;
  long number = strtol(name + 1, &end, 10);
  if (*end || number > INT_MAX || !realpath(folder, whole)) return -1;
  size_t length = strlen(whole);
  int used = snprintf(ours, sizeof ours, "/proc/%ld/", (long)getpid());
  if (strncmp(whole, ours, (size_t)used) != 0 || length < 3 || strcmp(whole + length - 3, "/fd") != 0) return -1;
  return (int)number;
}

/* Replaces *link by what it points to, or sets *descriptor. */
static trm_status path_step(char **link, int *descriptor, const char *path, trm_error *err) {
  char text[PATH_MAX], *folder = trm__path_folder(*link), *next = NULL;
  trm_status status = TRM_OK;
  ssize_t length = -1;
  if (!folder) return trm__fail_memory(err, path, strlen(*link) + 1);
  *descriptor = path_descriptor(*link, folder);
  if (*descriptor >= 0) goto done;
  length = readlink(*link, text, sizeof text - 1);
  if (length < 0) {
    status = trm__fail_errno(err, path, "is a link that cannot be read");
    goto done;
  }
  text[length] = 0;
  next = text[0] == '/' ? trm__strdup(text) : trm__format("%s/%s", folder, text);
  if (!next) {
    status = trm__fail_memory(err, path, strlen(folder) + (size_t)length + 2);
    goto done;
  }
  trm__free(*link);
  *link = next;
done:
  trm__free(folder);
  return status;
}

trm_status trm__path_follow(char **out, int *descriptor, const char *path, trm_error *err) {
  struct stat info;
  int standing = -1;
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  char *target = trm__format("%.*s", (int)length, path);
  trm_status status = target ? TRM_OK : trm__fail_memory(err, path, length + 1);
  for (int links = 0; !status && standing < 0; links++) {
    if (lstat(target, &info) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) status = path_fail(path, err); /* these are told by who writes there */
      break;
    }
    if (!S_ISLNK(info.st_mode)) break;
    if (links < MAX_LINKS) status = path_step(&target, &standing, path, err);
    else status = (errno = ELOOP, path_fail(path, err));
  }
  if (status) {
    trm__free(target);
    return status;
  }
  *out = target;
  *descriptor = standing;
  return TRM_OK;
}

trm_status trm__path_find(trm__path_kind *kind, const char *path, trm_error *err) {
  struct stat info;
  if (stat(path, &info) != 0) {
    if (errno != ENOENT) return path_fail(path, err);
    *kind = TRM__PATH_ABSENT;
    return TRM_OK;
  }
  trm__path_kind found = S_ISREG(info.st_mode)   ? TRM__PATH_FILE
                         : S_ISDIR(info.st_mode) ? TRM__PATH_FOLDER
                                                 : TRM__PATH_SPECIAL;
  if (found == TRM__PATH_FILE && lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
    char *target;
    int descriptor;
    trm_status status = trm__path_follow(&target, &descriptor, path, err);
    if (status) return status;
    trm__free(target);
    if (descriptor >= 0) found = TRM__PATH_SPECIAL;
  }
  *kind = found;
  return TRM_OK;
}
