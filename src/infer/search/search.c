/* The outer source's puzzles become the inner source's chains: see search.h, which has the list of what always holds.
 */
#include "infer/search/search.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "infer/lattice/deducer.h"
#include "infer/request.h"
#include "infer/search/control.h"
#include "infer/search/proposer.h"
#include "infer/search/vote.h"
#include "infer/search/wave.h"

typedef struct search_entry search_entry;

/* What the engine hands back with a chain. */
typedef struct search_chain {
  search_entry *entry;
  int index; /* in its wave */
} search_chain;

struct search_entry {
  trm__search *search;
  int64_t number;    /* of the puzzle in the call; negative: free */
  trm_puzzle puzzle; /* as the source gave it, its tokens in question */
  uint64_t name;     /* of its random numbers */
  int working;       /* chains in the engine */
  int cancelled, expired;
  int64_t taker;      /* the chain whose answer is in answer; 0: none yet */
  trm_solution taken; /* that chain's */
  trm__wave wave;
  search_chain *chain;        /* [most] */
  trm__ballot *ballot;        /* [most]; NULL without votes, as the next two */
  trm_solution *ballot_of;    /* [most] */
  int32_t *answers[2];        /* [most][S]: last answers of the chains of this wave, and of the one before */
  int guides;                 /* how many those of the wave before are */
  int32_t *question, *answer; /* [S] */
};

struct trm__search {
  trm_solver *solver;
  trm__plan plan;
  trm_task task;
  const trm__proposer *proposer;
  size_t S;
  int most, room;      /* chains of the widest wave; entries */
  search_entry *entry; /* [room] */
  int32_t *answer;     /* [S], of the chain that is told of */
  float *confidence;
  trm_task_cell *marks; /* [S]; NULL below level D */
  /* of the call at work */
  const trm__job *job; /* the caller's */
  const trm_cancel *cancel;
  int64_t next, left; /* puzzles that the source gave; that left */
  int64_t finished;   /* of these, before the call was stopped */
  int64_t solved;     /* of these, that took a step */
  int entries, ended;
  int stop;           /* the call is to end */
  const char *broken; /* the invariant that does not hold */
};

/* -- memory -------------------------------------------------------------------------------------------------------- */

static int search_open_entry(trm__search *s, search_entry *e) {
  size_t most = (size_t)s->most;
  e->search = s;
  e->number = -1;
  e->wave.chain = trm__calloc(most, sizeof *e->wave.chain);
  e->chain = trm__calloc(most, sizeof *e->chain);
  e->question = trm__calloc(s->S, sizeof *e->question);
  e->answer = trm__calloc(s->S, sizeof *e->answer);
  if (!e->wave.chain || !e->chain || !e->question || !e->answer) return 0;
  for (int i = 0; i < s->most; i++) e->chain[i] = (search_chain){e, i};
  for (int i = 0; i < 2; i++) {
    e->answers[i] = trm__calloc(most * s->S, sizeof *e->answers[i]);
    if (!e->answers[i]) return 0;
  }
  if (!s->plan.votes) return 1;
  e->ballot = trm__calloc(most, sizeof *e->ballot);
  e->ballot_of = trm__calloc(most, sizeof *e->ballot_of);
  return e->ballot && e->ballot_of;
}

trm_status trm__search_open(trm__search **out, trm_solver *solver, const trm__plan *plan, trm_error *err) {
  trm__search *s = plan->on ? trm__calloc(1, sizeof *s) : NULL;
  if (!plan->on) return TRM_OK;
  if (!s) return trm__fail_memory(err, "search", sizeof *s);
  s->solver = solver;
  s->plan = *plan;
  s->proposer = solver->deducer ? &trm__proposer_names : &trm__proposer_frames;
  s->S = (size_t)solver->model.seq_len;
  s->most = trm__plan_most(plan);
  trm_status status = trm_solver_task(solver, &s->task, err);
  s->entry = trm__calloc((size_t)solver->slots, sizeof *s->entry);
  s->answer = trm__calloc(s->S, sizeof *s->answer);
  s->confidence = trm__calloc(s->S, sizeof *s->confidence);
  if (plan->level >= TRM_LEVEL_D) s->marks = trm__calloc(s->S, sizeof *s->marks);
  int failed = (plan->level >= TRM_LEVEL_D && !s->marks) || !s->entry || !s->answer || !s->confidence;
  for (; !failed && s->room < solver->slots; s->room++) failed = !search_open_entry(s, &s->entry[s->room]);
  if (!status && failed)
    status = trm__fail_memory(err, "search", (size_t)solver->slots * (size_t)s->most * s->S * sizeof *s->answer);
  if (status) trm__search_close(&s);
  else *out = s;
  return status;
}

