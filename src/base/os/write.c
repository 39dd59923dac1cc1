/* Writing output whole or not at all. A writer collects small writes in a buffer, computes the CRC of what passes
 * through it, and owns a temporary file beside its target until commit renames it. A draft is the same for a folder.
 * What is no regular file (a device, a pipe, a descriptor of this process) is never replaced: a writer writes to it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

#define BUFFER 65536 /* bytes a writer collects before it calls write */
#define PRIVATE 0600 /* mode of a temporary until it gets that of the file which it replaces */

/* What stood at the target when writing began. */
typedef struct before {
  int there;
  mode_t mode;
  uid_t owner;
  gid_t group;
} before;

static before before_look(const char *target) {
  struct stat info;
  if (lstat(target, &info) != 0) return (before){0};
  mode_t kept = S_ISDIR(info.st_mode) ? 07777 : 0777; /* new content of a program is not run as its owner */
  return (before){1, info.st_mode & kept, info.st_uid, info.st_gid};
}

/* Owner and group are kept where the system lets us, so by root; the mode always. */
static trm_status before_keep(const before *b, int fd, const char *where, trm_error *err) {
  struct stat info;
  if (!b->there) return TRM_OK;
  int other = fstat(fd, &info) == 0 && (info.st_uid != b->owner || info.st_gid != b->group);
  int kept = !other || fchown(fd, b->owner, b->group) == 0 || fchown(fd, (uid_t)-1, b->group) == 0;
  (void)kept;
  if (fchmod(fd, b->mode) == 0 || errno == ENOTSUP || errno == EPERM) return TRM_OK; /* file systems without modes */
  return trm__fail_errno(err, where, "cannot be given the mode of the file that it replaces");
}

/* --- files --- */

struct trm__writer {
  int fd, failed; /* fd: the temporary's, or of what is written directly */
  uint32_t crc;
  size_t held;         /* bytes in buffer */
  char *path, *target; /* as given; links followed */
  before before;
  trm__temporary temporary; /* .path NULL: written directly */
  unsigned char buffer[BUFFER];
};

static void writer_free(trm__writer *w) {
  if (w->temporary.path) trm__temporary_close(&w->temporary);
  else if (w->fd >= 0) close(w->fd);
  trm__free(w->path);
  trm__free(w->target);
  trm__free(w);
}

/* A copy of the descriptor has its place in the file, so that what was written there before stays. */
static trm_status writer_open_direct(trm__writer *w, int descriptor, trm_error *err) {
  int flags = descriptor < 0 ? O_WRONLY : fcntl(descriptor, F_GETFL);
  if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) flags = -1, errno = EBADF;
  if (flags >= 0)
    w->fd = descriptor < 0 ? open(w->path, O_WRONLY | O_NOCTTY | O_CLOEXEC) : fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  return w->fd >= 0 ? TRM_OK : trm__fail_errno(err, w->path, "cannot be opened for writing");
}

static trm_status writer_open_beside(trm__writer *w, trm_error *err) {
  char *folder = trm__path_folder(w->target);
  if (!folder) return trm__fail_memory(err, w->path, strlen(w->target) + 1);
  trm__temporaries_remove(folder, w->target);
  trm__free(folder);
  w->before = before_look(w->target);
  mode_t mode = w->before.there ? PRIVATE : 0666;
  trm_status status = trm__temporary_open(&w->temporary, w->target, 0, mode, w->path, err);
  if (!status) w->fd = w->temporary.fd;
  return status;
}

/* A file that a link in /proc names and that has no name any more is no target to put a file beside. */
static int writer_is_named(const trm__writer *w) {
  struct stat meant, found;
  return stat(w->path, &meant) == 0 && lstat(w->target, &found) == 0 && meant.st_dev == found.st_dev &&
         meant.st_ino == found.st_ino;
}

