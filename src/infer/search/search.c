/* The outer source's puzzles become the inner source's chains: see search.h, which has the list of what always holds.
 */
#include "infer/search/search.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "infer/lattice/deducer.h"
#include "infer/request.h"
#include "infer/search/control.h"
#include "infer/search/entry.h"

/* -- a puzzle comes ------------------------------------------------------------------------------------------------ */

/* One trajectory is all that it wants, however few steps that takes. */
static int search_is_alone(const trm__search *s, const trm_puzzle *p) {
  return p->search == TRM_SEARCH_OFF || (s->plan.judged && p->rules == TRM_RULES_IGNORE);
}

/* Of a chain of the first wave, of `count`. A lattice model's chains share what its puzzle may take evenly. */
static int64_t search_limit(const trm__search *s, const trm_puzzle *p, int voter, int count) {
  if (s->solver->deducer && p->search >= count) return p->search / count;
  if (p->max_steps) return p->max_steps;
  return s->solver->deducer ? s->plan.start : trm__solver_voter(s->solver, voter)->config.max_steps;
}

/* The first wave, and what all may take. Of votes that is what their chains may. */
static void search_begin(trm__search *s, trm__search_entry *e) {
  const trm_puzzle *p = &e->puzzle;
  int alone = search_is_alone(s, p), count = alone ? 1 : s->plan.first;
  int64_t limit = search_limit(s, p, 0, count), most = 0;
  for (int i = 0; i < count; i++) most += search_limit(s, p, trm__search_voter(s, i), count);
  int64_t budget = alone || s->plan.votes ? most : p->search > 0 ? p->search : s->plan.budget;
  trm__wave_first(&e->wave, budget < most ? most : budget, count, limit);
  for (int i = 0; i < count; i++) trm__wave_grant(&e->wave, i, search_limit(s, p, trm__search_voter(s, i), count));
}

static void search_enter(trm__search *s, trm__search_entry *e, int64_t number, const trm_puzzle *puzzle) {
  e->number = number;
  e->puzzle = *puzzle;
  if (puzzle->tokens != e->question) memcpy(e->question, puzzle->tokens, s->S * sizeof *e->question);
  e->puzzle.tokens = e->question;
  e->name = puzzle->noise_name == TRM_NOISE_UNNAMED ? (uint64_t)number : puzzle->noise_name;
  if (puzzle->state && puzzle->noise_name == TRM_NOISE_UNNAMED) e->name = trm_state_describe(puzzle->state).noise_name;
  e->working = e->cancelled = e->expired = 0;
  e->taker = 0;
  e->guides = 0;
  e->taken = (trm_solution){.cancelled = 1};
  if (s->plan.votes) memset(e->ballot, 0, (size_t)s->most * sizeof *e->ballot);
  search_begin(s, e);
  s->entries++;
}

/* Where rules are not asked, the halting head ends a search, and votes of which the first counts. That is so without
 * `halt` too, which is about single trajectories. */
static int search_heeds_head(const trm__search *s, const trm_puzzle *p) {
  return !s->plan.judged && (!s->plan.votes || s->plan.by == TRM_VOTE_FIRST) && !search_is_alone(s, p);
}

/* Over which logit the halting head of a chain is heeded. */
static double search_threshold(const trm__search *s, const trm_puzzle *p, int voter) {
  return isnan(p->halt_threshold) ? trm__solver_voter(s->solver, voter)->config.halt_threshold : p->halt_threshold;
}

/* Whether all models that vote can take it. */
static trm_status search_check_fit(const trm__search *s, int64_t number, const trm_puzzle *puzzle, trm_error *err) {
  trm_puzzle of_others = *puzzle;
  of_others.state = NULL; /* is the first model's */
  trm_status status = trm__request_check(s->solver, number, puzzle, err);
  for (int i = 1; i < s->plan.voters && !status; i++)
    status = trm__request_check(trm__solver_voter(s->solver, i), number, &of_others, err);
  return status;
}