void trm__search_close(trm__search **search) {
  trm__search *s = search ? *search : NULL;
  if (!s) return;
  for (int i = 0; s->entry && i < s->solver->slots; i++) {
    search_entry *e = &s->entry[i];
    void *owned[] = {e->wave.chain, e->chain,      e->ballot,   e->ballot_of,
                     e->answers[0], e->answers[1], e->question, e->answer};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) trm__free(owned[k]);
  }
  trm__free(s->entry);
  trm__free(s->answer);
  trm__free(s->confidence);
  trm__free(s->marks);
  trm__free(s);
  *search = NULL;
}

const trm__plan *trm__search_plan(const trm__search *search) {
  return &search->plan;
}

/* -- a puzzle comes ------------------------------------------------------------------------------------------------ */

static int64_t search_budget(const trm__search *s, const trm_puzzle *p, int64_t limit) {
  if (p->search == TRM_SEARCH_OFF || (s->plan.judged && p->rules == TRM_RULES_IGNORE)) return limit;
  int64_t budget = p->search > 0 && !s->plan.votes ? p->search : s->plan.budget;
  return budget < limit * s->plan.first ? limit * s->plan.first : budget;
}

static void search_enter(trm__search *s, search_entry *e, int64_t number, const trm_puzzle *puzzle) {
  int alone =
      puzzle->search == TRM_SEARCH_OFF || (s->plan.judged && !s->plan.votes && puzzle->rules == TRM_RULES_IGNORE);
  int first = alone ? 1 : s->plan.first;
  int64_t limit = puzzle->max_steps ? puzzle->max_steps : s->plan.start;
  if (s->solver->deducer && puzzle->search >= first) limit = puzzle->search / first; /* its chains share it evenly */
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
  trm__wave_first(&e->wave, search_budget(s, puzzle, limit), first, limit);
  s->entries++;
}

/* The halting head says right, and is heeded. */
static int search_says_right(const trm__search *s, const search_entry *e, float q) {
  const trm_solver_config *c = &s->solver->config;
  double threshold = c->halt ? c->halt_threshold : (double)INFINITY;
  return (double)q > (isnan(e->puzzle.halt_threshold) ? threshold : e->puzzle.halt_threshold);
}

static search_entry *search_free_entry(trm__search *s) {
  for (int i = 0; i < s->room; i++)
    if (s->entry[i].number < 0) return &s->entry[i];
  return NULL;
}

