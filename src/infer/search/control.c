/* The noise control: see control.h. */
#include "infer/search/control.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "infer/request.h"
#include "task/puzzle.h"

typedef struct control {
  trm_solver *solver;
  const trm__job *job;
  trm_task task;
  size_t S;
  int32_t *tokens, *answer; /* [S] */
  float *confidence;        /* [S], zeros */
} control;

/* Symbols stand behind the blank, or, where a kind has none, behind padding. */
static void control_draw(control *c, trm__rng *rng) {
  int32_t blank = trm__task_blank(&c->task), first = blank + 1;
  for (size_t i = 0; i < c->S; i++)
    c->answer[i] = blank && c->tokens[i] > blank
                       ? c->tokens[i]
                       : first + (int32_t)trm__rng_below(rng, (uint32_t)(c->task.vocab_size - first));
}

/* One chain, from its first step to its last. 1: the call is to end. */
static int control_chain(control *c, int64_t number, const trm_puzzle *p) {
  const trm__job *job = c->job;
  trm_solver *s = c->solver;
  trm_solution solution = {.cancelled = 1};
  int answer = TRM_STEP_ON, stop = 0;
  for (int step = 1; step <= (int)p->max_steps && !stop; step++) {
    trm__rng rng = trm__rng_make((uint64_t)s->config.seed, TRM__RNG_SEARCH,
                                 p->noise_name << TRM__NOISE_STEP_BITS | (uint64_t)step);
    if (job->source.cancelled(job->source.context, number, p->tag)) break;
    control_draw(c, &rng);
    float q = (float)trm__rng_normal(&rng);
    trm_task_verdict v = trm_task_judge(&c->task, c->tokens, c->answer);
    int checked = p->rules == TRM_RULES_HALT, correct = checked && v.keeps_rules == 1 && v.keeps_clues == 1;
    int last = correct || step == (int)p->max_steps;
    solution = (trm_solution){.steps = step,
                              .halted = correct ? TRM_HALT_RULES : TRM_HALT_NONE,
                              .q = q,
                              .confidence = (float)(1 / (1 + exp((double)-q))),
                              .cancelled = !last,
                              .checked = checked,
                              .correct = correct,
                              .answer_step = step};
    answer = p->watch(p->watch_context, &(trm_step){.puzzle = number,
                                                    .step = step,
                                                    .answer = c->answer,
                                                    .confidence = c->confidence,
                                                    .q = q,
                                                    .halted = last,
                                                    .checked = checked,
                                                    .correct = correct,
                                                    .change = (float)NAN});
    stop = job->progress(job->progress_context, 0, "solving") != 0 || trm_judge_status(s->config.judge, NULL);
    if (last || answer != TRM_STEP_ON) break;
  }
  job->source.leave(job->source.context, &(trm_leave){.puzzle = number,
                                                      .tag = p->tag,
                                                      .answer = solution.steps ? c->answer : NULL,
                                                      .solution = &solution});
  return stop;
}

trm_status trm__control_run(trm_solver *solver, const trm__job *job, trm_error *err) {
  control c = {.solver = solver, .job = job, .S = (size_t)solver->model.seq_len};
  trm_status status = trm_solver_task(solver, &c.task, err);
  c.tokens = trm__calloc(c.S, sizeof *c.tokens);
  c.answer = trm__calloc(c.S, sizeof *c.answer);
  c.confidence = trm__calloc(c.S, sizeof *c.confidence);
  if (!status && (!c.tokens || !c.answer || !c.confidence)) status = trm__fail_memory(err, "noise control", 0);
  solver->stats = (trm_solve_stats){.origin = TRM_BATCH_GIVEN};
  for (int64_t number = 0; !status; number++) {
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = c.tokens;
    if (job->source.next(job->source.context, number, 1, &puzzle) != TRM_SOURCE_PUZZLE) break;
    if (control_chain(&c, number, &puzzle)) break;
  }
  trm__free(c.tokens);
  trm__free(c.answer);
  trm__free(c.confidence);
  return status ? status : trm_judge_status(solver->config.judge, err);
}