static trm__search_entry *search_free_entry(trm__search *s) {
  for (int i = 0; i < s->room; i++)
    if (s->entry[i].number < 0) return &s->entry[i];
  return NULL;
}

/* The source's next puzzle that fits gets an entry, which is returned. NULL: none now, or no more. */
static trm__search_entry *search_ask(trm__search *s, int wait) {
  const trm_source *source = &s->job->source;
  trm__search_entry *e = search_free_entry(s);
  while (e && !s->ended) {
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = e->question;
    trm_source_answer answer = source->next(source->context, s->next, wait, &puzzle);
    s->ended = answer == TRM_SOURCE_END || (wait && answer == TRM_SOURCE_NONE);
    if (answer != TRM_SOURCE_PUZZLE) return NULL;
    int64_t number = s->next++;
    trm_error error = {0};
    const trm_solution refused = {.cancelled = 1, .refused = 1};
    if (!search_check_fit(s, number, &puzzle, &error)) {
      search_enter(s, e, number, &puzzle);
      return e;
    }
    s->left++;
    source->leave(source->context,
                  &(trm_leave){.puzzle = number, .tag = puzzle.tag, .solution = &refused, .error = &error});
  }
  return NULL;
}

/* -- a step -------------------------------------------------------------------------------------------------------- */

/* The number of a chain among all of the puzzle. */
static int64_t search_number(const trm__search_entry *e, int index) {
  return e->wave.begun + index + 1;
}

/* Each model's chains propose what they would if it were the only one. */
static trm__proposal search_proposal(const trm__search *s, const trm__search_entry *e, int index) {
  return (trm__proposal){.plan = &s->plan,
                         .task = &s->task,
                         .question = e->question,
                         .cells = s->S,
                         .seed = (uint64_t)s->solver->config.seed,
                         .name = e->name,
                         .chain = search_number(e, index) - trm__search_voter(s, index) * s->plan.share,
                         .guide = e->answers[1],
                         .guides = e->guides,
                         .room = s->answer,
                         .marks = s->marks};
}

/* Whether the step's answer ends the search: rules say that it is right, or, where they are not asked, the halting head
 * says so. */
static int search_is_right(const trm__search *s, const trm__search_entry *e, int index, const trm_step *step) {
  if (s->plan.judged) return step->checked && step->correct;
  return search_heeds_head(s, &e->puzzle) &&
         (double)step->q > search_threshold(s, &e->puzzle, trm__search_voter(s, index));
}

/* Shows the callback of the call and the puzzle's own what a chain's step gave. */
static int search_tell(trm__search *s, const trm__search_entry *e, const trm_step *inner, int64_t chain) {
  const trm_puzzle *p = &e->puzzle;
  trm_step step = *inner;
  step.puzzle = e->number;
  step.chain = (int)chain;
  step.answer = s->answer;
  step.confidence = s->confidence;
  if (chain > 1) step.place = NULL;
  int answer = s->job->step ? s->job->step(s->job->step_context, &step) : TRM_STEP_ON;
  if (p->watch && p->watch(p->watch_context, &step) != TRM_STEP_ON && answer == TRM_STEP_ON) answer = TRM_STEP_CANCEL;
  return answer;
}

