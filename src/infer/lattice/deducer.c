/* Chains in slots: see deducer.h. Whenever a callback is called,
 *  1. the first `active` slots hold different puzzles below next, or none where one left after this round;
 *  2. every puzzle below next has left, once, or is in an active slot: next = left + puzzles in slots;
 *  3. a chain's passes are at most its limit, and at work it has some left;
 *  4. the frames of a round fit in the network: each chain has room for its most. */
#include "infer/lattice/deducer.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "infer/lattice/passes.h"
#include "infer/request.h"
#include "model/file/model_file.h"

typedef struct deducer_slot {
  int64_t number; /* of the puzzle in the call; negative: it has left */
  trm_puzzle puzzle;
  trm__deduction chain;
  int last; /* its last pass was its last */
  trm__inference inference;
} deducer_slot;

struct trm__deducer {
  trm_solver *solver;
  trm__lattice *net;
  trm__passes *passes;
  trm__passes_rule rule;
  int level;
  deducer_slot *slot;       /* [slots] */
  trm__deduction **at_work; /* [slots] */
  int32_t *tokens;          /* [slots][3][S]: question, sets, answer */
  float *confidence;        /* [slots][S] */
  /* of the call at work */
  const trm__job *job;
  int active, ended, asked;
  int64_t next, left, call;
  double seconds; /* of the last round */
};

/* -- opening ------------------------------------------------------------------------------------------------------ */

static trm_status deducer_open_network(trm__deducer *d, const trm_model *model, trm_error *err) {
  trm_solver *s = d->solver;
  trm__weight_set set = {0};
  trm__lattice_plan plan = {.max_batch = s->slots * TRM__PASSES_FRAMES};
  trm_status status = trm__lattice_open(&d->net, &s->model, &s->params, s->backend, &plan, err);
  if (!status) status = trm__passes_open(&d->passes, d->net, &s->params.dims, plan.max_batch, err);
  if (!status) status = trm__weight_set_open(&set, &s->params, err);
  if (status) return status;
  trm__model_read(model, &set);
  trm__lattice_prepare(d->net, set.flat);
  trm__weight_set_close(&set);
  return TRM_OK;
}

static trm_status deducer_open_slots(trm__deducer *d, trm_error *err) {
  size_t n = (size_t)d->solver->slots, S = (size_t)d->solver->params.dims.S;
  d->slot = trm__calloc(n, sizeof *d->slot);
  d->at_work = trm__calloc(n, sizeof *d->at_work);
  d->tokens = trm__calloc(3 * n * S, sizeof *d->tokens);
  d->confidence = trm__calloc(n * S, sizeof *d->confidence);
  if (!d->slot || !d->at_work || !d->tokens || !d->confidence)
    return trm__fail_memory(err, d->solver->path, 4 * n * S * sizeof *d->tokens);
  for (size_t i = 0; i < n; i++) {
    int32_t *at = d->tokens + 3 * i * S;
    d->slot[i].number = -1;
    d->slot[i].chain =
        (trm__deduction){.question = at, .sets = at + S, .answer = at + 2 * S, .confidence = d->confidence + i * S};
  }
  return TRM_OK;
}

trm_status trm__deducer_open(trm__deducer **out, trm_solver *solver, const trm_model *model, const trm__plan *plan,
                             trm_error *err) {
  trm__deducer *d = trm__calloc(1, sizeof *d);
  if (!d) return trm__fail_memory(err, solver->path, sizeof *d);
  d->solver = solver;
  d->level = plan->level;
  d->rule = (trm__passes_rule){.task = &solver->task,
                               .loops = (int)solver->model.L_cycles,
                               .control = plan->control,
                               .seed = (uint64_t)solver->config.seed};
  trm_status status = deducer_open_slots(d, err);
  if (!status) status = deducer_open_network(d, model, err);
  if (status) trm__deducer_close(&d);
  else *out = d;
  return status;
}

void trm__deducer_close(trm__deducer **deducer) {
  trm__deducer *d = *deducer;
  *deducer = NULL;
  if (!d) return;
  trm__passes_close(&d->passes);
  trm__lattice_close(&d->net);
  void *owned[] = {d->slot, d->at_work, d->tokens, d->confidence};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) trm__free(owned[i]);
  trm__free(d);
}