static trm_status writer_open_target(trm__writer *w, trm_error *err) {
  trm__path_kind kind;
  int descriptor;
  trm_status status = trm__path_find(&kind, w->path, err);
  if (status) return status;
  if (kind == TRM__PATH_FOLDER)
    return trm__fail(err, TRM_E_IO, w->path, "is a folder and cannot be replaced by a file");
  size_t length = strlen(w->path);
  if (kind == TRM__PATH_ABSENT && length && w->path[length - 1] == '/')
    return trm__fail(err, TRM_E_IO, w->path, "cannot be created: a name that ends in / is one of a folder");
  status = trm__path_follow(&w->target, &descriptor, w->path, err);
  if (status) return status;
  int direct = descriptor >= 0 || kind == TRM__PATH_SPECIAL || (kind == TRM__PATH_FILE && !writer_is_named(w));
  return direct ? writer_open_direct(w, descriptor, err) : writer_open_beside(w, err);
}

trm_status trm__writer_open(trm__writer **out, const char *path, trm_error *err) {
  trm__writer *w = trm__calloc(1, sizeof *w);
  if (!w) return trm__fail_memory(err, path, sizeof *w);
  w->fd = -1;
  w->path = trm__strdup(path);
  trm_status status = w->path ? writer_open_target(w, err) : trm__fail_memory(err, path, strlen(path) + 1);
  if (status) writer_free(w);
  else *out = w;
  return status;
}

/* To a pipe without its reader, a write both fails and sends SIGPIPE, which would end a program that does not ignore
 * it: the signal is held back, and taken away when it came. */
static trm_status writer_put_direct(trm__writer *w, const void *data, size_t size, trm_error *err) {
  sigset_t broken, others, pending;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  sigemptyset(&pending);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &broken, &others);
  trm_status status = trm__file_append(w->fd, w->path, data, size, err);
  if (status && errno == EPIPE && !sigismember(&pending, SIGPIPE)) sigtimedwait(&broken, NULL, &(struct timespec){0});
  pthread_sigmask(SIG_SETMASK, &others, NULL);
  return status;
}

static trm_status writer_put(trm__writer *w, const void *data, size_t size, trm_error *err) {
  trm_status status =
      w->temporary.path ? trm__file_append(w->fd, w->path, data, size, err) : writer_put_direct(w, data, size, err);
  w->failed |= status != TRM_OK;
  return status;
}

trm_status trm__writer_flush(trm__writer *w, trm_error *err) {
  if (w->failed) return trm__fail(err, TRM_E_IO, w->path, "an earlier write failed");
  size_t held = w->held;
  w->held = 0;
  return writer_put(w, w->buffer, held, err);
}

trm_status trm__writer_write(trm__writer *w, const void *data, size_t size, trm_error *err) {
  if (w->failed) return trm__fail(err, TRM_E_IO, w->path, "an earlier write failed");
  if (size == 0) return TRM_OK;
  w->crc = trm__crc32(w->crc, data, size);
  if (size > BUFFER - w->held) {
    trm_status status = trm__writer_flush(w, err);
    if (status) return status;
  }
  if (size > BUFFER) return writer_put(w, data, size, err);
  memcpy(w->buffer + w->held, data, size);
  w->held += size;
  return TRM_OK;
}

uint32_t trm__writer_crc(const trm__writer *w) {
  return w->crc;
}

/* The temporary stays open, hence locked, until it has its name. */
static trm_status writer_finish(trm__writer *w, trm_error *err) {
  trm_status status = trm__writer_flush(w, err);
  if (!status) status = before_keep(&w->before, w->fd, w->path, err);
  if (status) return status;
  int direct = !w->temporary.path; /* pipes and most devices have nothing to wait for, and say so */
  if (trm__file_sync(w->fd) != 0 && !(direct && (errno == EINVAL || errno == EROFS || errno == ENOTSUP)))
    return trm__fail_errno(err, w->path, "cannot be written to disk");
  if (direct) return TRM_OK;
  status = trm__rename_only(w->temporary.path, w->target, w->path, err);
  return status ? status : trm__dir_sync_parent(w->target, err);
}

