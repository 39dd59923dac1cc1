/* The rounds of the engine: its state and what always holds of it stand in infer/engine.h, the loop that asks for them
 * in infer/run.c. A round computes exactly the puzzles at work: when one leaves and nobody waits, the last active slot
 * moves into its place. No sum in the network crosses examples, so a puzzle's result does not depend on its slot, its
 * neighbours or the width, and the width may change at any time (infer/width.h). */
#include "infer/engine.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "infer/answer.h"
#include "infer/parallel.h"
#include "infer/request.h"
#include "infer/state.h"
#include "infer/width.h"
#include "model/hopeless.h"

/* The puzzle that the callbacks to come are about. */
static const trm_place *engine_place(trm__engine *e, int i) {
  e->place = (trm_place){e->solver, i};
  return &e->place;
}

/* -- slots --------------------------------------------------------------------------------------------------------- */

static int engine_is_cancelled(const trm__engine *e, int64_t puzzle, void *tag) {
  const trm_cancel *c = e->solver->cancel;
  const trm_source *source = &e->job->source;
  if (c && puzzle < c->puzzles && atomic_load(&c->puzzle[puzzle])) return 1;
  return source->cancelled && source->cancelled(source->context, puzzle, tag);
}

static int engine_is_expired(const trm__engine *e, double deadline) {
  return deadline != 0 && e->solver->clock() >= deadline;
}

static void engine_copy_in(trm__backend *be, void *to, const void *from, size_t bytes) {
  be->copy(be, to, from, bytes, TRM__COPY_TO_DEVICE);
}

static int engine_heeds_rules(const trm_solver *s, const trm_puzzle *p) {
  return s->has_rules && (p->rules == TRM_RULES_SOLVER ? s->config.rules_halt : p->rules == TRM_RULES_HALT);
}

/* What the puzzle asks for, and of the rest what the solver has. */
static trm__slot engine_slot(const trm__engine *e, int64_t number, const trm_puzzle *p) {
  const trm_solver *s = e->solver;
  double threshold = s->config.halt ? s->config.halt_threshold : (double)INFINITY;
  trm_state_info state = p->state ? trm_state_describe(p->state) : (trm_state_info){.noise_name = (uint64_t)number};
  return (trm__slot){.puzzle = number,
                     .steps = state.steps,
                     .max_steps = p->max_steps ? p->max_steps : s->config.max_steps,
                     .rules = engine_heeds_rules(s, p),
                     .n = p->latent_cycles ? p->latent_cycles : (int)s->model.L_cycles,
                     .T = p->recursion_cycles ? p->recursion_cycles : (int)s->model.H_cycles,
                     .identifier = p->identifier,
                     .priority = p->priority,
                     .start_noise = isnan(p->start_noise) ? s->config.start_noise : p->start_noise,
                     .threshold = isnan(p->halt_threshold) ? threshold : p->halt_threshold,
                     .deadline = p->deadline,
                     .noise_name = p->noise_name == TRM_NOISE_UNNAMED ? state.noise_name : p->noise_name,
                     .watch = p->watch,
                     .watch_context = p->watch_context,
                     .tag = p->tag};
}

/* The puzzle that the source has just given, which fits. */
static void engine_enter(trm__engine *e, int i, int64_t number, const trm_puzzle *puzzle) {
  trm_solver *s = e->solver;
  trm__backend *be = s->backend;
  size_t at = (size_t)i, ndim = (size_t)s->params.dims.emb_ndim;
  s->slot[i] = engine_slot(e, number, puzzle);
  engine_copy_in(be, s->tokens + at * e->S, puzzle->tokens, e->S * sizeof *s->tokens);
  if (s->question) memcpy(s->question + at * e->S, puzzle->tokens, e->S * sizeof *s->question);
  if (e->job->labels) {
    e->job->labels(e->job->source.context, number, s->label_host);
    engine_copy_in(be, s->labels + at * e->S, s->label_host, e->S * sizeof *s->labels);
  }
  if (s->rows)
    engine_copy_in(be, s->rows + at * ndim, s->puzzle_rows + (size_t)puzzle->identifier * ndim, ndim * sizeof *s->rows);
  s->fresh[i] = !puzzle->state;
  if (puzzle->state) {
    const unsigned char *latents = trm__state_latents(puzzle->state);
    engine_copy_in(be, s->y + at * e->state, latents, e->state);
    engine_copy_in(be, s->z + at * e->state, latents + e->state, e->state);
  }
  s->stats.puzzles++;
  int64_t told = e->job->event_number ? e->job->event_number(e->job->source.context, puzzle->tag) : number;
  s->slot[i].inference =
      trm__event_inference_start(e->call, told, e->job->score ? "evaluate" : "solve", s->slot[i].max_steps);
}

