/* The loop of the engine (infer/engine.h). Active slots are always the first ones, so that a step computes exactly the
 * puzzles at work: when one leaves and nobody waits, the last active slot moves into its place. No sum in the network
 * crosses examples, so a puzzle's result does not depend on its slot or its neighbours. */
#include "infer/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

/* Stablemax (SPEC.md, Losses). */
static double stable(double a) {
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

/* logits [S][V] -> the first largest token of each position and its probability. */
static void read_answer(const trm__real *logits, int S, int V, int32_t *answer, float *confidence) {
  for (int s = 0; s < S; s++) {
    const trm__real *row = logits + (size_t)s * (size_t)V;
    int best = 0;
    double sum = stable((double)row[0]);
    for (int v = 1; v < V; v++) {
      if (row[v] > row[best]) best = v;
      sum += stable((double)row[v]);
    }
    answer[s] = best;
    confidence[s] = (float)(stable((double)row[best]) / sum);
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
  int active;
  int64_t next, left; /* next puzzle to enter; puzzles that left */
} loop;

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

/* Gives the places of those that left (slot.puzzle < 0) to those that wait, and closes the gaps. */
static void fill(loop *l) {
  trm_solver *s = l->solver;
  memset(s->fresh, 0, (size_t)s->slots);
  for (int i = 0; i < l->active;) {
    if (s->slot[i].puzzle >= 0) {
      i++;
    } else if (l->next < l->job->puzzles) {
      enter(l, i++);
    } else if (--l->active > i) {
      move(l, i, l->active);
    }
  }
  while (l->active < s->slots && l->next < l->job->puzzles) enter(l, l->active++);
}

/* -- one step ------------------------------------------------------------------------------------------------------ */

static trm_status advance(loop *l, trm_error *err) {
  trm_solver *s = l->solver;
  trm__backend *be = s->backend;
  size_t n = (size_t)l->active;
  trm__network_refill(s->network, l->active, s->fresh, s->start, s->y, s->z);
  trm__network_step(s->network, l->active, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
  be->copy(be, s->logits_host, s->logits, n * l->S * l->V * sizeof *s->logits, TRM__COPY_TO_HOST);
  be->copy(be, s->q_host, s->q, n * 2 * sizeof *s->q, TRM__COPY_TO_HOST);
  return be->synchronize(be, err);
}

static int is_halted(const trm_solver *s, int i) {
  return s->config.halt && (double)s->q_host[2 * i] > s->config.halt_threshold;
}

static int is_last(const trm_solver *s, int i) {
  return is_halted(s, i) || s->slot[i].steps >= s->config.max_steps;
}

/* The answer of slot i has just been read. */
static trm_solution conclude(const loop *l, int i) {
  const trm_solver *s = l->solver;
  const float *confidence = s->confidence;
  double q = (double)s->q_host[2 * i];
  trm_solution solution = {.steps = s->slot[i].steps,
                           .halted = is_halted(s, i),
                           .q = (float)q,
                           .confidence = (float)(1 / (1 + exp(-q))),
                           .least = confidence[0]};
  for (size_t p = 1; p < l->S; p++)
    if (!(confidence[p] >= solution.least)) solution.least = confidence[p];
  return solution;
}

/* After a step: reads the answers, tells the watcher, and lets those that are done leave. Non-zero: stop. */
static int report(loop *l, const trm__loss *loss) {
  trm_solver *s = l->solver;
  int stop = 0, leaving = 0;
  for (int i = 0; i < l->active; i++) {
    s->slot[i].steps++;
    leaving += is_last(s, i);
  }
  if (l->job->scored && leaving) trm__network_loss(s->network, l->active, s->logits, s->q, s->labels, loss, s->stats);
  for (int i = 0; i < l->active; i++) {
    int last = is_last(s, i);
    if (!last && !l->job->step) continue;
    read_answer(s->logits_host + (size_t)i * l->S * l->V, (int)l->S, (int)l->V, s->answer, s->confidence);
    trm_step step = {s->slot[i].puzzle, s->slot[i].steps, s->answer, s->confidence, (float)s->q_host[2 * i], last};
    if (l->job->step && !stop) stop = l->job->step(l->job->step_context, &step);
    if (!last) continue;
    trm_solution solution = conclude(l, i);
    l->job->leave(l->job->context, s->slot[i].puzzle, s->answer, &solution, l->job->scored ? &s->stats[i] : NULL);
    s->slot[i].puzzle = -1;
    l->left++;
  }
  if (l->job->progress && leaving && !stop)
    stop = l->job->progress(l->job->progress_context, (double)l->left / (double)l->job->puzzles, "solving");
  return stop;
}

trm_status trm__engine_run(trm_solver *solver, const trm__job *job, trm_error *err) {
  const trm__dims *d = &solver->params.dims;
  const trm__loss loss = {.kind = TRM__LOSS_STABLEMAX, .halt_weight = 0.5, .grad_scale = 1};
  loop l = {.solver = solver, .job = job, .S = (size_t)d->S, .V = (size_t)d->V};
  l.state = (size_t)d->L * (size_t)d->D * solver->backend->act_bytes;
  for (fill(&l); l.active > 0; fill(&l)) {
    trm_status status = advance(&l, err);
    if (status) return status;
    if (report(&l, &loss))
      return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld of %lld puzzles", (long long)l.left,
                       (long long)job->puzzles);
  }
  return TRM_OK;
}
