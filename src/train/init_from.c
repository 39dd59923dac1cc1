/* Starting a run from another model's weights: tensors are matched by name and must have the same shape, except the
 * puzzle rows, whose number belongs to the data. */
#include "train/init_from.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/file/model_file.h"

static trm_status init_check_fit(const trm__param *ours, const trm__param *theirs, const char *path, trm_error *err) {
  if (!theirs) return trm__fail(err, TRM_E_INPUT, path, "has no tensor %s, which this run's model needs", ours->name);
  int rows_differ = ours->rows != theirs->rows && ours->kind != TRM__PARAM_PUZZLE;
  if (rows_differ || ours->cols != theirs->cols || ours->rank != theirs->rank)
    return trm__fail(err, TRM_E_INPUT, path, "tensor %s is %d x %d, this run's model needs %d x %d", ours->name,
                     theirs->rows, theirs->cols, ours->rows, ours->cols);
  return TRM_OK;
}

/* Each row of to [rows][cols] is the mean of from's. */
static void init_spread_mean(trm__real *to, const trm__param *ours, const trm__real *from, const trm__param *theirs) {
  for (int j = 0; j < ours->cols; j++) {
    double sum = 0;
    for (int i = 0; i < theirs->rows; i++) sum += (double)from[(size_t)i * (size_t)theirs->cols + (size_t)j];
    trm__real mean = (trm__real)(sum / theirs->rows);
    for (int i = 0; i < ours->rows; i++) to[(size_t)i * (size_t)ours->cols + (size_t)j] = mean;
  }
}

static trm_status init_copy_tensors(trm__weight_set *to, const trm__params *ours, const trm__weight_set *from,
                                    const trm_model *model, trm_error *err) {
  for (int i = 0; i < ours->count; i++) {
    const trm__param *p = &ours->item[i], *q = trm__params_find(&model->params, p->name);
    trm_status status = init_check_fit(p, q, model->path, err);
    if (status) return status;
    trm__real *target = trm__weight_set_tensor(to, ours, i);
    const trm__real *source = trm__weight_set_tensor(from, &model->params, (int)(q - model->params.item));
    if (p->rows == q->rows) memcpy(target, source, (size_t)p->rows * (size_t)p->cols * sizeof *target);
    else init_spread_mean(target, p, source, q);
  }
  return TRM_OK;
}

trm_status trm__init_from(trm__trainer *trainer, const char *path, trm_error *err) {
  trm_model *model = NULL;
  trm__weight_set from = {0}, to = {0};
  const trm__params *params = &trainer->params;
  trm__backend *be = trainer->backend;
  trm_status status = trm_model_open(&model, path, err);
  if (!status) status = trm__weight_set_open(&from, &model->params, err);
  if (!status) status = trm__weight_set_open(&to, params, err);
  if (status) goto done;
  trm__model_read(model, &from);
  status = init_copy_tensors(&to, params, &from, model, err);
  if (status) goto done;
  be->copy(be, trainer->weights, to.flat, params->trained * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  be->copy(be, trainer->ema, to.flat, params->trained * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  be->copy(be, trainer->start, to.start, 2 * (size_t)params->dims.D * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  if (trainer->puzzle)
    be->copy(be, trainer->puzzle, to.puzzle, params->puzzle * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  trm__trainer_prepare(trainer);
done:
  trm__weight_set_close(&from);
  trm__weight_set_close(&to);
  trm_model_close(&model);
  return status;
}