/* 1: it is wanted, in time and fits the model; otherwise *why says what it leaves as. */
static int engine_admit(const trm__engine *e, int64_t number, const trm_puzzle *puzzle, trm_solution *why,
                        trm_error *error) {
  why->refused = trm__request_check(e->solver, number, puzzle, error) != TRM_OK;
  if (!why->refused) why->expired = engine_is_expired(e, puzzle->deadline);
  return !why->refused && !why->expired && !engine_is_cancelled(e, number, puzzle->tag);
}

/* The source's next puzzle that is admitted enters slot i; 0 when there is none, or none at the moment. */
static int engine_enter_next(trm__engine *e, int i, int wait) {
  const trm_source *source = &e->job->source;
  while (!e->ended && !e->asked) {
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = e->solver->token_host;
    trm_source_answer answer = source->next(source->context, e->next, wait, &puzzle);
    if (answer != TRM_SOURCE_PUZZLE) {
      e->ended = wait || answer == TRM_SOURCE_END;
      e->asked = 1;
      return 0;
    }
    int64_t number = e->next++;
    trm_error error = {0};
    trm_solution why = {.cancelled = 1};
    if (engine_admit(e, number, &puzzle, &why, &error)) {
      engine_enter(e, i, number, &puzzle);
      return 1;
    }
    e->left++;
    source->leave(
        source->context,
        &(trm_leave){.puzzle = number, .tag = puzzle.tag, .solution = &why, .error = why.refused ? &error : NULL});
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
  if (e->job->labels) be->copy(be, s->labels + t * S, s->labels + f * S, S * sizeof *s->labels, TRM__COPY_ON_DEVICE);
  if (s->rows) be->copy(be, s->rows + t * ndim, s->rows + f * ndim, ndim * sizeof *s->rows, TRM__COPY_ON_DEVICE);
  if (s->question) memcpy(s->question + t * S, s->question + f * S, S * sizeof *s->question);
  trm__best_move(s, to, from);
  memcpy(s->logits_host + t * S * e->V, s->logits_host + f * S * e->V, S * e->V * sizeof *s->logits_host);
  memcpy(s->q_host + 2 * t, s->q_host + 2 * f, 2 * sizeof *s->q_host);
}

/* Of the active slots the one that takes free slot i: parked ones with the highest priority first, else the last. */
static int engine_choose_mover(const trm__engine *e, int i) {
  const trm__slot *slot = e->solver->slot;
  int best = e->active - 1;
  for (int p = i < e->width ? e->width : i + 1; p < e->active - 1; p++)
    if (slot[p].puzzle >= 0 && (slot[best].puzzle < 0 || slot[p].priority > slot[best].priority)) best = p;
  return best;
}

void trm__engine_fill(trm__engine *e, int wait) {
  trm_solver *s = e->solver;
  e->asked = 0;
  memset(s->fresh, 0, (size_t)s->slots);
  for (int i = 0; i < e->active;) {
    if (s->slot[i].puzzle >= 0) i++;
    else if (e->active <= e->width && engine_enter_next(e, i, 0)) i++;
    else {
      int mover = engine_choose_mover(e, i);
      if (mover > i) engine_move(e, i, mover);
      if (mover < --e->active) engine_move(e, mover, e->active);
    }
  }
  while (e->active < e->width && engine_enter_next(e, e->active, wait && e->active == 0)) e->active++;
}

/* -- one round: a step for each of the first slots ----------------------------------------------------------------- */

/* The noise of a round. Its stream of random numbers is chosen by the puzzle and its step, so that a puzzle's slot
 * changes nothing. The numbers for the start come first, then those of the latent cycles. */
static trm__network_noise engine_noise(const trm_solver *s, double sigma, uint64_t offset, int first) {
  return (trm__network_noise){sigma, (uint64_t)s->config.seed, s->noise_index + first, offset};
}

static void engine_name_noise(const trm__engine *e) {
  trm_solver *s = e->solver;
  for (int i = 0; i < e->round; i++)
    s->noise_name[i] = s->slot[i].noise_name << TRM__NOISE_STEP_BITS | (uint64_t)s->slot[i].steps;
  engine_copy_in(s->backend, s->noise_index, s->noise_name, (size_t)e->round * sizeof *s->noise_index);
}

/* Of the fresh slots those with as much noise as the first of them get the start as their state, and are fresh no more.
 * 0: there is none. */
static int engine_start(const trm__engine *e) {
  trm_solver *s = e->solver;
  int first = -1;
  memset(s->marked, 0, (size_t)e->round);
  for (int i = 0; i < e->round; i++) {
    if (!s->fresh[i]) continue;
    if (first < 0) first = i;
    if (s->slot[i].start_noise != s->slot[first].start_noise) continue;
    s->marked[i] = 1;
    s->fresh[i] = 0;
  }
  if (first < 0) return 0;
  trm__network_noise start = engine_noise(s, s->slot[first].start_noise, 0, 0);
  engine_copy_in(s->backend, s->starts, s->marked, (size_t)e->round * sizeof *s->starts);
  trm__network_refill_latent(s->network, e->round, s->starts, s->start, 0, &start, s->y, s->z);
  return 1;
}

/* Puzzles that entered afresh get the start as their state, and all get their noise. */
static void engine_prepare(const trm__engine *e) {
  engine_name_noise(e);
  while (engine_start(e)) {
  }
}

/* A step of `count` slots from `first` on, which have the same n and T. */
static void engine_step(const trm__engine *e, int first, int count, const trm__loss *loss) {
  trm_solver *s = e->solver;
  const trm__slot *slot = &s->slot[first];
  size_t i = (size_t)first, ndim = (size_t)s->params.dims.emb_ndim;
  const trm__slice a = {.first = first,
                        .count = count,
                        .tokens = s->tokens + i * e->S,
                        .rows = s->rows ? s->rows + i * ndim : NULL,
                        .labels = e->job->score ? s->labels + i * e->S : NULL,
                        .y = s->y + i * e->state,
                        .z = s->z + i * e->state,
                        .logits = s->logits + i * e->S * e->V,
                        .q = s->q + 2 * i,
                        .scores = s->scores + i};
  trm__network_noise noise = engine_noise(s, s->config.latent_noise, trm__network_noise_numbers(s->network), first);
  trm__network_set_noise(s->network, &noise);
  trm__network_set_cycles(s->network, slot->n, slot->T);
  if (s->config.parallel_latents > 1) trm__parallel_step(e, &a, slot->n * slot->T, loss);
  else if (!a.labels) trm__network_step(s->network, count, a.tokens, a.rows, a.y, a.z, a.logits, a.q);
  else trm__network_scored_step(s->network, count, a.tokens, a.rows, a.labels, loss, a.y, a.z, a.logits, a.q, a.scores);
}

/* Work of a step of n and T: calls of the network. */
static double engine_calls(int64_t n, int64_t T) {
  return (double)(T * (n + 1));
}

/* The slots of a round, neighbours with the same n and T together. */
static void engine_step_all(trm__engine *e, const trm__loss *loss) {
  const trm_solver *s = e->solver;
  double usual = engine_calls(s->model.L_cycles, s->model.H_cycles), calls = 0;
  for (int first = 0, end; first < e->round; first = end) {
    const trm__slot *slot = &s->slot[first];
    for (end = first; end < e->round && s->slot[end].n == slot->n && s->slot[end].T == slot->T; end++) {
    }
    engine_step(e, first, end - first, loss);
    calls += (end - first) * engine_calls(slot->n, slot->T);
  }
  e->work = calls / (usual * e->round);
}

/* Where changes are computed: what the states are before a step, and how far they are from it after. */
static void engine_note_states(const trm__engine *e) {
  const trm_solver *s = e->solver;
  size_t bytes = (size_t)e->round * e->state;
  if (!s->moved) return;
  s->backend->copy(s->backend, s->was_y, s->y, bytes, TRM__COPY_ON_DEVICE);
  s->backend->copy(s->backend, s->was_z, s->z, bytes, TRM__COPY_ON_DEVICE);
}

static void engine_measure_changes(const trm__engine *e) {
  const trm_solver *s = e->solver;
  size_t n = 2 * (size_t)e->round;
  if (!s->moved) return;
  trm__network_distance(s->network, e->round, s->y, s->was_y, s->moved);
  trm__network_distance(s->network, e->round, s->z, s->was_z, s->moved + n);
  s->backend->copy(s->backend, s->moved_host, s->moved, 2 * n * sizeof *s->moved, TRM__COPY_TO_HOST);
}

static trm_status engine_advance(trm__engine *e, const trm__loss *loss, trm_error *err) {
  trm_solver *s = e->solver;
  trm__backend *be = s->backend;
  e->round = e->active < e->width ? e->active : e->width;
  size_t n = (size_t)e->round;
  engine_prepare(e);
  engine_note_states(e);
  engine_step_all(e, loss);
  engine_measure_changes(e);
  if (e->job->score) be->copy(be, s->scores_host, s->scores, n * sizeof *s->scores_host, TRM__COPY_TO_HOST);
  be->copy(be, s->logits_host, s->logits, n * e->S * e->V * sizeof *s->logits, TRM__COPY_TO_HOST);
  be->copy(be, s->q_host, s->q, n * 2 * sizeof *s->q, TRM__COPY_TO_HOST);
  s->stats.rounds++;
  s->stats.computed += e->round;
  return be->synchronize(be, err);
}

static int engine_is_halted(const trm_solver *s, int i) {
  return (double)s->q_host[2 * i] > s->slot[i].threshold;
}

/* The logits of slot i's last step. */
static const trm__real *engine_logits(const trm__engine *e, int i) {
  return e->solver->logits_host + (size_t)i * e->S * e->V;
}

static int engine_faults(const trm__engine *e, int i) {
  const trm_solver *s = e->solver;
  trm__answer_tokens(s, engine_logits(e, i), s->answer);
  return trm_task_faults(&s->task, s->question + (size_t)i * e->S, s->answer);
}

/* Of y and z together. */
static float engine_change(const trm__engine *e, int i) {
  const double *y = e->solver->moved_host + 2 * i, *z = y + 2 * e->round;
  return (float)sqrt((y[0] + z[0]) / (y[1] + z[1]));
}

/* What slot i's step has given, and whether its puzzle is done, and why. */
static void engine_decide(const trm__engine *e, int i) {
  trm_solver *s = e->solver;
  trm__slot *slot = &s->slot[i];
  slot->faults = trm__engine_asks(s, slot) ? engine_faults(e, i) : -1;
  slot->change = s->moved ? engine_change(e, i) : NAN;
  trm__best_offer(s, i, slot->faults);
  const trm__stand stand = {.rules = slot->rules,
                            .correct = slot->faults == 0,
                            .says_right = engine_is_halted(s, i),
                            .at_rest = s->config.fixed_point > 0 && (double)slot->change <= s->config.fixed_point,
                            .hopeless =
                                trm__hopeless_is(&s->hopeless, slot->steps, slot->max_steps, (double)s->q_host[2 * i])};
  slot->halt = trm__halt_why(&stand);
  slot->last = slot->halt || slot->steps >= slot->max_steps;
}

/* The solution of the puzzle in slot i, whose answer is read into s->answer, or s->best_answer when the best is kept.
 */
static trm_solution engine_solution(const trm__engine *e, int i, trm__outcome outcome) {
  const trm_solver *s = e->solver;
  const trm__slot *slot = &s->slot[i];
  const trm__best last = {slot->steps, slot->faults, (float)s->q_host[2 * i]},
                  best = s->best_logits ? slot->best : last;
  const float *confidence = s->best_logits ? s->best_confidence : s->confidence;
  trm__answer_read(s, engine_logits(e, i), s->answer, s->confidence);
  if (s->best_logits) trm__answer_read(s, s->best_logits + (size_t)i * e->S * e->V, s->best_answer, s->best_confidence);
  return (trm_solution){.steps = (int)slot->steps,
                        .halted = outcome == TRM__DONE ? (int)slot->halt : TRM_HALT_NONE,
                        .cancelled = outcome != TRM__DONE,
                        .expired = outcome == TRM__EXPIRED,
                        .q = best.q,
                        .confidence = (float)(1 / (1 + exp(-(double)best.q))),
                        .least = trm__answer_least_confidence(s, confidence),
                        .checked = slot->faults >= 0,
                        .correct = slot->faults >= 0 && best.faults == 0,
                        .answer_step = (int)best.step,
                        .chain = 1,
                        .chain_steps = (int)slot->steps,
                        .chains = 1};
}

/* The puzzle in slot i leaves. Its last step was, if it is parked, in an earlier round. */
static void engine_leave(trm__engine *e, int i, trm__outcome outcome) {
  trm_solver *s = e->solver;
  const trm__job *job = e->job;
  trm__slot *slot = &s->slot[i];
  double q = (double)s->q_host[2 * i];
  trm_solution solution = engine_solution(e, i, outcome);
  const trm__example_stats *scores = s->best_logits ? s->best_scores : s->scores_host;
  if (job->score && outcome == TRM__DONE) job->score(job->source.context, slot->puzzle, &solution, &scores[i]);
  if (solution.halted)
    trm__event_early_halt(&slot->inference, solution.steps, slot->max_steps, q, slot->threshold, slot->halt);
  trm__event_inference_stop(&slot->inference, solution.steps, solution.halted != TRM_HALT_NONE, outcome);
  job->source.leave(job->source.context, &(trm_leave){.puzzle = slot->puzzle,
                                                      .tag = slot->tag,
                                                      .answer = s->best_logits ? s->best_answer : s->answer,
                                                      .solution = &solution,
                                                      .place = engine_place(e, i)});
  trm__event_inference_complete(&slot->inference, solution.steps, outcome);
  slot->puzzle = -1;
  e->left++;
}

/* After a failure of the device, which has lost what was in it, all leave without an answer. */
static void engine_abandon(trm__engine *e) {
  const trm_source *source = &e->job->source;
  const trm_solution lost = {.cancelled = 1};
  for (int i = 0; i < e->active; i++) {
    trm__slot *slot = &e->solver->slot[i];
    if (slot->puzzle < 0) continue;
    trm__event_inference_stop(&slot->inference, (int)slot->steps, 0, TRM__FAILED);
    source->leave(source->context, &(trm_leave){.puzzle = slot->puzzle, .tag = slot->tag, .solution = &lost});
    slot->puzzle = -1;
    e->left++;
  }
}

/* Shows the callback of the call, and then the puzzle's own, what slot i's step gave. Of the latter any answer but ON
 * is as TRM_STEP_CANCEL. */
static int engine_tell(trm__engine *e, int i) {
  trm_solver *s = e->solver;
  const trm__slot *slot = &s->slot[i];
  if (!e->job->step && !slot->watch) return TRM_STEP_ON;
  trm__answer_read(s, engine_logits(e, i), s->answer, s->confidence);
  trm_step step = {.puzzle = slot->puzzle,
                   .step = (int)slot->steps,
                   .answer = s->answer,
                   .confidence = s->confidence,
                   .q = (float)s->q_host[2 * i],
                   .halted = slot->last,
                   .place = engine_place(e, i),
                   .checked = slot->faults >= 0,
                   .correct = slot->faults == 0,
                   .change = slot->change,
                   .chain = 1};
  int answer = e->job->step ? e->job->step(e->job->step_context, &step) : TRM_STEP_ON;
  if (slot->watch && slot->watch(slot->watch_context, &step) != TRM_STEP_ON && answer == TRM_STEP_ON)
    answer = TRM_STEP_CANCEL;
  return answer;
}

/* Lets slot i's puzzle leave when its time has come; answer: of its callbacks, ON for a parked one. */
static void engine_judge(trm__engine *e, int i, int answer) {
  const trm__slot *slot = &e->solver->slot[i];
  if (slot->puzzle >= 0 && slot->last) engine_leave(e, i, TRM__DONE);
  else if (answer == TRM_STEP_CANCEL || engine_is_cancelled(e, slot->puzzle, slot->tag))
    engine_leave(e, i, TRM__CANCELLED);
  else if (engine_is_expired(e, slot->deadline)) engine_leave(e, i, TRM__EXPIRED);
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
    engine_decide(e, i);
    trm__event_step_complete(&slot->inference, (int)slot->steps, (double)s->q_host[2 * i], e->seconds, e->round);
  }
  for (int i = 0; i < e->active; i++) {
    int answer = i < e->round && !stop ? engine_tell(e, i) : TRM_STEP_ON;
    stop |= answer != TRM_STEP_ON && answer != TRM_STEP_CANCEL;
    engine_judge(e, i, answer);
  }
  if (!stop && job->progress)
    stop = job->progress(job->progress_context, (double)e->left / (double)job->source.puzzles, "solving");
  return stop || (s->cancel && atomic_load(&s->cancel->all));
}

