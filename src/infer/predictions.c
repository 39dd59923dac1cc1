/* The predictions of an evaluation: see predictions.h and trm/solve.h. */
#include "infer/predictions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

void trm__labels_compare(const int32_t *labels, const int32_t *answer, size_t S, int64_t *scored, int64_t *wrong) {
  *scored = *wrong = 0;
  for (size_t i = 0; i < S; i++) {
    *scored += labels[i] >= 0;
    *wrong += labels[i] >= 0 && labels[i] != answer[i];
  }
}

/* -- while the evaluation runs ------------------------------------------------------------------------------------- */

trm_status trm__predictions_open(trm_predictions **out, const trm_dataset *dataset, const trm_task *task,
                                 int64_t examples, trm_error *err) {
  trm_predictions *p = trm__calloc(1, sizeof *p);
  size_t n = (size_t)examples, cells = 0;
  if (!p) return trm__fail_memory(err, "predictions", sizeof *p);
  *p = (trm_predictions){.dataset = dataset, .task = *task, .room = examples};
  p->S = (size_t)trm_dataset_describe(dataset).seq_len;
  if (trm__mul_size(n, p->S, &cells)) p->answers = trm__calloc(cells, sizeof *p->answers);
  p->solutions = trm__calloc(n, sizeof *p->solutions);
  p->example = trm__calloc(n, sizeof *p->example);
  p->question = trm__calloc(p->S, sizeof *p->question);
  p->labels = trm__calloc(p->S, sizeof *p->labels);
  *out = p;
  if (p->answers && p->solutions && p->example && p->question && p->labels) return TRM_OK;
  trm_predictions_close(out);
  return trm__fail_memory(err, "predictions", cells * sizeof *p->answers);
}

void trm_predictions_close(trm_predictions **predictions) {
  trm_predictions *p = predictions ? *predictions : NULL;
  if (!p) return;
  trm__free(p->answers);
  trm__free(p->solutions);
  trm__free(p->example);
  trm__free(p->question);
  trm__free(p->labels);
  trm__free(p);
  *predictions = NULL;
}

void trm__predictions_keep(trm_predictions *p, const trm_leave *leave) {
  size_t i = (size_t)leave->puzzle;
  memcpy(p->answers + i * p->S, leave->answer, p->S * sizeof *p->answers);
  p->solutions[i] = *leave->solution;
  p->example[i] = 1;
}

void trm__predictions_end(trm_predictions *p) {
  for (int64_t i = 0; i < p->room; i++)
    if (p->example[i]) p->example[p->count++] = i; /* count <= i: nothing is overwritten that is still to be read */
}

/* -- looking at them ----------------------------------------------------------------------------------------------- */

int64_t trm_predictions_count(const trm_predictions *p) {
  return p->count;
}

trm_prediction trm_predictions_at(trm_predictions *p, int64_t index) {
  int64_t example = p->example[index];
  trm_prediction r = {.example = example,
                      .question = p->question,
                      .labels = p->labels,
                      .answer = p->answers + (size_t)example * p->S,
                      .rating = (double)NAN,
                      .solution = p->solutions[example]};
  trm_dataset_example(p->dataset, example, p->question, p->labels, NULL, &r.rating);
  trm__labels_compare(p->labels, r.answer, p->S, &r.cells, &r.wrong);
  r.exact = r.wrong == 0;
  r.verdict = trm_task_judge(&p->task, r.question, r.answer);
  return r;
}

/* -- the worst ----------------------------------------------------------------------------------------------------- */

typedef struct fault {
  int64_t index, wrong;
  float q;
  int allowed; /* by the task's rules */
} fault;

static int fault_compare(const void *a, const void *b) {
  const fault *x = a, *y = b;
  if (x->allowed != y->allowed) return x->allowed - y->allowed;
  int x_nan = isnan(x->q), y_nan = isnan(y->q); /* of which nobody was sure */
  if (x_nan != y_nan) return x_nan - y_nan;
  if (x->q > y->q || x->q < y->q) return x->q > y->q ? -1 : 1;
  if (x->wrong != y->wrong) return x->wrong > y->wrong ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

trm_status trm_predictions_worst(trm_predictions *p, int64_t most, int64_t *indices, int64_t *count, trm_error *err) {
  fault *list = trm__calloc((size_t)p->count, sizeof *list);
  size_t n = 0;
  if (!list) return trm__fail_memory(err, "predictions", (size_t)p->count * sizeof *list);
  for (int64_t i = 0; i < p->count; i++) {
    trm_prediction r = trm_predictions_at(p, i);
    if (!r.exact)
      list[n++] = (fault){i, r.wrong, r.solution.q, r.verdict.keeps_rules == 1 && r.verdict.keeps_clues == 1};
  }
  qsort(list, n, sizeof *list, fault_compare);
  *count = (int64_t)n < most ? (int64_t)n : most;
  for (int64_t i = 0; i < *count; i++) indices[i] = list[i].index;
  trm__free(list);
  return TRM_OK;
}
