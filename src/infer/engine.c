/* The loop of the engine (infer/engine.h). Active slots are always the first ones, and a round computes the first
 * `width` of them at most, so that it computes exactly the puzzles at work: when one leaves and nobody waits, the last
 * active slot moves into its place. No sum in the network crosses examples, so a puzzle's result does not depend on its
 * slot, its neighbours or the width, and the width may change at any time: it grows while step times are measured
 * (infer/batch.h). When it shrinks afterwards, the active slots beyond it are parked until a place is free; nobody else
 * enters before. */
#include "infer/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

#define NOISE_STEPS 17 /* bits of a noise's name that hold the step: more than the largest max_steps */

/* What a logit weighs among the row's, of which max is the largest (docs/spec.md, Losses). */
static double score_logit(trm__loss_kind loss, double a, double max) {
  if (loss == TRM__LOSS_SOFTMAX) return exp(a - max);
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

/* The logits of slot i, [S][V] -> the first largest token of each position and its probability. */
static void read_answer(trm_solver *s, int i) {
  size_t S = (size_t)s->params.dims.S, V = (size_t)s->params.dims.V;
  for (size_t p = 0; p < S; p++) {
    const trm__real *row = s->logits_host + ((size_t)i * S + p) * V;
    size_t best = 0;
    double sum = 0;
    for (size_t v = 1; v < V; v++)
      if (row[v] > row[best]) best = v;
    for (size_t v = 0; v < V; v++) sum += score_logit(s->loss, (double)row[v], (double)row[best]);
    s->answer[p] = (int32_t)best;
    s->confidence[p] = (float)(score_logit(s->loss, (double)row[best], (double)row[best]) / sum);
  }
}

trm_status trm__engine_check(const trm_solver *solver, int64_t puzzle, const int32_t *tokens, int32_t identifier,
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

typedef struct loop {
  trm_solver *solver;
  const trm__job *job;
  size_t S, V, state; /* tokens, vocabulary, bytes of one example's y */
  int active;         /* occupied slots */
  int width;          /* examples of a round at most */
  int largest;        /* size up to which step times are still measured; 0: width is final */
  int round;          /* examples of the last round */
  int begun;          /* width of which a device has had its first round */
  int64_t next, left; /* next puzzle to enter; puzzles that left */
} loop;

static int is_cancelled(const loop *l, int64_t puzzle) {
  const trm_cancel *c = l->solver->cancel;
  return c && puzzle < c->puzzles && atomic_load(&c->puzzle[puzzle]);
}

static void copy_in(trm__backend *be, void *to, const void *from, size_t bytes) {
  be->copy(be, to, from, bytes, TRM__COPY_TO_DEVICE);
}

static void enter(loop *l, int i) {
  trm_solver *s = l->solver;
  trm__slot *slot = &s->slot[i];
  *slot = (trm__slot){.puzzle = l->next++};
  l->job->enter(l->job->context, slot->puzzle, s->token_host, s->label_host, &slot->identifier);
  copy_in(s->backend, s->tokens + (size_t)i * l->S, s->token_host, l->S * sizeof *s->tokens);
  if (l->job->scored) copy_in(s->backend, s->labels + (size_t)i * l->S, s->label_host, l->S * sizeof *s->labels);
  if (s->rows) {
    size_t ndim = (size_t)s->params.dims.emb_ndim;
    copy_in(s->backend, s->rows + (size_t)i * ndim, s->puzzle_rows + (size_t)slot->identifier * ndim,
            ndim * sizeof *s->rows);
  }
  s->fresh[i] = 1;
  s->run.puzzles++;
}

/* The next puzzle that is not cancelled enters slot i; 0 when none waits. */
static int enter_next(loop *l, int i) {
  const trm__job *job = l->job;
  for (; l->next < job->puzzles && is_cancelled(l, l->next); l->next++, l->left++) {
    const trm_solution solution = {.cancelled = 1};
    job->leave(job->context, l->next, NULL, &solution, NULL);
  }
  if (l->next >= job->puzzles) return 0;
  enter(l, i);
  return 1;
}

/* The state of slot `from` goes to slot `to`. */
static void move(loop *l, int to, int from) {
  trm_solver *s = l->solver;
  trm__backend *be = s->backend;
  size_t t = (size_t)to, f = (size_t)from, ndim = (size_t)s->params.dims.emb_ndim, S = l->S;
  s->slot[to] = s->slot[from];
  be->copy(be, s->y + t * l->state, s->y + f * l->state, l->state, TRM__COPY_ON_DEVICE);
  be->copy(be, s->z + t * l->state, s->z + f * l->state, l->state, TRM__COPY_ON_DEVICE);
  be->copy(be, s->tokens + t * S, s->tokens + f * S, S * sizeof *s->tokens, TRM__COPY_ON_DEVICE);
  if (l->job->scored) be->copy(be, s->labels + t * S, s->labels + f * S, S * sizeof *s->labels, TRM__COPY_ON_DEVICE);
  if (s->rows) be->copy(be, s->rows + t * ndim, s->rows + f * ndim, ndim * sizeof *s->rows, TRM__COPY_ON_DEVICE);
}

/* Gives the places of those that left to those that wait - parked ones first - and closes the gaps. */
static void fill(loop *l) {
  trm_solver *s = l->solver;
  memset(s->fresh, 0, (size_t)s->slots);
  for (int i = 0; i < l->active;) {
    if (s->slot[i].puzzle >= 0) i++;
    else if (l->active <= l->width && enter_next(l, i)) i++;
    else if (--l->active > i) move(l, i, l->active);
  }
  while (l->active < l->width && enter_next(l, l->active)) l->active++;
}

/* -- one round: a step for each of the first slots ----------------------------------------------------------------- */

/* Noise of this round, which is named by the puzzle and its step: a place in a batch changes nothing. The start's
 * numbers come first, then those of the latent cycles. */
static trm__network_noise noise_at(const trm_solver *s, double sigma, uint64_t offset) {
  return (trm__network_noise){sigma, (uint64_t)s->config.seed, s->noise_index, offset};
}

static void name_noise(const loop *l) {
  trm_solver *s = l->solver;
  if (!s->noise_index) return;
  for (int i = 0; i < l->round; i++)
    s->noise_name[i] = (uint64_t)s->slot[i].puzzle << NOISE_STEPS | (uint64_t)s->slot[i].steps;
  copy_in(s->backend, s->noise_index, s->noise_name, (size_t)l->round * sizeof *s->noise_index);
}

/* Those that enter begin at the start, and all get their noise. */
static void prepare_round(const loop *l) {
  trm_solver *s = l->solver;
  trm__network_noise start = noise_at(s, s->config.start_noise, 0);
  trm__network_noise cycles = noise_at(s, s->config.latent_noise, trm__network_noise_numbers(s->network));
  name_noise(l);
  copy_in(s->backend, s->starts, s->fresh, (size_t)l->round * sizeof *s->starts);
  trm__network_refill_latent(s->network, l->round, s->starts, s->start, 0, &start, s->y, s->z);
  trm__network_set_noise(s->network, &cycles);
}

static trm_status advance(loop *l, const trm__loss *loss, trm_error *err) {
  trm_solver *s = l->solver;
  trm__backend *be = s->backend;
  l->round = l->active < l->width ? l->active : l->width;
  size_t n = (size_t)l->round;
  prepare_round(l);
  if (l->job->scored)
    trm__network_scored_step(s->network, l->round, s->tokens, s->rows, s->labels, loss, s->y, s->z, s->logits, s->q,
                             s->scores);
  else trm__network_step(s->network, l->round, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
  if (l->job->scored) be->copy(be, s->stats, s->scores, n * sizeof *s->stats, TRM__COPY_TO_HOST);
  be->copy(be, s->logits_host, s->logits, n * l->S * l->V * sizeof *s->logits, TRM__COPY_TO_HOST);
  be->copy(be, s->q_host, s->q, n * 2 * sizeof *s->q, TRM__COPY_TO_HOST);
  s->run.rounds++;
  s->run.computed += l->round;
  return be->synchronize(be, err);
}

static int is_halted(const trm_solver *s, int i) {
  return s->config.halt && (double)s->q_host[2 * i] > s->config.halt_threshold;
}

static int is_last(const trm_solver *s, int i) {
  return is_halted(s, i) || s->slot[i].steps >= s->config.max_steps;
}

/* The puzzle in slot i leaves with the answer of its last step. The heads' results of parked slots are still there: a
 * round writes only those of the slots that it computes. */
static void leave(loop *l, int i, int cancelled) {
  trm_solver *s = l->solver;
  const float *confidence = s->confidence;
  double q = (double)s->q_host[2 * i];
  read_answer(s, i);
  trm_solution solution = {.steps = s->slot[i].steps,
                           .halted = !cancelled && is_halted(s, i),
                           .cancelled = cancelled,
                           .q = (float)q,
                           .confidence = (float)(1 / (1 + exp(-q))),
                           .least = confidence[0]};
  for (size_t p = 1; p < l->S; p++)
    if (!(confidence[p] >= solution.least)) solution.least = confidence[p];
  l->job->leave(l->job->context, s->slot[i].puzzle, s->answer, &solution,
                l->job->scored && !cancelled ? &s->stats[i] : NULL);
  s->slot[i].puzzle = -1;
  l->left++;
}

/* Tells the watcher about slot i's step; returns his answer. */
static int tell(loop *l, int i) {
  trm_solver *s = l->solver;
  read_answer(s, i);
  trm_step step = {.puzzle = s->slot[i].puzzle,
                   .step = s->slot[i].steps,
                   .answer = s->answer,
                   .confidence = s->confidence,
                   .q = (float)s->q_host[2 * i],
                   .halted = is_last(s, i)};
  return l->job->step(l->job->step_context, &step);
}

/* After a round: tells the watchers, and lets those leave that are done or cancelled. Non-zero: stop. */
static int report(loop *l) {
  trm_solver *s = l->solver;
  const trm__job *job = l->job;
  int stop = 0;
  for (int i = 0; i < l->round; i++) {
    s->slot[i].steps++;
    s->run.steps++;
  }
  for (int i = 0; i < l->active; i++) {
    int answer = i < l->round && job->step && !stop ? tell(l, i) : TRM_STEP_ON;
    stop |= answer != TRM_STEP_ON && answer != TRM_STEP_CANCEL;
    if (i < l->round && is_last(s, i)) leave(l, i, 0);
    else if (answer == TRM_STEP_CANCEL || is_cancelled(l, s->slot[i].puzzle)) leave(l, i, 1);
  }
  if (!stop && job->progress)
    stop = job->progress(job->progress_context, (double)l->left / (double)job->puzzles, "solving");
  return stop || (s->cancel && atomic_load(&s->cancel->all));
}

/* -- how many puzzles a round computes ----------------------------------------------------------------------------- */

static void settle(loop *l) {
  trm_solver *s = l->solver;
  l->largest = 0;
  l->width = trm__batch_choose(&s->costs, s->slots);
  s->run.origin = s->costs.count ? TRM_BATCH_MEASURED : TRM_BATCH_USUAL;
}

/* The width of the first round. */
static void begin(loop *l) {
  trm_solver *s = l->solver;
  s->run = (trm_run){.origin = TRM_BATCH_GIVEN};
  l->width = s->slots;
  if (s->config.batch) return;
  s->run.origin = TRM_BATCH_MEASURED;
  l->largest = trm__batch_largest(l->job->puzzles, s->slots);
  l->width = trm__batch_next(&s->costs, l->largest);
  if (!l->width) settle(l);
}

/* Learns from the time of the last round, and sets the width of the next. */
static void measure(loop *l, double seconds) {
  trm_solver *s = l->solver;
  trm_run *run = &s->run;
  if (!l->largest) {
    if (l->round < l->width) return;
    run->full++;
    run->measured += (seconds - run->measured) / (double)run->full;
    return;
  }
  if (!s->backend->on_host && l->round == l->width && l->begun != l->width) {
    l->begun = l->width; /* kernels are loaded at their first use, and this may have been it */
    return;
  }
  if (l->round == l->width) trm__batch_record(&s->costs, l->round, seconds);
  int next = l->round == l->width ? trm__batch_next(&s->costs, l->largest) : 0;
  if (next) l->width = next;
  else settle(l);
}

_Static_assert(TRM_RUN_COSTS >= TRM__BATCH_COSTS, "a run shows all measured costs");

static void conclude(loop *l, double start) {
  trm_solver *s = l->solver;
  trm_run *run = &s->run;
  run->batch = l->width;
  if (!s->config.batch) run->predicted = trm__batch_predict(&s->costs, l->width);
  for (run->costs = 0; run->costs < s->costs.count; run->costs++) {
    run->cost[run->costs].batch = s->costs.at[run->costs].batch;
    run->cost[run->costs].seconds = s->costs.at[run->costs].seconds;
  }
  run->seconds = trm__clock() - start;
}

trm_status trm__engine_run(trm_solver *solver, const trm__job *job, trm_error *err) {
  const trm__dims *d = &solver->params.dims;
  const trm__loss loss = {.kind = solver->loss, .halt_weight = 0.5, .grad_scale = 1};
  loop l = {.solver = solver, .job = job, .S = (size_t)d->S, .V = (size_t)d->V};
  l.state = (size_t)d->L * (size_t)d->D * solver->backend->act_bytes(solver->backend, d);
  trm_status status = TRM_OK;
  double start = trm__clock();
  begin(&l);
  int stop = solver->cancel && atomic_load(&solver->cancel->all);
  if (!stop) fill(&l);
  while (!stop && l.active > 0) {
    double before = trm__clock();
    if ((status = advance(&l, &loss, err))) break;
    measure(&l, trm__clock() - before);
    stop = report(&l);
    if (!stop) fill(&l);
  }
  int64_t finished = l.left;
  for (int i = 0; i < l.active && stop; i++)
    if (solver->slot[i].puzzle >= 0) leave(&l, i, 1);
  conclude(&l, start);
  if (status || finished == job->puzzles) return status;
  return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld of %lld puzzles", (long long)finished,
                   (long long)job->puzzles);
}