/* -- puzzles come and leave --------------------------------------------------------------------------------------- */

static int deducer_heeds_rules(const trm__deducer *d, const trm_puzzle *p) {
  return p->rules == TRM_RULES_HALT || (p->rules == TRM_RULES_SOLVER && d->solver->config.rules_halt);
}

static void deducer_enter(trm__deducer *d, deducer_slot *slot, const trm_puzzle *puzzle) {
  trm__deduction *chain = &slot->chain;
  size_t bytes = (size_t)d->solver->params.dims.S * sizeof *chain->question;
  int64_t number = d->next++;
  slot->number = number;
  slot->puzzle = *puzzle;
  if (puzzle->tokens != chain->question) memcpy(chain->question, puzzle->tokens, bytes);
  if (!slot->puzzle.max_steps) slot->puzzle.max_steps = d->solver->config.max_steps;
  chain->name = puzzle->noise_name == TRM_NOISE_UNNAMED ? (uint64_t)number : puzzle->noise_name;
  chain->level = d->level;
  if (d->level >= TRM_LEVEL_C && !deducer_heeds_rules(d, puzzle)) chain->level = TRM_LEVEL_B;
  slot->last = 0;
  memcpy(chain->answer, chain->question, bytes);
  trm__passes_begin(d->passes, chain);
  int64_t told = d->job->event_number ? d->job->event_number(d->job->source.context, puzzle->tag) : number;
  slot->inference = trm__event_inference_start(d->call, told, "solve", slot->puzzle.max_steps);
}

/* Fills free slots, in order; the source is asked to wait only when none holds a puzzle. */
static void deducer_fill(trm__deducer *d) {
  const trm_source *source = &d->job->source;
  int kept = 0;
  for (int i = 0; i < d->active; i++) {
    if (d->slot[i].number < 0) continue;
    deducer_slot free_slot = d->slot[kept];
    d->slot[kept++] = d->slot[i];
    if (kept - 1 != i) d->slot[i] = free_slot;
  }
  d->active = kept;
  for (int asked = 0; d->active < d->solver->slots && !d->ended && !asked;) {
    deducer_slot *slot = &d->slot[d->active];
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = slot->chain.question;
    int wait = d->active == 0;
    trm_source_answer answer = source->next(source->context, d->next, wait, &puzzle);
    asked = answer == TRM_SOURCE_NONE;
    d->ended = answer == TRM_SOURCE_END || (wait && asked);
    if (answer != TRM_SOURCE_PUZZLE) continue;
    deducer_enter(d, slot, &puzzle);
    d->active++;
  }
}

static trm_solution deducer_solution(const deducer_slot *slot, size_t S, trm__outcome outcome) {
  const trm__deduction *chain = &slot->chain;
  int judged = chain->level >= TRM_LEVEL_C, halted = outcome == TRM__DONE && chain->finished;
  float least = 1;
  for (size_t i = 0; i < S; i++) least = chain->confidence[i] < least ? chain->confidence[i] : least;
  return (trm_solution){.steps = (int)chain->passes,
                        .halted = !halted  ? TRM_HALT_NONE
                                  : judged ? TRM_HALT_RULES
                                           : TRM_HALT_HEAD,
                        .cancelled = outcome != TRM__DONE,
                        .expired = outcome == TRM__EXPIRED,
                        .q = chain->q,
                        .confidence = (float)(1 / (1 + exp(-(double)chain->q))),
                        .least = least,
                        .checked = judged,
                        .correct = chain->right,
                        .answer_step = (int)chain->passes,
                        .chain = 1,
                        .chain_steps = (int)chain->passes,
                        .chains = 1};
}

static void deducer_leave(trm__deducer *d, deducer_slot *slot, trm__outcome outcome) {
  const trm_source *source = &d->job->source;
  trm_solution solution = deducer_solution(slot, (size_t)d->solver->params.dims.S, outcome);
  trm__event_inference_stop(&slot->inference, solution.steps, solution.halted != TRM_HALT_NONE, outcome);
  source->leave(source->context, &(trm_leave){.puzzle = slot->number,
                                              .tag = slot->puzzle.tag,
                                              .answer = solution.steps ? slot->chain.answer : NULL,
                                              .solution = &solution});
  trm__event_inference_complete(&slot->inference, solution.steps, outcome);
  slot->number = -1;
  d->left++;
}