/* -- what a call does with it -------------------------------------------------------------------------------------- */

/* In builds with tests: after each round, whatever runs. */
static trm_status engine_verify(const trm__engine *e, trm_error *err) {
#ifdef TRM_CHECKED
  const char *broken = trm__engine_check(e->solver);
  if (broken) return trm__fail(err, TRM_E_INTERNAL, "engine", "invariant %s", broken);
#else
  (void)e, (void)err;
#endif
  return TRM_OK;
}

void trm__engine_begin(trm_solver *solver, const trm__job *job, int64_t call) {
  const trm__dims *d = &solver->params.dims;
  trm__engine *e = &solver->engine;
  *e = (trm__engine){.solver = solver, .job = job, .S = (size_t)d->S, .V = (size_t)d->V, .call = call};
  e->state = (size_t)d->L * (size_t)d->D * solver->backend->act_bytes(solver->backend, d);
  trm__width_begin(e);
}

trm_status trm__engine_round(trm__engine *e, int *stop, trm_error *err) {
  const trm__loss loss = {.kind = e->solver->loss, .halt_weight = 0.5, .grad_scale = 1};
  double before = trm__clock();
  trm_status status = engine_advance(e, &loss, err);
  if (status) return status;
  trm__width_measure(e, e->seconds = trm__clock() - before);
  *stop |= engine_report(e);
  status = trm_judge_status(e->solver->config.judge, err);
  return status ? status : engine_verify(e, err);
}

void trm__engine_end(trm__engine *e, int failed) {
  if (failed) engine_abandon(e);
  for (int i = 0; i < e->active; i++)
    if (e->solver->slot[i].puzzle >= 0) engine_leave(e, i, TRM__STOPPED);
  trm__width_conclude(e);
  e->job = NULL;
}
