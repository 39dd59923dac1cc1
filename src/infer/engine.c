/* The loop of the engine: its state and what always holds of it stand in infer/engine.h. A round computes exactly the
 * puzzles at work: when one leaves and nobody waits, the last active slot moves into its place. No sum in the network
 * crosses examples, so a puzzle's result does not depend on its slot, its neighbours or the width, and the width may
 * change at any time: it grows while step times are measured (infer/batch.h), and shrinks when a smaller size turns out
 * to be the best. */
#include "infer/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

#define NOISE_STEP_BITS                                                                                                \
  17 /* low bits of a noise stream's index that hold the step: 2^17 is over the largest max_steps */

/* What a logit weighs among the row's, of which max is the largest (docs/spec.md, Losses). */
static double engine_score_logit(trm_loss_type loss, double a, double max) {
  if (loss == TRM_LOSS_SOFTMAX) return exp(a - max);
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

/* The logits of slot i, [S][V] -> the first largest token of each position and its probability. */
static void engine_read_answer(trm_solver *s, int i) {
  size_t S = (size_t)s->params.dims.S, V = (size_t)s->params.dims.V;
  for (size_t p = 0; p < S; p++) {
    const trm__real *row = s->logits_host + ((size_t)i * S + p) * V;
    size_t best = 0;
    double sum = 0;
    for (size_t v = 1; v < V; v++)
      if (row[v] > row[best]) best = v;
    for (size_t v = 0; v < V; v++) sum += engine_score_logit(s->loss, (double)row[v], (double)row[best]);
    s->answer[p] = (int32_t)best;
    s->confidence[p] = (float)(engine_score_logit(s->loss, (double)row[best], (double)row[best]) / sum);
  }
}

trm_status trm__engine_check_puzzle(const trm_solver *solver, int64_t puzzle, const int32_t *tokens, int32_t identifier,
                                    trm_error *err) {
  const trm_model_config *m = &solver->model;
  char where[64];
  (void)snprintf(where, sizeof where, "puzzle %lld", (long long)puzzle);
  for (int64_t s = 0; s < m->seq_len; s++)
    if (tokens[s] < 0 || tokens[s] >= m->vocab_size)
      return trm__fail(err, TRM_E_INPUT, where, "token %d at position %lld, the model's vocabulary is 0..%lld",
                       (int)tokens[s], (long long)s, (long long)m->vocab_size - 1);
  if (solver->puzzle_rows && (identifier < 0 || identifier >= m->num_puzzle_identifiers))
    return trm__fail(err, TRM_E_INPUT, where, "puzzle identifier %d, the model knows 0..%lld", (int)identifier,
                     (long long)m->num_puzzle_identifiers - 1);
  return TRM_OK;
}

/* -- slots --------------------------------------------------------------------------------------------------------- */

static int engine_is_cancelled(const trm__engine *e, int64_t puzzle) {
  const trm_cancel *c = e->solver->cancel;
  return c && puzzle < c->puzzles && atomic_load(&c->puzzle[puzzle]);
}

static void engine_copy_in(trm__backend *be, void *to, const void *from, size_t bytes) {
  be->copy(be, to, from, bytes, TRM__COPY_TO_DEVICE);
}

/* The puzzle that the source has just given. */
static void engine_enter(trm__engine *e, int i, int64_t puzzle, int32_t identifier) {
  trm_solver *s = e->solver;
  trm__slot *slot = &s->slot[i];
  *slot = (trm__slot){.puzzle = puzzle, .identifier = identifier};
  engine_copy_in(s->backend, s->tokens + (size_t)i * e->S, s->token_host, e->S * sizeof *s->tokens);
  if (e->job->scored) engine_copy_in(s->backend, s->labels + (size_t)i * e->S, s->label_host, e->S * sizeof *s->labels);
  if (s->rows) {
    size_t ndim = (size_t)s->params.dims.emb_ndim;
    engine_copy_in(s->backend, s->rows + (size_t)i * ndim, s->puzzle_rows + (size_t)slot->identifier * ndim,
                   ndim * sizeof *s->rows);
  }
  s->fresh[i] = 1;
  s->stats.puzzles++;
  slot->inference =
      trm__event_inference_start(e->call, puzzle, e->job->scored ? "evaluate" : "solve", s->config.max_steps);
}

/* The source's next puzzle that is not cancelled enters slot i; 0 when there is none, or none at the moment. */
static int engine_enter_next(trm__engine *e, int i, int wait) {
  const trm__source *source = &e->job->source;
  const trm_solution cancelled = {.cancelled = 1};
  while (!e->ended && !e->asked) {
    trm_solver *s = e->solver;
    int32_t identifier = 0;
    trm__source_answer answer = source->next(source->context, e->next, wait, s->token_host, s->label_host, &identifier);
    if (answer != TRM__SOURCE_PUZZLE) {
      e->ended = wait || answer == TRM__SOURCE_END;
      e->asked = 1;
      return 0;
    }
    int64_t puzzle = e->next++;
    if (!engine_is_cancelled(e, puzzle)) {
      engine_enter(e, i, puzzle, identifier);
      return 1;
    }
    source->leave(source->context, puzzle, NULL, &cancelled, NULL);
    e->left++;
  }
  return 0;
}

/* The puzzle of slot `from` goes to slot `to`, with its state and, as it may be parked there, the results of its last
 * step. */
static void engine_move(trm__engine *e, int to, int from) {
  trm_solver *s = e->solver;
  trm__backend *be = s->backend;
  size_t t = (size_t)to, f = (size_t)from, ndim = (size_t)s->params.dims.emb_ndim, S = e->S;
  s->slot[to] = s->slot[from];
  be->copy(be, s->y + t * e->state, s->y + f * e->state, e->state, TRM__COPY_ON_DEVICE);
  be->copy(be, s->z + t * e->state, s->z + f * e->state, e->state, TRM__COPY_ON_DEVICE);
  be->copy(be, s->tokens + t * S, s->tokens + f * S, S * sizeof *s->tokens, TRM__COPY_ON_DEVICE);
  if (e->job->scored) be->copy(be, s->labels + t * S, s->labels + f * S, S * sizeof *s->labels, TRM__COPY_ON_DEVICE);
  if (s->rows) be->copy(be, s->rows + t * ndim, s->rows + f * ndim, ndim * sizeof *s->rows, TRM__COPY_ON_DEVICE);
  memcpy(s->logits_host + t * S * e->V, s->logits_host + f * S * e->V, S * e->V * sizeof *s->logits_host);
  memcpy(s->q_host + 2 * t, s->q_host + 2 * f, 2 * sizeof *s->q_host);
}

/* Gives the places of puzzles that left to parked ones, then to new ones, and closes the gaps that remain. When nobody
 * is at work any more, it waits for the source. */
static void engine_fill(trm__engine *e) {
  trm_solver *s = e->solver;
  e->asked = 0;
  memset(s->fresh, 0, (size_t)s->slots);
  for (int i = 0; i < e->active;) {
    if (s->slot[i].puzzle >= 0) i++;
    else if (e->active <= e->width && engine_enter_next(e, i, 0)) i++;
    else if (--e->active > i) engine_move(e, i, e->active);
  }
  while (e->active < e->width && engine_enter_next(e, e->active, 0)) e->active++;
  if (e->active > 0 || e->ended) return;
  e->asked = 0;
  while (e->active < e->width && engine_enter_next(e, e->active, e->active == 0)) e->active++;
}

/* -- one round: a step for each of the first slots ----------------------------------------------------------------- */

/* The noise of a round. Its stream of random numbers is chosen by the puzzle and its step, so that a puzzle's slot
 * changes nothing. The numbers for the start come first, then those of the latent cycles. */
static trm__network_noise engine_noise(const trm_solver *s, double sigma, uint64_t offset) {
  return (trm__network_noise){sigma, (uint64_t)s->config.seed, s->noise_index, offset};
}

static void engine_name_noise(const trm__engine *e) {
  trm_solver *s = e->solver;
  if (!s->noise_index) return;
  for (int i = 0; i < e->round; i++)
    s->noise_name[i] = (uint64_t)s->slot[i].puzzle << NOISE_STEP_BITS | (uint64_t)s->slot[i].steps;
  engine_copy_in(s->backend, s->noise_index, s->noise_name, (size_t)e->round * sizeof *s->noise_index);
}

/* Puzzles that entered get the start as their state, and all get their noise. */
static void engine_prepare(const trm__engine *e) {
  trm_solver *s = e->solver;
  trm__network_noise start = engine_noise(s, s->config.start_noise, 0);
  trm__network_noise cycles = engine_noise(s, s->config.latent_noise, trm__network_noise_numbers(s->network));
  engine_name_noise(e);
  engine_copy_in(s->backend, s->starts, s->fresh, (size_t)e->round * sizeof *s->starts);
  trm__network_refill_latent(s->network, e->round, s->starts, s->start, 0, &start, s->y, s->z);
  trm__network_set_noise(s->network, &cycles);
}

static trm_status engine_advance(trm__engine *e, const trm__loss *loss, trm_error *err) {
  trm_solver *s = e->solver;
  trm__backend *be = s->backend;
  e->round = e->active < e->width ? e->active : e->width;
  size_t n = (size_t)e->round;
  engine_prepare(e);
  if (e->job->scored)
    trm__network_scored_step(s->network, e->round, s->tokens, s->rows, s->labels, loss, s->y, s->z, s->logits, s->q,
                             s->scores);
  else trm__network_step(s->network, e->round, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
  if (e->job->scored) be->copy(be, s->scores_host, s->scores, n * sizeof *s->scores_host, TRM__COPY_TO_HOST);
  be->copy(be, s->logits_host, s->logits, n * e->S * e->V * sizeof *s->logits, TRM__COPY_TO_HOST);
  be->copy(be, s->q_host, s->q, n * 2 * sizeof *s->q, TRM__COPY_TO_HOST);
  s->stats.rounds++;
  s->stats.computed += e->round;
  return be->synchronize(be, err);
}

static int engine_is_halted(const trm_solver *s, int i) {
  return s->config.halt && (double)s->q_host[2 * i] > s->config.halt_threshold;
}

static int engine_is_last(const trm_solver *s, int i) {
  return engine_is_halted(s, i) || s->slot[i].steps >= s->config.max_steps;
}

/* The puzzle in slot i leaves with the answer of its last step, which for a parked one was in an earlier round. */
static void engine_leave(trm__engine *e, int i, trm__outcome outcome) {
  trm_solver *s = e->solver;
  int cancelled = outcome != TRM__DONE;
  const float *confidence = s->confidence;
  double q = (double)s->q_host[2 * i];
  engine_read_answer(s, i);
  trm_solution solution = {.steps = s->slot[i].steps,
                           .halted = !cancelled && engine_is_halted(s, i),
                           .cancelled = cancelled,
                           .q = (float)q,
                           .confidence = (float)(1 / (1 + exp(-q))),
                           .least = confidence[0]};
  for (size_t p = 1; p < e->S; p++)
    if (!(confidence[p] >= solution.least)) solution.least = confidence[p];
  const trm__source *source = &e->job->source;
  const trm__inference *inference = &s->slot[i].inference;
  if (solution.halted)
    trm__event_early_halt(inference, solution.steps, s->config.max_steps, q, s->config.halt_threshold);
  trm__event_inference_stop(inference, solution.steps, solution.halted, outcome);
  source->leave(source->context, s->slot[i].puzzle, s->answer, &solution,
                e->job->scored && !cancelled ? &s->scores_host[i] : NULL);
  trm__event_inference_complete(inference, solution.steps, outcome);
  s->slot[i].puzzle = -1;
  e->left++;
}

/* Shows the step callback what slot i's step gave; returns what it answers. */
static int engine_tell(trm__engine *e, int i) {
  trm_solver *s = e->solver;
  engine_read_answer(s, i);
  trm_step step = {.puzzle = s->slot[i].puzzle,
                   .step = s->slot[i].steps,
                   .answer = s->answer,
                   .confidence = s->confidence,
                   .q = (float)s->q_host[2 * i],
                   .halted = engine_is_last(s, i)};
  return e->job->step(e->job->step_context, &step);
}

/* After a round: calls the callbacks, and lets the puzzles leave that are done or cancelled. Non-zero: stop. */
static int engine_report(trm__engine *e) {
  trm_solver *s = e->solver;
  const trm__job *job = e->job;
  int stop = 0;
  for (int i = 0; i < e->round; i++) {
    trm__slot *slot = &s->slot[i];
    slot->steps++;
    s->stats.steps++;
    trm__event_step_complete(&slot->inference, slot->steps, (double)s->q_host[2 * i], e->seconds, e->round);
  }
  for (int i = 0; i < e->active; i++) {
    int answer = i < e->round && job->step && !stop ? engine_tell(e, i) : TRM_STEP_ON;
    stop |= answer != TRM_STEP_ON && answer != TRM_STEP_CANCEL;
    if (i < e->round && engine_is_last(s, i)) engine_leave(e, i, TRM__DONE);
    else if (answer == TRM_STEP_CANCEL || engine_is_cancelled(e, s->slot[i].puzzle)) engine_leave(e, i, TRM__CANCELLED);
  }
  if (!stop && job->progress)
    stop = job->progress(job->progress_context, (double)e->left / (double)job->source.puzzles, "solving");
  return stop || (s->cancel && atomic_load(&s->cancel->all));
}

/* -- how many puzzles a round computes ----------------------------------------------------------------------------- */

/* Ends the search for a width. */
static void engine_settle_width(trm__engine *e) {
  trm_solver *s = e->solver;
  e->largest = 0;
  e->width = trm__batch_choose(&s->costs, s->slots);
  s->stats.origin = s->costs.count ? TRM_BATCH_MEASURED : TRM_BATCH_USUAL;
}

/* The width of the first round. */
static void engine_begin(trm__engine *e) {
  trm_solver *s = e->solver;
  s->stats = (trm_solve_stats){.origin = TRM_BATCH_GIVEN};
  e->width = s->slots;
  if (s->config.batch) return;
  s->stats.origin = TRM_BATCH_MEASURED;
  int64_t puzzles = e->job->source.puzzles;
  e->largest = trm__batch_largest(puzzles < 0 ? INT64_MAX : puzzles, s->slots);
  e->width = trm__batch_next(&s->costs, e->largest);
  if (!e->width) engine_settle_width(e);
}

/* Learns from the time of the last round, and sets the width of the next. */
static void engine_measure(trm__engine *e, double seconds) {
  trm_solver *s = e->solver;
  trm_solve_stats *stats = &s->stats;
  if (!e->largest) {
    if (e->round < e->width) return;
    stats->full++;
    stats->measured += (seconds - stats->measured) / (double)stats->full;
    return;
  }
  if (!s->backend->on_host && e->round == e->width && e->warm != e->width) {
    e->warm = e->width; /* a device loads kernels at their first use, which this round may have been */
    return;
  }
  if (e->round < e->width && e->job->source.puzzles < 0 && !e->ended) return; /* more will come: the search goes on */
  if (e->round == e->width) trm__batch_record(&s->costs, e->round, seconds);
  int next = e->round == e->width ? trm__batch_next(&s->costs, e->largest) : 0;
  if (next) e->width = next;
  else engine_settle_width(e);
}

_Static_assert(TRM_SOLVE_COSTS >= TRM__BATCH_COSTS, "the statistics have room for all measured costs");

static void engine_conclude(trm__engine *e, double start) {
  trm_solver *s = e->solver;
  trm_solve_stats *stats = &s->stats;
  stats->batch = e->width;
  if (!s->config.batch) stats->predicted = trm__batch_predict(&s->costs, e->width);
  for (stats->costs = 0; stats->costs < s->costs.count; stats->costs++) {
    stats->cost[stats->costs].batch = s->costs.at[stats->costs].batch;
    stats->cost[stats->costs].seconds = s->costs.at[stats->costs].seconds;
  }
  stats->seconds = trm__clock() - start;
}

const char *trm__engine_check(const trm_solver *solver) {
  const trm__engine *e = &solver->engine;
  int64_t occupied = 0;
  if (e->width < 1 || e->width > solver->slots) return "1: the width is outside the slots";
  if (e->round < 1 || e->round > e->active || e->active > solver->slots)
    return "1: a round of slots that are not active";
  for (int i = 0; i < e->active; i++) {
    const trm__slot *slot = &solver->slot[i];
    if (slot->puzzle < 0) continue;
    occupied++;
    if (slot->puzzle >= e->next) return "2: a puzzle that has not entered";
    for (int k = 0; k < i; k++)
      if (solver->slot[k].puzzle == slot->puzzle) return "2: a puzzle in two slots";
    if (slot->steps < 1 || slot->steps > solver->config.max_steps) return "4: a number of steps out of range";
  }
  if (e->left + occupied != e->next) return "3: puzzles that left and active ones are not those that entered";
  if (solver->stats.computed != solver->stats.steps) return "5: a slot was computed without a puzzle";
  return NULL;
}

trm_status trm__engine_run(trm_solver *solver, const trm__job *job, trm_error *err) {
  const trm__dims *d = &solver->params.dims;
  const trm__loss loss = {.kind = solver->loss, .halt_weight = 0.5, .grad_scale = 1};
  trm__engine *e = &solver->engine;
  *e = (trm__engine){.solver = solver, .job = job, .S = (size_t)d->S, .V = (size_t)d->V, .call = trm__event_call()};
  e->state = (size_t)d->L * (size_t)d->D * solver->backend->act_bytes(solver->backend, d);
  int64_t puzzles = job->source.puzzles;
  trm_status status = TRM_OK;
  double start = trm__clock();
  engine_begin(e);
  int stop = solver->cancel && atomic_load(&solver->cancel->all);
  if (!stop) engine_fill(e);
  while (!stop && e->active > 0) {
    double before = trm__clock();
    if ((status = engine_advance(e, &loss, err))) break;
    engine_measure(e, e->seconds = trm__clock() - before);
    stop = engine_report(e);
    if (!stop) engine_fill(e);
  }
  int64_t finished = e->left;
  for (int i = 0; i < e->active && stop; i++)
    if (solver->slot[i].puzzle >= 0) engine_leave(e, i, TRM__STOPPED);
  for (int i = 0; i < e->active && status; i++)
    trm__event_inference_stop(&solver->slot[i].inference, solver->slot[i].steps, 0, TRM__FAILED);
  engine_conclude(e, start);
  e->job = NULL;
  if (status) return status;
  if (puzzles < 0 && e->ended && finished == e->next) return TRM_OK;
  if (puzzles < 0) return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld puzzles", (long long)finished);
  if (finished == puzzles) return TRM_OK;
  return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld of %lld puzzles", (long long)finished,
                   (long long)puzzles);
}
