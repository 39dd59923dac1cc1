/* A model's task: what its file says, or what its shapes suggest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "infer/engine.h"
#include "model/file/model_file.h"
#include "task/task.h"

/* text: trm.task of the model file at path, or NULL. */
static trm_status task_read(const trm_model_config *m, const char *text, const char *path, trm_task *task,
                            trm_error *err) {
  if (!text) {
    *task = trm__task_infer(m->seq_len, m->vocab_size);
    return TRM_OK;
  }
  char where[512];
  trm_task found;
  json_t *json = NULL;
  (void)snprintf(where, sizeof where, "%.480s, metadata trm.task", path);
  trm_status status = trm__json_parse(&json, text, strlen(text), where, err);
  if (!status) status = trm__task_from_json(&found, json, where, err);
  json_decref(json);
  if (status) return status;
  if ((int64_t)found.width * found.height != m->seq_len || found.vocab_size != m->vocab_size)
    return trm__fail(err, TRM_E_INPUT, where,
                     "%d x %d cells and %d tokens, but the model has %" PRId64 " positions and %" PRId64 " tokens",
                     found.width, found.height, found.vocab_size, m->seq_len, m->vocab_size);
  *task = found;
  return TRM_OK;
}

trm_status trm_model_task(const trm_model *model, trm_task *task, trm_error *err) {
  return task_read(&model->config, trm_model_get_metadata(model, "trm.task"), model->path ? model->path : "model", task,
                   err);
}

trm_status trm_solver_task(const trm_solver *solver, trm_task *task, trm_error *err) {
  trm_status status = task_read(&solver->model, solver->task_text, solver->path, task, err);
  return status || !solver->config.judge ? status : trm_task_set_judge(task, solver->config.judge, err);
}
