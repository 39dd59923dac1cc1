/* Temporaries: the files and folders in which output waits until it is whole. Each is locked by the process that fills
 * it. The kernel drops the lock when the process ends in any way, so a temporary that can be locked is a leftover,
 * whatever process has its number by now. Between its creation and its lock a new one looks like a leftover too: who
 * creates makes sure, once it holds the lock, that the name is still there, and otherwise takes the next one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

#define NAME_KEPT 200 /* bytes of the target's name in that of its temporary: a name has room for 255 */
#define ATTEMPTS 1000

static const char mark[] = ".trm-", ending[] = ".tmp";

static const char *temporary_base(const char *target) {
  const char *slash = strrchr(target, '/');
  return slash ? slash + 1 : target;
}

static int temporary_lock(int fd) {
  int result;
  do result = flock(fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result;
}

static int temporary_is_there(int fd, const char *path) {
  struct stat held, named;
  return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

/* Locks what was just made. 0 when a clean-up was quicker. On file systems without locks it goes on without one, and
 * no clean-up there removes it. */
static int temporary_hold(int fd, const char *path) {
  if (temporary_lock(fd) != 0 && errno == EWOULDBLOCK) return 0;
  return temporary_is_there(fd, path);
}

static int temporary_make(const char *path, int folder, mode_t mode) {
  if (!folder) return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (mkdir(path, mode) != 0) return -1;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), number = errno;
  if (fd < 0) rmdir(path);
  errno = number == ENOENT ? EEXIST : number; /* removed again: as good as taken */
  return fd;
}

trm_status trm__temporary_open(trm__temporary *out, const char *target, int folder, mode_t mode, const char *where,
                               trm_error *err) {
  static atomic_uint count;
  const char *base = temporary_base(target);
  int cut = (int)strnlen(base, NAME_KEPT);
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    char *path = trm__format("%.*s%.*s%s%ld-%u%s", (int)(base - target), target, cut, base, mark, (long)getpid(),
                             atomic_fetch_add(&count, 1), ending);
    if (!path) return trm__fail_memory(err, where, strlen(target) + 40);
    int fd = temporary_make(path, folder, mode), number = errno;
    if (fd >= 0 && temporary_hold(fd, path)) {
      *out = (trm__temporary){path, fd};
      return TRM_OK;
    }
    if (fd >= 0) close(fd);
    trm__free(path);
    errno = number;
    if (fd < 0 && errno != EEXIST && errno != EINTR) break;
    errno = EEXIST;
  }
  if (strcmp(where, target) != 0) return trm__fail_errno(err, where, "cannot be created as \"%.300s\"", target);
  return trm__fail_errno(err, where, "cannot be created");
}

void trm__temporary_close(trm__temporary *t) {
  if (t->path) close(t->fd);
  trm__free(t->path);
  *t = (trm__temporary){0};
}

static const char *temporary_skip_number(const char *p) {
  const char *end = p + strspn(p, "0123456789");
  return end > p ? end : NULL;
}

/* Whether the name is that of a temporary of base (NULL: of anything). */
static int temporary_is_name(const char *name, const char *base) {
  const char *p = NULL;
  if (base) {
    size_t cut = strnlen(base, NAME_KEPT);
    if (strncmp(name, base, cut) == 0) p = name + cut;
  } else {
    for (const char *next = name; (next = strstr(next + 1, mark));) p = next;
  }
  if (!p || p == name || strncmp(p, mark, sizeof mark - 1) != 0) return 0;
  p = temporary_skip_number(p + sizeof mark - 1);
  if (p && *p++ == '-') p = temporary_skip_number(p);
  else p = NULL;
  return p && strcmp(p, ending) == 0;
}

static void temporary_remove_leftover(const char *path) {
  struct stat info;
  if (lstat(path, &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) return;
  int folder = S_ISDIR(info.st_mode); /* network file systems lock only files that are open for writing */
  int fd = open(path, (folder ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return;
  if (temporary_lock(fd) == 0 && temporary_is_there(fd, path)) {
    if (folder) (void)trm__dir_remove(path, NULL);
    else (void)unlink(path);
  }
  close(fd);
}

/* What cannot be removed stays: a clean-up never keeps its caller from writing. */
void trm__temporaries_remove(const char *folder, const char *target) {
  DIR *stream = opendir(folder);
  struct dirent *entry;
  while (stream && (entry = readdir(stream))) {
    if (!temporary_is_name(entry->d_name, target ? temporary_base(target) : NULL)) continue;
    char *path = trm__format("%s/%s", folder, entry->d_name);
    if (path) temporary_remove_leftover(path);
    trm__free(path);
  }
  if (stream) closedir(stream);
}
