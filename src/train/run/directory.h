/* A run directory:
 *     config.json          what reproduces the run (below)
 *     lock                 held by the trainer that works on it
 *     metrics.jsonl        one JSON object a line (record/metrics.h)
 *     events.out.tfevents.* the same for TensorBoard (record/tensorboard.h)
 *     checkpoints/step-N/  everything that a bit-exact resume needs (checkpoint.h)
 *     best.safetensors     the EMA with the best exact accuracy on the validation data
 *     last.safetensors     the EMA at the end, or where the run was stopped last
 *                          (both: with their halting threshold when the run is over, train/threshold.h)
 *
 * config.json: {"format": 1, "trm": "0.1.0", "model": {keys of trm_model_options}, "train": {keys of
 * trm_train_options}, "task": {task.json of the data}, "resolved": {"steps": updates in all, "schedule_steps": updates
 * of the schedule (absent in older ones: steps), "micro_batch": slice size in use, "isa": kernels, "train_crc32": of
 * the training data, "valid_crc32": of the validation data, 0 without}, "from_run": {places.h, absent in older ones},
 * "crc32": of this object without this key, "from_run" and the paths data, valid, run and init_from, as compact JSON
 * with sorted keys (absent in older ones)}. */
#ifndef TRM_TRAIN_RUN_DIRECTORY_H
#define TRM_TRAIN_RUN_DIRECTORY_H

#include <jansson.h>
#include <trm/train.h>

#include "train/run/places.h"

#define TRM__RUN_FORMAT 1
#define TRM__RUN_PATH 1280 /* bytes of a path inside a run directory */

typedef struct trm__run {
  char path[1024];
  int lock;    /* descriptor, -1: none */
  int created; /* 1: the directory was made by trm__run_create */
  int lock_created;
} trm__run;

typedef struct trm__run_config {
  trm_model_config model;
  trm_train_config train;
  trm_task task;
  int64_t updates;  /* in all */
  int64_t schedule; /* updates of the schedule: it stays when the run is made longer or shorter; 0: not known yet */
  int64_t micro_batch;
  char isa[64];
  uint32_t train_crc, valid_crc;
  trm__places from_run; /* where its files lay when config.json was written */
} trm__run_config;

/* Makes and locks the directory. TRM_E_BUSY when another trainer holds it; TRM_E_USAGE when it already holds a run, or
 * a file of a name that a run writes to: what a run did not make it never touches. Other files may be there. */
trm_status trm__run_create(trm__run *run, const char *path, trm_error *err);
/* Locks an existing run. TRM_E_INPUT when there is none. Both remove the unfinished files of processes that are gone.
 */
trm_status trm__run_open(trm__run *run, const char *path, trm_error *err);
void trm__run_close(trm__run *run);
/* Instead of close, when starting failed before config.json was written: removes what create made. */
void trm__run_abandon(trm__run *run);
/* The directory that rank 0 creates or opens, as another rank knows it: by its name, without the lock. */
trm_status trm__run_follow(trm__run *run, const char *path, trm_error *err);

/* folder/name into buffer [TRM__RUN_PATH], which holds every path of a run (run.path is checked when it is set). */
const char *trm__run_join(const char *folder, const char *name, char *buffer);
const char *trm__run_path(const trm__run *run, const char *name, char *buffer);

trm_status trm__run_save(const trm__run *run, const trm__run_config *config, trm_error *err);
/* TRM_E_INPUT for another format, naming both. */
trm_status trm__run_load(const trm__run *run, trm__run_config *config, trm_error *err);

/* All that config.json would hold, but for paths; NULL without memory. And its CRC-32. */
json_t *trm__run_whole(const trm__run_config *config);
uint32_t trm__run_whole_crc(const trm__run_config *config);

/* CRC-32 of everything in the configuration that decides what is computed: neither paths nor what may change when a run
 * is resumed. */
uint32_t trm__run_config_crc(const trm__run_config *config);

/* What that sum is of, for one table and the struct of its defaults: without options younger than run directories where
 * they have their default, so that a run is resumed by later versions too. NULL without memory. */
json_t *trm__run_summed_options(const trm_option *table, size_t count, const void *config, const void *defaults);

/* CRC-32 of the compact text with sorted keys. */
uint32_t trm__json_crc32(const json_t *json);

/* TRM_E_USAGE when an option about validation is set where there is none. name: this option alone; NULL: all. */
trm_status trm__run_check_validation(const trm_train_config *config, const char *name, trm_error *err);

/* Sets values that may change on resume, and where the data is now. TRM_E_USAGE for others. pairs: name, text, ...
 * *limits: whether any of them says how long the run goes on, or what it records. */
trm_status trm__run_override(trm__run_config *config, const char *const *pairs, size_t count, int *limits,
                             trm_error *err);

#endif
