/* The thread that reads and writes files for a reload, so that the loop waits for no disk: one job at a time. */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "serve/model_files.h"
#include "serve/reload_state.h"

#define CHECK_MOST 10000 /* puzzles of a check set */

void trm__check_set_clear(trm__check_set *set) {
  trm__free(set->question);
  trm__free(set->answer);
  *set = (trm__check_set){0};
}

static trm_status disk_check_copy(trm__check_set *set, const trm_dataset *data, const trm_dataset_info *info,
                                  trm_error *err) {
  size_t numbers = (size_t)(set->count * set->cells);
  set->question = trm__calloc(numbers, sizeof *set->question);
  set->answer = trm__calloc(numbers, sizeof *set->answer);
  if (!set->question || !set->answer) return trm__fail_memory(err, "check", 2 * numbers * sizeof *set->answer);
  for (int64_t i = 0; i < set->count; i++) /* spread over all of it */
    trm_dataset_example(data, i * info->examples / set->count, set->question + i * set->cells,
                        set->answer + i * set->cells, NULL, NULL);
  return TRM_OK;
}

/* The configured check set, where it is for the puzzles of this model. */
static trm_status disk_check(trm__disk *d, trm__disk_job *job) {
  trm_dataset *data = NULL;
  const trm_task *task = &job->taken.task;
  if (!*d->config->check || job->status) return job->status;
  trm_status status = trm_dataset_open(&data, d->config->check, "test", NULL, &job->error);
  if (status) return status;
  const trm_dataset_info info = trm_dataset_describe(data);
  if (info.seq_len == job->taken.cells && info.vocab_size == task->vocab_size && info.task.kind == task->kind) {
    job->check.count = info.examples < CHECK_MOST ? info.examples : CHECK_MOST;
    job->check.cells = info.seq_len;
    job->check.least = d->config->check_least;
    status = disk_check_copy(&job->check, data, &info, &job->error);
  }
  trm_dataset_close(&data);
  if (status) trm__check_set_clear(&job->check);
  return status;
}

static void disk_work(trm__disk *d, trm__disk_job *job) {
  switch (job->kind) {
  case TRM__DISK_LIST:
    job->status = trm__model_files(&job->files, d->config, d->folders, &job->error);
    for (int i = 0; i < job->files.models; i++) (void)trm__stamp_get(&job->stamp[i], job->files.model[i].path);
    break;
  case TRM__DISK_TAKE:
    job->status = trm__version_take(d->folder, job->source, &job->taken, &job->error);
    job->status = disk_check(d, job);
    break;
  case TRM__DISK_WRITE:
    job->status = trm__versions_write(&job->versions, &job->error);
    break;
  case TRM__DISK_TIDY:
    trm__versions_tidy(&job->versions);
    break;
  }
}

static void *disk_thread(void *context) {
  trm__disk *d = context;
  const uint64_t one = 1;
  pthread_mutex_lock(&d->mutex);
  for (;;) {
    while (!d->ended && !(d->busy && !d->done)) pthread_cond_wait(&d->changed, &d->mutex);
    if (d->ended) break;
    pthread_mutex_unlock(&d->mutex);
    disk_work(d, &d->job);
    pthread_mutex_lock(&d->mutex);
    d->done = 1;
    (void)!write(d->wake, &one, sizeof one);
  }
  pthread_mutex_unlock(&d->mutex);
  return NULL;
}

trm_status trm__disk_open(trm__disk *d, const trm__serve_config *config, const char *folders, const char *folder,
                          trm_error *err) {
  d->config = config;
  d->folders = folders;
  d->folder = folder;
  pthread_mutex_init(&d->mutex, NULL);
  pthread_cond_init(&d->changed, NULL);
  d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (d->wake < 0) return trm__fail_errno(err, "reload", "eventfd");
  if (pthread_create(&d->thread, NULL, disk_thread, d) != 0)
    return trm__fail(err, TRM_E_MEMORY, "reload", "no thread could be started");
  d->started = 1;
  return TRM_OK;
}

void trm__disk_close(trm__disk *d) {
  if (d->started) {
    pthread_mutex_lock(&d->mutex);
    d->ended = 1;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->mutex);
    pthread_join(d->thread, NULL);
  }
  trm__check_set_clear(&d->job.check);
  if (d->wake > 0) close(d->wake);
  pthread_cond_destroy(&d->changed);
  pthread_mutex_destroy(&d->mutex);
}

void trm__disk_begin(trm__disk *d) {
  pthread_mutex_lock(&d->mutex);
  d->job.status = TRM_OK;
  memset(&d->job.error, 0, sizeof d->job.error);
  trm__check_set_clear(&d->job.check);
  d->busy = 1;
  d->done = 0;
  pthread_cond_broadcast(&d->changed);
  pthread_mutex_unlock(&d->mutex);
}

int trm__disk_take_end(trm__disk *d) {
  uint64_t wakes;
  (void)!read(d->wake, &wakes, sizeof wakes);
  pthread_mutex_lock(&d->mutex);
  int done = d->busy && d->done;
  if (done) d->busy = d->done = 0;
  pthread_mutex_unlock(&d->mutex);
  return done;
}