trm_status trm__writer_commit(trm__writer **writer, trm_error *err) {
  trm__writer *w = *writer;
  *writer = NULL;
  trm_status status = writer_finish(w, err);
  if (status && w->temporary.path) unlink(w->temporary.path);
  writer_free(w);
  return status;
}

void trm__writer_abort(trm__writer **writer) {
  trm__writer *w = *writer;
  if (!w) return;
  *writer = NULL;
  if (w->temporary.path) unlink(w->temporary.path);
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

/* --- folders --- */

struct trm__draft {
  char *where, *target; /* as given; links followed */
  before before;
  trm__temporary temporary;
};

static void draft_free(trm__draft *d) {
  trm__temporary_close(&d->temporary);
  trm__free(d->where);
  trm__free(d->target);
  trm__free(d);
}

static trm_status draft_begin(trm__draft *d, const char *path, trm_error *err) {
  int descriptor;
  d->where = trm__strdup(path);
  if (!d->where) return trm__fail_memory(err, path, strlen(path) + 1);
  trm_status status = trm__path_follow(&d->target, &descriptor, path, err);
  if (status) return status;
  char *folder = trm__path_folder(d->target);
  if (!folder) return trm__fail_memory(err, path, strlen(path) + 1);
  trm__temporaries_remove(folder, d->target);
  trm__free(folder);
  d->before = before_look(d->target);
  return trm__temporary_open(&d->temporary, d->target, 1, d->before.there ? 0700 : 0777, path, err);
}

trm_status trm__draft_open(trm__draft **out, const char *target, trm_error *err) {
  trm__draft *d = trm__calloc(1, sizeof *d);
  if (!d) return trm__fail_memory(err, target, sizeof *d);
  trm_status status = draft_begin(d, target, err);
  if (status) draft_free(d);
  else *out = d;
  return status;
}

const char *trm__draft_path(const trm__draft *draft) {
  return draft->temporary.path;
}

/* When the folder has its name and only that cannot be made sure on disk, the name is given back. */
static trm_status draft_rename(trm__draft *d, trm_error *err) {
  int replaces = trm__path_is_dir(d->target);
  trm_status status = before_keep(&d->before, d->temporary.fd, d->where, err);
  if (!status) status = trm__rename_only(d->temporary.path, d->target, d->where, err);
  if (status) return status;
  status = trm__dir_sync_parent(d->target, err);
  if (!status) return TRM_OK;
  (void)trm__dir_remove(d->target, NULL);
  if (replaces && mkdir(d->target, d->before.mode) == 0) (void)chmod(d->target, d->before.mode);
  return status;
}

trm_status trm__draft_commit(trm__draft **draft, trm_error *err) {
  trm_status status = draft_rename(*draft, err);
  if (status) {
    trm__draft_abort(draft);
  } else {
    draft_free(*draft);
    *draft = NULL;
  }
  return status;
}

static trm_status draft_rename_file(const trm__draft *d, const char *name, trm_error *err) {
  char *path = trm__format("%s/%s", d->temporary.path, name);
  if (!path) return trm__fail_memory(err, d->where, strlen(d->target) + strlen(name) + 40);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  trm_status status = fd >= 0 ? TRM_OK : trm__fail_errno(err, path, "cannot be opened");
  if (!status) status = before_keep(&d->before, fd, d->where, err);
  if (fd >= 0) close(fd);
  if (!status) status = trm__rename_only(path, d->target, d->where, err);
  if (!status) status = trm__dir_sync_parent(d->target, err);
  trm__free(path);
  return status;
}

trm_status trm__draft_commit_file(trm__draft **draft, const char *name, trm_error *err) {
  trm_status status = draft_rename_file(*draft, name, err);
  trm__draft_abort(draft);
  return status;
}

void trm__draft_abort(trm__draft **draft) {
  trm__draft *d = *draft;
  if (!d) return;
  *draft = NULL;
  (void)trm__dir_remove(d->temporary.path, NULL);
  draft_free(d);
}
