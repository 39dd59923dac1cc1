/* Versions come into the folder here, and nowhere else: see versions.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <trm/trm.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "serve/versions.h"

#define PIECE ((size_t)1 << 18)
#define MODEL_MOST ((int64_t)16 << 30) /* bytes of a model file */

static trm_status take_all_bytes(int fd, trm__writer *writer, const char *source, int64_t size, trm_error *err) {
  unsigned char *piece = trm__calloc(PIECE, 1);
  trm_status status = piece ? TRM_OK : trm__fail_memory(err, source, PIECE);
  int64_t copied = 0;
  while (!status) {
    ssize_t got = read(fd, piece, PIECE);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = trm__fail_errno(err, source, "cannot be read");
    if (got <= 0) break;
    copied += got;
    if (copied > size) break; /* it grows */
    status = trm__writer_write(writer, piece, (size_t)got, err);
  }
  trm__free(piece);
  if (!status && copied != size)
    status = trm__fail(err, TRM_E_BUSY, source, "it is being written: %lld bytes were there, and then others",
                       (long long)size);
  return status;
}

/* The file's bytes, all of one moment as far as its stamp tells. */
static trm_status take_copy(const char *source, const char *path, trm__stamp *stamp, trm_error *err) {
  struct stat st;
  trm__stamp after;
  trm__writer *writer = NULL;
  int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return trm__fail_errno(err, source, "cannot be opened");
  trm_status status = TRM_OK;
  if (fstat(fd, &st) != 0) status = trm__fail_errno(err, source, "cannot be examined");
  else if (!S_ISREG(st.st_mode)) status = trm__fail(err, TRM_E_INPUT, source, "is no regular file");
  else if (!trm__stamp_get(stamp, source) || stamp->inode != (int64_t)st.st_ino)
    status = trm__fail(err, TRM_E_BUSY, source, "it was replaced while it was opened");
  else if (stamp->size > MODEL_MOST)
    status = trm__fail(err, TRM_E_INPUT, source, "%lld bytes, expected at most %lld", (long long)stamp->size,
                       (long long)MODEL_MOST);
  if (!status) status = trm__writer_open(&writer, path, err);
  if (!status) status = take_all_bytes(fd, writer, source, stamp->size, err);
  close(fd);
  if (!status && (!trm__stamp_get(&after, source) || !trm__stamp_is_same(stamp, &after)))
    status =
        trm__fail(err, TRM_E_BUSY, source, "it was changed while it was read; it is complete when nobody writes it");
  if (status) trm__writer_abort(&writer);
  else status = trm__writer_commit(&writer, err);
  return status;
}

/* What the copy is, once it is found whole. */
static trm_status take_look(const char *path, const char *source, trm__taken *taken, trm_error *err) {
  trm_model *model = NULL;
  trm_error why = {0};
  trm_status status = trm_model_open(&model, path, &why);
  if (!status) status = trm_model_task(model, &taken->task, &why);
  if (status) {
    trm_model_close(&model);
    return trm__fail(err, status, source, "%s", why.message);
  }
  const char *sum = trm_model_get_checksum(model);
  taken->cells = trm_model_get_config(model)->seq_len;
  if (!sum) status = trm__fail(err, TRM_E_INPUT, source, "has no checksum to know it by; trm convert gives it one");
  else snprintf(taken->id, sizeof taken->id, "%.12s", sum);
  trm_model_close(&model);
  return status;
}

trm_status trm__version_take(const char *folder, const char *source, trm__taken *taken, trm_error *err) {
  char incoming[TRM__WORK_PATH], path[TRM__WORK_PATH];
  memset(taken, 0, sizeof *taken);
  snprintf(incoming, sizeof incoming, "%s/incoming.safetensors", folder);
  trm_status status = trm__dir_make(folder, err);
  if (!status) status = take_copy(source, incoming, &taken->stamp, err);
  if (status) return status;
  status = take_look(incoming, source, taken, err);
  snprintf(path, sizeof path, "%s/%s.safetensors", folder, taken->id);
  if (!status) status = trm__rename(incoming, path, err);
  if (status) (void)unlink(incoming);
  return status;
}

/* -- at the start -------------------------------------------------------------------------------------------------- */

static int begin_is_whole(const trm__versions *v, const char *id) {
  char path[TRM__WORK_PATH];
  trm_model *model = NULL;
  trm__versions_path(v, id, path);
  if (!*id || trm_model_open(&model, path, NULL)) return 0;
  const char *sum = trm_model_get_checksum(model);
  int same = sum && strncmp(sum, id, TRM__VERSION_ID - 1) == 0;
  trm_model_close(&model);
  return same;
}

static void begin_take(trm__versions *v, const trm__work_model_file *file, const trm__log *log) {
  trm__taken taken;
  trm_error err = {0};
  trm_status status = trm__version_take(v->folder, file->path, &taken, &err);
  trm__version_entry *e = status ? NULL : trm__versions_make(v, file->name);
  if (!e) {
    trm__log_write(log, TRM_LOG_WARN, "%s cannot be kept as a version: %s: %s", file->name,
                   *err.where ? err.where : file->path, *err.message ? err.message : "too many models are remembered");
    return;
  }
  snprintf(e->source, sizeof e->source, "%s", file->path);
  e->stamp = taken.stamp;
  memcpy(e->active, taken.id, sizeof e->active);
  e->loaded_ms = (int64_t)(trm__wall_clock() * 1000);
}

/* One name: with the version that was active, or the one before, or what its file is now. */
static int begin_one(trm__versions *v, const trm__work_model_file *file, const trm__log *log) {
  trm__version_entry *e = trm__versions_find(v, file->name);
  trm__stamp stamp;
  if (e && e->unloaded) return 0;
  if (e && *e->beside && !begin_is_whole(v, e->beside)) *e->beside = 0;
  if (e && begin_is_whole(v, e->active)) {
    if (!trm__stamp_get(&stamp, file->path)) return 0; /* unreadable now: the version serves on */
    return strcmp(e->source, file->path) != 0 || !trm__stamp_is_same(&stamp, &e->stamp);
  }
  if (e) {
    trm__log_write(log, TRM_LOG_WARN, "%s: its version %s is not whole any more", file->name, e->active);
    *e->active = 0;
  }
  begin_take(v, file, log);
  e = trm__versions_find(v, file->name);
  if (!e || *e->active || !begin_is_whole(v, e->previous)) return 0;
  memcpy(e->active, e->previous, sizeof e->active);
  *e->previous = 0;
  return 1;
}

trm_status trm__versions_begin(trm__versions *v, const char *data_dir, const trm__work_config *files,
                               trm__work_config *models, int *changed, const trm__log *log, trm_error *err) {
  trm_error why = {0};
  *changed = 0;
  if (trm__versions_read(v, data_dir, &why))
    trm__log_write(log, TRM_LOG_WARN, "versions are begun anew: %s: %s", why.where, why.message);
  for (int i = 0; i < files->models; i++) *changed |= begin_one(v, &files->model[i], log);
  *models = *files;
  trm_status status = trm__versions_models(v, files, models, err);
  if (status) return status;
  if (trm__versions_write(v, &why))
    trm__log_write(log, TRM_LOG_WARN, "versions are not recorded: %s: %s", why.where, why.message);
  else trm__versions_tidy(v);
  return TRM_OK;
}
