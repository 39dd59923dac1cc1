/* Memory of a search, and the list of what always holds of it: see entry.h. */
#include "infer/search/entry.h"

#include "base/mem.h"
#include "base/status.h"

static int entry_open(trm__search *s, trm__search_entry *e) {
  size_t most = (size_t)s->most;
  e->search = s;
  e->number = -1;
  e->wave.chain = trm__calloc(most, sizeof *e->wave.chain);
  e->chain = trm__calloc(most, sizeof *e->chain);
  e->question = trm__calloc(s->S, sizeof *e->question);
  e->answer = trm__calloc(s->S, sizeof *e->answer);
  if (!e->wave.chain || !e->chain || !e->question || !e->answer) return 0;
  for (int i = 0; i < s->most; i++) e->chain[i] = (trm__search_chain){e, i};
  for (int i = 0; i < 2; i++) {
    e->answers[i] = trm__calloc(most * s->S, sizeof *e->answers[i]);
    if (!e->answers[i]) return 0;
  }
  if (!s->plan.votes) return 1;
  e->ballot = trm__calloc(most, sizeof *e->ballot);
  e->ballot_of = trm__calloc(most, sizeof *e->ballot_of);
  return e->ballot && e->ballot_of;
}

static int entry_open_groups(trm__search *s) {
  size_t voters = (size_t)s->plan.voters;
  s->group = trm__calloc(voters, sizeof *s->group);
  s->engines = trm__calloc(voters, sizeof *s->engines);
  s->jobs = trm__calloc(voters, sizeof *s->jobs);
  if (!s->group || !s->engines || !s->jobs) return 0;
  for (int i = 0; i < s->plan.voters; i++) s->group[i] = (trm__search_group){s, i};
  return 1;
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
  if (!failed) failed = !entry_open_groups(s);
  for (; !failed && s->room < solver->slots; s->room++) failed = !entry_open(s, &s->entry[s->room]);
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
    trm__search_entry *e = &s->entry[i];
    void *owned[] = {e->wave.chain, e->chain,      e->ballot,   e->ballot_of,
                     e->answers[0], e->answers[1], e->question, e->answer};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) trm__free(owned[k]);
  }
  void *owned[] = {s->entry, s->answer, s->confidence, s->marks, s->group, s->engines, s->jobs};
  for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) trm__free(owned[k]);
  trm__free(s);
  *search = NULL;
}

const trm__plan *trm__search_plan(const trm__search *search) {
  return &search->plan;
}

int trm__search_voter(const trm__search *s, int index) {
  return s->plan.voters > 1 ? index / s->plan.share : 0;
}

int trm__search_waiting(const trm__search_entry *e, int voter) {
  const trm__plan *plan = &e->search->plan;
  int of_all = voter < 0 || plan->voters == 1, first = of_all ? 0 : voter * plan->share;
  if (e->number < 0 || e->cancelled || e->expired) return -1;
  return trm__wave_waiting(&e->wave, first, of_all ? e->wave.count : first + plan->share);
}

const char *trm__search_check(const trm__search *s) {
  int entries = 0;
  for (int i = 0; i < s->room; i++) {
    const trm__search_entry *e = &s->entry[i];
    int working = 0;
    if (e->number < 0) continue;
    entries++;
    if (e->number >= s->next) return "5: an entry of a puzzle that has not come";
    for (int k = 0; k < e->wave.count; k++) working += e->wave.chain[k].state == TRM__CHAIN_WORKS;
    if (e->working < working || e->working > e->wave.count) return "3: chains in engines are not those at work";
    if (!e->working && trm__search_waiting(e, -1) < 0) return "1: an entry without a chain is not decided";
    const char *broken = trm__wave_check(&e->wave);
    if (broken) return broken;
  }
  if (entries != s->entries || s->left + entries != s->next)
    return "5: puzzles that left and entries are not those that came";
  return NULL;
}