/* The source's next puzzle that fits gets an entry, which is returned. NULL: none now, or no more. */
static search_entry *search_ask(trm__search *s, int wait) {
  const trm_source *source = &s->job->source;
  search_entry *e = search_free_entry(s);
  while (e && !s->ended) {
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = e->question;
    trm_source_answer answer = source->next(source->context, s->next, wait, &puzzle);
    s->ended = answer == TRM_SOURCE_END || (wait && answer == TRM_SOURCE_NONE);
    if (answer != TRM_SOURCE_PUZZLE) return NULL;
    int64_t number = s->next++;
    trm_error error = {0};
    const trm_solution refused = {.cancelled = 1, .refused = 1};
    if (!trm__request_check(s->solver, number, &puzzle, &error)) {
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

static trm__proposal search_proposal(const trm__search *s, const search_entry *e, int index) {
  return (trm__proposal){.plan = &s->plan,
                         .task = &s->task,
                         .question = e->question,
                         .cells = s->S,
                         .seed = (uint64_t)s->solver->config.seed,
                         .name = e->name,
                         .chain = e->wave.begun + index + 1,
                         .guide = e->answers[1],
                         .guides = e->guides,
                         .room = s->answer,
                         .marks = s->marks};
}

/* Whether the step's answer ends the search: rules say that it is right, or, where they are not asked, the halting head
 * says so. */
static int search_is_right(const trm__search *s, const search_entry *e, const trm_step *step) {
  if (s->plan.judged) return step->checked && step->correct;
  return search_says_right(s, e, step->q) && (!s->plan.votes || s->plan.by == TRM_VOTE_FIRST);
}

/* Shows the callback of the call and the puzzle's own what a chain's step gave. */
static int search_tell(trm__search *s, const search_entry *e, const trm_step *inner, int64_t chain) {
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
  search_chain *chain = context;
  search_entry *e = chain->entry;
  trm__search *s = e->search;
  trm__proposal proposal = search_proposal(s, e, chain->index);
  trm__wave_step(&e->wave, chain->index, step->step, search_is_right(s, e, step));
  if (s->stop || (!s->job->step && !e->puzzle.watch)) return TRM_STEP_ON;
  s->proposer->read(&proposal, step->answer, step->confidence, s->answer, s->confidence);
  int answer = search_tell(s, e, step, proposal.chain);
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
  const trm__search *s = context;
  const search_chain *chain = tag;
  search_entry *e = chain->entry;
  const trm_source *source = &s->job->source;
  (void)number;
  if (s->cancel && e->number < s->cancel->puzzles && atomic_load(&s->cancel->puzzle[e->number])) e->cancelled = 1;
  if (source->cancelled && source->cancelled(source->context, e->number, e->puzzle.tag)) e->cancelled = 1;
  return e->cancelled || e->expired || !trm__wave_wants(&e->wave, chain->index);
}

/* -- chains go into the engine ------------------------------------------------------------------------------------- */

static int search_waiting(const search_entry *e) {
  return e->number < 0 || e->cancelled || e->expired ? -1 : trm__wave_waiting(&e->wave);
}

/* Of the entries with a chain that waits the one with the highest priority, of these the oldest. */
static search_entry *search_choose(trm__search *s) {
  search_entry *best = NULL;
  for (int i = 0; i < s->room; i++) {
    search_entry *e = &s->entry[i];
    if (search_waiting(e) < 0) continue;
    if (!best || e->puzzle.priority > best->puzzle.priority ||
        (e->puzzle.priority == best->puzzle.priority && e->number < best->number))
      best = e;
  }
  return best;
}

static trm_source_answer search_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  trm__search *s = context;
  (void)number;
  search_entry *e = search_choose(s);
  if (!e) e = search_ask(s, wait && s->entries == 0);
  if (!e) return s->ended && s->entries == 0 ? TRM_SOURCE_END : TRM_SOURCE_NONE;
  int index = search_waiting(e);
  int32_t *room = puzzle->tokens;
  trm__proposal proposal = search_proposal(s, e, index);
  *puzzle = e->puzzle;
  puzzle->tokens = room;
  puzzle->noise_name = e->name;
  puzzle->max_steps = e->wave.chain[index].limit;
  puzzle->watch = search_watch;
  puzzle->watch_context = &e->chain[index];
  puzzle->tag = &e->chain[index];
  if (s->plan.judged && puzzle->rules == TRM_RULES_SOLVER && puzzle->search != TRM_SEARCH_OFF)
    puzzle->rules = TRM_RULES_HALT;
  s->proposer->begin(&proposal, puzzle);
  trm__wave_enter(&e->wave, index);
  e->working++;
  return TRM_SOURCE_PUZZLE;
}

static int64_t search_event_number(void *context, void *tag) {
  const search_chain *chain = tag;
  (void)context;
  return chain->entry->number;
}

/* -- a chain leaves the engine ------------------------------------------------------------------------------------- */

/* Of the chains that have ended the winner's answer is taken, else the one with the larger q, of equal ones the
 * earlier: an order that does not depend on when they end. */
static int search_is_better(const search_entry *e, int index, const trm_solution *solution) {
  int64_t chain = e->wave.begun + index + 1, winner = e->wave.winner < 0 ? 0 : e->wave.begun + e->wave.winner + 1;
  if (!e->taker || winner == chain) return 1;
  if (winner == e->taker) return 0;
  if (!(solution->q <= e->taken.q)) return e->taken.q == e->taken.q || solution->q == solution->q;
  return solution->q == e->taken.q && chain < e->taker;
}

static void search_take(trm__search *s, search_entry *e, int index, const trm_leave *leave) {
  trm__proposal proposal = search_proposal(s, e, index);
  int32_t *answer = e->answers[0] + (size_t)index * s->S;
  s->proposer->read(&proposal, leave->answer, NULL, answer, NULL);
  if (s->plan.votes) {
    e->ballot[index] = (trm__ballot){answer, leave->solution->q};
    e->ballot_of[index] = *leave->solution;
  }
  if (!search_is_better(e, index, leave->solution)) return;
  memcpy(e->answer, answer, s->S * sizeof *answer);
  e->taker = proposal.chain;
  e->taken = *leave->solution;
}

/* Without a right answer among the votes they are counted. */
static void search_count_votes(const trm__search *s, search_entry *e) {
  if (!s->plan.votes || e->wave.winner >= 0) return;
  int index = trm__vote(e->ballot, e->wave.count, s->S, s->plan.by);
  if (index < 0) return;
  memcpy(e->answer, e->ballot[index].answer, s->S * sizeof *e->answer);
  e->taker = index + 1;
  e->taken = e->ballot_of[index];
}

/* The puzzle leaves. place: of the plain trajectory, when its chain is leaving at this moment, else NULL. */
static void search_decide(trm__search *s, search_entry *e, const trm_place *place) {
  const trm_source *source = &s->job->source;
  search_count_votes(s, e);
  trm_solution solution = e->taken;
  solution.steps = (int)trm__wave_total(&e->wave);
  solution.chain = (int)e->taker;
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
static void search_keep_guides(search_entry *e) {
  int32_t *before = e->answers[1];
  e->answers[1] = e->answers[0];
  e->answers[0] = before;
  e->guides = e->wave.count;
}

/* No chain of its wave is at work: another wave, or the end. */
static void search_go_on(trm__search *s, search_entry *e, const trm_place *place) {
  int over = e->cancelled || e->expired || e->wave.winner >= 0 || s->plan.votes;
  if (!over) search_keep_guides(e);
  if (over || !trm__wave_next(&e->wave, s->plan.side, s->plan.limit)) search_decide(s, e, place);
}

static void search_leave(void *context, const trm_leave *leave) {
  trm__search *s = context;
  const search_chain *chain = leave->tag;
  search_entry *e = chain->entry;
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
    search_entry *e = &s->entry[i];
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

/* By what solves chains: the lattice recursion's own, noise, or the network's steps. */
static trm_status search_compute(trm__search *s, const trm__job *chains, trm_error *err) {
  if (s->solver->deducer) return trm__deducer_run(s->solver->deducer, chains, err);
  return s->plan.control ? trm__control_run(s->solver, chains, err) : trm__engine_run(s->solver, chains, err);
}

trm_status trm__search_run(trm__search *s, const trm__job *job, trm_error *err) {
  trm_solver *solver = s->solver;
  trm__job inner = {.source = trm_source_default(),
                    .progress = search_on_round,
                    .progress_context = s,
                    .event_number = search_event_number};
  inner.source.context = s;
  inner.source.next = search_next;
  inner.source.cancelled = search_cancelled;
  inner.source.leave = search_leave;
  s->job = job;
  s->cancel = solver->cancel;
  s->next = s->left = s->solved = s->finished = 0;
  s->entries = s->ended = s->stop = 0;
  s->broken = NULL;
  s->stop = s->cancel && atomic_load(&s->cancel->all);
  solver->cancel = NULL; /* its marks are of puzzles, and the engine would take them for chains' */
  trm_status status = TRM_OK;
  if (!s->stop) status = search_compute(s, &inner, err);
  solver->cancel = s->cancel;
  solver->stats.puzzles = s->solved;
  if (!s->stop) s->finished = s->left;
  search_sweep(s);
  status = search_verdict(s, status, err);
  s->job = NULL;
  return status;
}

/* -- for tests ----------------------------------------------------------------------------------------------------- */

const char *trm__search_check(const trm__search *s) {
  int entries = 0;
  for (int i = 0; i < s->room; i++) {
    const search_entry *e = &s->entry[i];
    int working = 0;
    if (e->number < 0) continue;
    entries++;
    if (e->number >= s->next) return "5: an entry of a puzzle that has not come";
    for (int k = 0; k < e->wave.count; k++) working += e->wave.chain[k].state == TRM__CHAIN_WORKS;
    if (e->working < working || e->working > e->wave.count) return "3: chains in the engine are not those at work";
    if (!e->working && search_waiting(e) < 0) return "1: an entry without a chain is not decided";
    const char *broken = trm__wave_check(&e->wave);
    if (broken) return broken;
  }
  if (entries != s->entries || s->left + entries != s->next)
    return "5: puzzles that left and entries are not those that came";
  return NULL;
}