/* The watcher of every chain. */
static int search_watch(void *context, const trm_step *step) {
  trm__search_chain *chain = context;
  trm__search_entry *e = chain->entry;
  trm__search *s = e->search;
  trm__proposal proposal = search_proposal(s, e, chain->index);
  trm__wave_step(&e->wave, chain->index, step->step, search_is_right(s, e, chain->index, step));
  if (s->stop || (!s->job->step && !e->puzzle.watch)) return TRM_STEP_ON;
  s->proposer->read(&proposal, step->answer, step->confidence, s->answer, s->confidence);
  int answer = search_tell(s, e, step, search_number(e, chain->index));
  if (answer == TRM_STEP_CANCEL) e->cancelled = 1;
  else if (answer != TRM_STEP_ON) s->stop = 1; /* after the round; until then nobody leaves for it */
  return answer == TRM_STEP_CANCEL ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

/* After a round. */
static int search_on_round(void *context, double fraction, const char *what) {
  trm__search *s = context;
  const trm__job *job = s->job;
  (void)fraction;
  if (s->cancel && atomic_load(&s->cancel->all)) s->stop = 1;
  if (!s->stop && job->progress)
    s->stop = job->progress(job->progress_context, (double)s->left / (double)job->source.puzzles, what) != 0;
#ifdef TRM_CHECKED
  if (!s->broken) s->broken = trm__search_check(s);
#endif
  s->finished = s->left;
  return s->stop || s->broken;
}

static int search_cancelled(void *context, int64_t number, void *tag) {
  const trm__search *s = ((const trm__search_group *)context)->search;
  const trm__search_chain *chain = tag;
  trm__search_entry *e = chain->entry;
  const trm_source *source = &s->job->source;
  (void)number;
  if (s->cancel && e->number < s->cancel->puzzles && atomic_load(&s->cancel->puzzle[e->number])) e->cancelled = 1;
  if (source->cancelled && source->cancelled(source->context, e->number, e->puzzle.tag)) e->cancelled = 1;
  return e->cancelled || e->expired || !trm__wave_wants(&e->wave, chain->index);
}

/* -- chains go into the engine ------------------------------------------------------------------------------------- */

/* Of the entries with a chain of that voter that waits the one with the highest priority, of these the oldest. */
static trm__search_entry *search_choose(trm__search *s, int voter) {
  trm__search_entry *best = NULL;
  for (int i = 0; i < s->room; i++) {
    trm__search_entry *e = &s->entry[i];
    if (trm__search_waiting(e, voter) < 0) continue;
    if (!best || e->puzzle.priority > best->puzzle.priority ||
        (e->puzzle.priority == best->puzzle.priority && e->number < best->number))
      best = e;
  }
  return best;
}

/* What a chain's puzzle has otherwise than the one that is searched. */
static void search_fill(const trm__search *s, trm__search_entry *e, int index, trm_puzzle *puzzle) {
  int voter = trm__search_voter(s, index);
  int32_t *room = puzzle->tokens;
  trm__proposal proposal = search_proposal(s, e, index);
  *puzzle = e->puzzle;
  puzzle->tokens = room;
  puzzle->noise_name = e->name;
  puzzle->max_steps = e->wave.chain[index].limit;
  puzzle->watch = search_watch;
  puzzle->watch_context = &e->chain[index];
  puzzle->tag = &e->chain[index];
  if (voter) puzzle->state = NULL;
  if (puzzle->rules == TRM_RULES_SOLVER && !search_is_alone(s, puzzle))
    puzzle->rules = s->plan.judged ? TRM_RULES_HALT : TRM_RULES_IGNORE;
  if (search_heeds_head(s, &e->puzzle)) puzzle->halt_threshold = search_threshold(s, &e->puzzle, voter);
  s->proposer->begin(&proposal, puzzle);
}

/* Puzzles come when the first model has room for one, which has a chain of each. */
static trm_source_answer search_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const trm__search_group *group = context;
  trm__search *s = group->search;
  (void)number;
  trm__search_entry *e = search_choose(s, group->voter);
  if (!e && !group->voter) e = search_ask(s, wait && s->entries == 0);
  if (!e) return s->ended && s->entries == 0 ? TRM_SOURCE_END : TRM_SOURCE_NONE;
  int index = trm__search_waiting(e, group->voter);
  search_fill(s, e, index, puzzle);
  trm__wave_enter(&e->wave, index);
  e->working++;
  return TRM_SOURCE_PUZZLE;
}

static int64_t search_event_number(void *context, void *tag) {
  const trm__search_chain *chain = tag;
  (void)context;
  return chain->entry->number;
}

/* -- a chain leaves the engine ------------------------------------------------------------------------------------- */