/* -- a round ------------------------------------------------------------------------------------------------------ */

static int deducer_tell(trm__deducer *d, deducer_slot *slot) {
  const trm__deduction *chain = &slot->chain;
  trm_step step = {.puzzle = slot->number,
                   .step = (int)chain->passes,
                   .answer = chain->answer,
                   .confidence = chain->confidence,
                   .q = chain->q,
                   .halted = slot->last,
                   .checked = chain->level >= TRM_LEVEL_C,
                   .correct = chain->right,
                   .change = (float)NAN,
                   .chain = 1};
  int answer = d->job->step ? d->job->step(d->job->step_context, &step) : TRM_STEP_ON;
  if (slot->puzzle.watch && slot->puzzle.watch(slot->puzzle.watch_context, &step) != TRM_STEP_ON &&
      answer == TRM_STEP_ON)
    answer = TRM_STEP_CANCEL;
  return answer;
}

static void deducer_advance(trm__deducer *d) {
  trm_solve_stats *stats = &d->solver->stats;
  double before = trm__clock();
  for (int i = 0; i < d->active; i++) {
    trm__deduction *chain = &d->slot[i].chain;
    chain->frames = trm__passes_frames(chain, d->slot[i].puzzle.max_steps - chain->passes);
    d->at_work[i] = chain;
    stats->steps += chain->frames;
    stats->puzzles += chain->passes == 0;
  }
  trm__passes_run(d->passes, &d->rule, d->at_work, d->active);
  d->seconds = trm__clock() - before;
  stats->computed = stats->steps;
  stats->rounds++;
  stats->full += d->active == d->solver->slots;
}

static int deducer_is_cancelled(const trm__deducer *d, const deducer_slot *slot) {
  const trm_source *source = &d->job->source;
  return source->cancelled && source->cancelled(source->context, slot->number, slot->puzzle.tag);
}

/* After a round: calls the callbacks, and lets the chains leave that are done or cancelled. Non-zero: stop. */
static int deducer_report(trm__deducer *d) {
  const trm__job *job = d->job;
  int stop = 0;
  for (int i = 0; i < d->active; i++) {
    deducer_slot *slot = &d->slot[i];
    const trm__deduction *chain = &slot->chain;
    slot->last = chain->finished || chain->passes >= slot->puzzle.max_steps;
    trm__event_step_complete(&slot->inference, (int)chain->passes, (double)chain->q, d->seconds, d->active);
    int answer = stop ? TRM_STEP_ON : deducer_tell(d, slot);
    stop |= answer != TRM_STEP_ON && answer != TRM_STEP_CANCEL;
    if (slot->last) deducer_leave(d, slot, TRM__DONE);
    else if (answer == TRM_STEP_CANCEL || deducer_is_cancelled(d, slot)) deducer_leave(d, slot, TRM__CANCELLED);
    else if (slot->puzzle.deadline > 0 && d->solver->clock() > slot->puzzle.deadline)
      deducer_leave(d, slot, TRM__EXPIRED);
  }
  if (!stop && job->progress)
    stop = job->progress(job->progress_context, (double)d->left / (double)job->source.puzzles, "solving");
  return stop;
}

trm_status trm__deducer_run(trm__deducer *d, const trm__job *job, trm_error *err) {
  trm_solver *s = d->solver;
  double start = trm__clock();
  int stop = 0;
  d->job = job;
  d->active = d->ended = 0;
  d->next = d->left = 0;
  d->call = trm__event_call();
  s->stats = (trm_solve_stats){.origin = s->config.batch ? TRM_BATCH_GIVEN : TRM_BATCH_USUAL, .batch = s->slots};
  deducer_fill(d);
  while (d->active > 0 && !stop) {
    deducer_advance(d);
    stop = deducer_report(d);
    if (!stop) deducer_fill(d);
  }
  for (int i = 0; i < d->active && stop; i++)
    if (d->slot[i].number >= 0) deducer_leave(d, &d->slot[i], TRM__STOPPED);
  s->stats.seconds = trm__clock() - start;
  d->job = NULL;
  if (!stop) return TRM_OK;
  return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld chains", (long long)d->left);
}
