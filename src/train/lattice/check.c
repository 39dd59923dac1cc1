/* Validation of the lattice recursion: see check.h. Puzzles go through in groups, and a group until its last is done.
 */
#include "train/lattice/check.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

typedef struct check {
  trm__trainer *t;
  const trm_dataset *data;
  trm__passes *passes;
  trm__passes_rule rule;
  size_t S;
  int group;                /* puzzles of one */
  trm__deduction *chain;    /* [group] */
  trm__deduction **at_work; /* [group] */
  int32_t *tokens, *labels; /* [group][3][S]: question, sets, answer; [S] */
  float *confidence;        /* [group][S] */
} check;

static void check_close(check *c) {
  trm__passes_close(&c->passes);
  void *owned[] = {c->chain, c->at_work, c->tokens, c->labels, c->confidence};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) trm__free(owned[i]);
}

/* A group's chains may all take their most frames at once. */
static trm_status check_open(check *c, trm_error *err) {
  const trm__trainer *t = c->t;
  c->S = (size_t)t->params.dims.S;
  c->group = t->micro_batch / TRM__PASSES_FRAMES > 0 ? t->micro_batch / TRM__PASSES_FRAMES : 1;
  c->rule =
      (trm__passes_rule){.task = &t->states.task,
                         .loops = t->model.L_cycles > TRM__PASSES_LOOPS ? (int)t->model.L_cycles : TRM__PASSES_LOOPS,
                         .seed = (uint64_t)t->config.seed};
  size_t n = (size_t)c->group;
  trm_status status = trm__passes_open(&c->passes, t->lattice, &t->params.dims, t->micro_batch, err);
  if (status) return status;
  c->chain = trm__calloc(n, sizeof *c->chain);
  c->at_work = trm__calloc(n, sizeof *c->at_work);
  c->tokens = trm__calloc(3 * n * c->S, sizeof *c->tokens);
  c->labels = trm__calloc(c->S, sizeof *c->labels);
  c->confidence = trm__calloc(n * c->S, sizeof *c->confidence);
  if (c->chain && c->at_work && c->tokens && c->labels && c->confidence) return TRM_OK;
  return trm__fail_memory(err, "validation", 3 * n * c->S * sizeof *c->tokens);
}

static void check_load(check *c, int i, int64_t example) {
  int32_t *tokens = c->tokens + 3 * (size_t)i * c->S;
  c->chain[i] = (trm__deduction){.question = tokens,
                                 .sets = tokens + c->S,
                                 .answer = tokens + 2 * c->S,
                                 .confidence = c->confidence + (size_t)i * c->S,
                                 .name = (uint64_t)example,
                                 .level = TRM_LEVEL_C};
  trm_dataset_example(c->data, example, tokens, NULL, NULL, NULL);
  trm__passes_begin(c->passes, &c->chain[i]);
}

static void check_score(check *c, int i, int64_t example, trm__score *score) {
  const trm__deduction *chain = &c->chain[i];
  trm__example_stats stats = {.q_halt = (double)chain->q};
  trm_dataset_example(c->data, example, NULL, c->labels, NULL, NULL);
  for (size_t s = 0; s < c->S; s++) {
    stats.labelled += c->labels[s] >= 0;
    stats.right += c->labels[s] >= 0 && chain->answer[s] == c->labels[s];
  }
  stats.exact = stats.right == stats.labelled;
  trm__score_add(score, &stats, chain->passes, 0);
}

/* Puzzles first .. first + n - 1, a group. */
static void check_group(check *c, int64_t first, int n, trm__score *score) {
  int rows = c->t->micro_batch;
  for (int i = 0; i < n; i++) check_load(c, i, first + i);
  for (int working = n; working > 0;) {
    working = 0;
    for (int i = 0; i < n; i++) {
      int64_t left = c->chain[i].finished ? 0 : TRM__CHECK_PASSES - c->chain[i].passes;
      if (left > rows) left = rows; /* a slice may be smaller than the frames of one chain */
      if (left > 0) c->at_work[working++] = &c->chain[i];
      c->chain[i].frames = trm__passes_frames(&c->chain[i], left);
    }
    if (working) trm__passes_run(c->passes, &c->rule, c->at_work, working);
  }
  for (int i = 0; i < n; i++) check_score(c, i, first + i, score);
}

trm_status trm__lattice_validate(trm__trainer *trainer, const trm_dataset *data, int64_t limit, trm__score *score,
                                 trm_error *err) {
  check c = {.t = trainer, .data = data};
  int64_t examples = trm_dataset_describe(data).examples;
  if (limit > 0 && limit < examples) examples = limit;
  *score = (trm__score){0};
  trm_status status = check_open(&c, err);
  if (!status) trm__lattice_prepare(trainer->lattice, trainer->ema);
  for (int64_t i = 0; i < examples && !status; i += c.group)
    check_group(&c, i, examples - i < c.group ? (int)(examples - i) : c.group, score);
  check_close(&c);
  if (!status) trm__trainer_prepare(trainer);
  return status;
}