/* Of the chains that have ended the winner's answer is taken, else the one with the larger q, of equal ones the
 * earlier: an order that does not depend on when they end. */
static int search_is_better(const trm__search_entry *e, int index, const trm_solution *solution) {
  int64_t chain = search_number(e, index), winner = e->wave.winner < 0 ? 0 : search_number(e, e->wave.winner);
  if (!e->taker || winner == chain) return 1;
  if (winner == e->taker) return 0;
  if (!(solution->q <= e->taken.q)) return e->taken.q == e->taken.q || solution->q == solution->q;
  return solution->q == e->taken.q && chain < e->taker;
}

static void search_take(trm__search *s, trm__search_entry *e, int index, const trm_leave *leave) {
  trm__proposal proposal = search_proposal(s, e, index);
  int32_t *answer = e->answers[0] + (size_t)index * s->S;
  s->proposer->read(&proposal, leave->answer, NULL, answer, NULL);
  if (s->plan.votes) {
    e->ballot[index] = (trm__ballot){answer, leave->solution->q};
    e->ballot_of[index] = *leave->solution;
  }
  if (!search_is_better(e, index, leave->solution)) return;
  memcpy(e->answer, answer, s->S * sizeof *answer);
  e->taker = search_number(e, index);
  e->taken = *leave->solution;
}

/* Without a right answer among the votes they are counted. */
static void search_count_votes(const trm__search *s, trm__search_entry *e) {
  if (!s->plan.votes || e->wave.winner >= 0) return;
  int index = trm__vote(e->ballot, e->wave.count, s->S, s->plan.by);
  if (index < 0) return;
  memcpy(e->answer, e->ballot[index].answer, s->S * sizeof *e->answer);
  e->taker = index + 1;
  e->taken = e->ballot_of[index];
}

/* The puzzle leaves. place: of the plain trajectory, when its chain is leaving at this moment, else NULL. */
static void search_decide(trm__search *s, trm__search_entry *e, const trm_place *place) {
  const trm_source *source = &s->job->source;
  search_count_votes(s, e);
  trm_solution solution = e->taken;
  solution.steps = (int)trm__wave_total(&e->wave);
  solution.chain = (int)e->taker;
  solution.voter = e->taker ? trm__search_voter(s, (int)(e->taker - e->wave.begun) - 1) : 0;
  solution.chains = (int)(e->wave.begun + e->wave.count);
  solution.chain_steps = e->taken.steps;
  solution.cancelled = e->cancelled || e->expired;
  solution.expired = e->expired;
  s->solved += e->taker != 0;
  s->left++;
  s->entries--;
  source->leave(source->context, &(trm_leave){.puzzle = e->number,
                                              .tag = e->puzzle.tag,
                                              .answer = e->taker ? e->answer : NULL,
                                              .solution = &solution,
                                              .place = place});
  e->number = -1;
}

/* The answers of the wave that has ended are what later chains guess from. */
static void search_keep_guides(trm__search_entry *e) {
  int32_t *before = e->answers[1];
  e->answers[1] = e->answers[0];
  e->answers[0] = before;
  e->guides = e->wave.count;
}

/* No chain of its wave is at work: another wave, or the end. */
static void search_go_on(trm__search *s, trm__search_entry *e, const trm_place *place) {
  int over = e->cancelled || e->expired || e->wave.winner >= 0 || s->plan.votes || search_is_alone(s, &e->puzzle);
  if (!over) search_keep_guides(e);
  if (over || !trm__wave_next(&e->wave, s->plan.side, s->plan.limit)) search_decide(s, e, place);
}

static void search_leave(void *context, const trm_leave *leave) {
  trm__search *s = ((const trm__search_group *)context)->search;
  const trm__search_chain *chain = leave->tag;
  trm__search_entry *e = chain->entry;
  const trm_solution *solution = leave->solution;
  int working = e->wave.chain[chain->index].state == TRM__CHAIN_WORKS, wanted = trm__wave_wants(&e->wave, chain->index);
  if (solution->expired) e->expired = 1;
  else if (solution->cancelled && working && wanted) e->cancelled = 1;
  if (working && solution->cancelled && !wanted) trm__wave_drop(&e->wave, chain->index);
  else if (working) trm__wave_end(&e->wave, chain->index);
  if (leave->answer && e->wave.chain[chain->index].state == TRM__CHAIN_ENDED) search_take(s, e, chain->index, leave);
  e->working--;
  if (e->working > 0 || (!e->cancelled && !e->expired && !trm__wave_is_over(&e->wave))) return;
  search_go_on(s, e, e->wave.begun + chain->index == 0 ? leave->place : NULL);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

/* Puzzles whose chains all waited when the call was stopped. */
static void search_sweep(trm__search *s) {
  for (int i = 0; i < s->room; i++) {
    trm__search_entry *e = &s->entry[i];
    if (e->number < 0) continue;
    e->cancelled = 1;
    search_decide(s, e, NULL);
  }
}

static trm_status search_verdict(const trm__search *s, trm_status status, trm_error *err) {
  int64_t puzzles = s->job->source.puzzles, finished = s->finished;
  if (s->broken) return trm__fail(err, TRM_E_INTERNAL, "search", "invariant %s", s->broken);
  if (status && status != TRM_E_STOPPED) return status;
  if (puzzles < 0 ? s->ended && finished == s->next : finished == puzzles) return TRM_OK;
  if (puzzles < 0) return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld puzzles", (long long)finished);
  return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld of %lld puzzles", (long long)finished,
                   (long long)puzzles);
}

/* The engines, and the job of each. */
static void search_gather(trm__search *s) {
  for (int i = 0; i < s->plan.voters; i++) {
    trm__job *inner = &s->jobs[i];
    s->engines[i] = trm__solver_voter(s->solver, i);
    *inner = (trm__job){.source = trm_source_default(),
                        .progress = search_on_round,
                        .progress_context = s,
                        .event_number = search_event_number};
    inner->source.context = &s->group[i];
    inner->source.next = search_next;
    inner->source.cancelled = search_cancelled;
    inner->source.leave = search_leave;
  }
}

/* What all models did. Rounds of different models have no common measure. */
static void search_add_stats(trm__search *s) {
  trm_solve_stats *all = &s->solver->stats;
  all->puzzles = s->solved;
  for (int i = 1; i < s->plan.voters; i++) {
    const trm_solve_stats *one = &s->engines[i]->stats;
    all->steps += one->steps;
    all->computed += one->computed;
    all->rounds += one->rounds;
    all->full = 0;
    all->predicted = all->measured = 0;
  }
}

/* By what solves chains: the lattice recursion's own, noise, or the networks' steps. */
static trm_status search_compute(trm__search *s, trm_error *err) {
  if (s->solver->deducer) return trm__deducer_run(s->solver->deducer, &s->jobs[0], err);
  if (s->plan.control) return trm__control_run(s->solver, &s->jobs[0], err);
  return trm__engine_run_together(s->engines, s->jobs, s->plan.voters, err);
}

trm_status trm__search_run(trm__search *s, const trm__job *job, trm_error *err) {
  trm_solver *solver = s->solver;
  s->job = job;
  s->cancel = solver->cancel;
  s->next = s->left = s->solved = s->finished = 0;
  s->entries = s->ended = 0;
  s->broken = NULL;
  s->stop = s->cancel && atomic_load(&s->cancel->all);
  solver->cancel = NULL; /* its marks are of puzzles, and the engine would take them for chains' */
  search_gather(s);
  trm_status status = TRM_OK;
  if (!s->stop) status = search_compute(s, err);
  solver->cancel = s->cancel;
  search_add_stats(s);
  if (!s->stop) s->finished = s->left;
  search_sweep(s);
  status = search_verdict(s, status, err);
  s->job = NULL;
  return status;
}
