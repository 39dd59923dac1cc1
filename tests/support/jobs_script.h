/* Random work for a journal, the same for a seed, and what may be found after the process or the power went: rounds of
 * a few operations in one group, each answer compared with the model's. What was acknowledged is in `sure`. What was
 * not, and may yet be found, is in `maybe`: one model for each way in which it may have happened, always whole
 * operations. */
#ifndef TRM_TESTS_SUPPORT_JOBS_SCRIPT_H
#define TRM_TESTS_SUPPORT_JOBS_SCRIPT_H

#include "support/crash_vfs.h"
#include "support/journal.h"

enum { SCRIPT_GROUP = 5, SCRIPT_MAYBE = SCRIPT_GROUP + 2 };

typedef struct script {
  unsigned long long seed, random;
  int serial, last; /* last: 0, or which of maybe was found */
  model sure, maybe[SCRIPT_MAYBE];
  int maybe_count;
} script;

static inline unsigned script_random(script *s, unsigned below) {
  unsigned long long z = s->random += 0x9e3779b97f4a7c15ull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return (unsigned)((z ^ z >> 31) >> 33) % below;
}

static inline int script_chance(script *s, unsigned percent) {
  return script_random(s, 100) < percent;
}

static inline void script_begin(script *s, unsigned long long seed, const trm__journal_config *config) {
  memset(s, 0, sizeof *s);
  s->seed = s->random = seed;
  s->sure.kills = config->kills;
  s->sure.deaths = config->deaths;
  s->sure.keep = config->keep_ms;
  s->sure.open_limit = config->open_limit;
  atomic_store(journal_time(), 1700000000000);
}

static inline const model_job *script_pick(script *s) {
  return s->sure.count ? &s->sure.job[script_random(s, (unsigned)s->sure.count)] : NULL;
}

static inline void script_make_submit(script *s, model_op *op) {
  const model_job *other = script_chance(s, 30) ? script_pick(s) : NULL;
  long long now = atomic_load(journal_time());
  op->kind = TRM__REQUEST_SUBMIT;
  op->priority = (int)script_random(s, 4) - 1;
  op->start = script_chance(s, 25);
  if (script_chance(s, 30)) op->deadline = now + (int)script_random(s, 4000) - 500;
  snprintf(op->what, MODEL_TEXT, "t%d", ++s->serial);
  snprintf(op->owner, MODEL_TEXT, "%s", script_chance(s, 50) ? "ada" : "");
  snprintf(op->body, MODEL_TEXT, "body %d", s->serial);
  if (script_chance(s, 60)) snprintf(op->key, MODEL_TEXT, "k%d", s->serial);
  if (!other || !other->key[0]) return;
  strcpy(op->owner, other->owner);
  strcpy(op->key, other->key);
  if (script_chance(s, 15)) return; /* another kind and body */
  strcpy(op->what, other->kind);
  if (!script_chance(s, 30)) strcpy(op->body, other->submitted);
}

static inline void script_make(script *s, model_op *op) {
  static const trm__request_kind kinds[] = {TRM__REQUEST_FINISH,  TRM__REQUEST_FINISH,  TRM__REQUEST_FAIL,
                                            TRM__REQUEST_CRASHED, TRM__REQUEST_CRASHED, TRM__REQUEST_CRASHED,
                                            TRM__REQUEST_RETURN,  TRM__REQUEST_CANCEL,  TRM__REQUEST_GET};
  unsigned what = script_random(s, 100);
  memset(op, 0, sizeof *op);
  const model_job *job = what >= 60 ? script_pick(s) : NULL;
  for (int i = 0; job && job->state != TRM__JOB_RUNNING && i < 3; i++) job = script_pick(s);
  if (what < 40 || (what >= 60 && !job)) {
    script_make_submit(s, op);
  } else if (what < 60) {
    op->kind = TRM__REQUEST_TAKE;
    op->limit = script_random(s, 4);
  } else {
    op->kind = kinds[script_random(s, sizeof kinds / sizeof *kinds)];
    op->attempt = job->attempts - script_chance(s, 15) + script_chance(s, 5);
    if (!script_chance(s, 5)) memcpy(op->id, job->id, sizeof op->id);
    snprintf(op->reason, MODEL_TEXT, "engine");
    if (script_chance(s, 80)) snprintf(op->body, MODEL_TEXT, "result %d", ++s->serial);
  }
}

static inline void script_may_be(script *s, const model_op *ops, size_t count, long long now) {
  if (s->maybe_count == SCRIPT_MAYBE) return;
  model *m = &s->maybe[s->maybe_count];
  int changed, any = 0;
  *m = s->sure;
  for (size_t i = 0; i < count; i++) {
    model_answer ignored;
    model_apply(m, &ops[i], now, &ignored, &changed);
    any |= changed;
  }
  s->maybe_count += any;
}

/* One round. Returns how many operations failed. */
static inline size_t script_round(script *s, trm__journal *journal) {
  static model_op ops[SCRIPT_GROUP];
  static model_answer got[SCRIPT_GROUP];
  size_t count = 1 + script_random(s, SCRIPT_GROUP), failed = 0;
  if (script_chance(s, 50)) atomic_fetch_add(journal_time(), (int)script_random(s, 3000));
  long long now = atomic_load(journal_time());
  for (size_t i = 0; i < count; i++) script_make(s, &ops[i]);
  journal_ask_group(journal, ops, count, got);
  for (size_t i = 0; i < count; i++) failed += got[i].status != 0;
  if (failed) s->maybe_count = 0;
  if (failed && count > 1) script_may_be(s, ops, count, now); /* until something is written over it */
  for (size_t i = 0; i < count; i++) {
    static model_answer expected;
    int changed;
    if (got[i].status) {
      script_may_be(s, &ops[i], 1, now);
      continue;
    }
    model_apply(&s->sure, &ops[i], now, &expected, &changed);
    if (changed) s->maybe_count = 0;
    const char *what = model_answer_differs(&s->sure, &ops[i], &expected, &got[i]);
    if (what)
      fail_msg("seed %llu, operation %d: the journal answers otherwise than the model: %s (outcome %d, expected %d)",
               s->seed, (int)ops[i].kind, what, (int)got[i].outcome, (int)expected.outcome);
  }
  return failed;
}

/* After a new start: what is there must be what is sure, or one of what may be. */
static inline void script_recover(script *s, trm__journal *journal, const char *when) {
  static journal_seen seen;
  static model m;
  long long now = atomic_load(journal_time());
  const char *first = NULL;
  journal_see(journal, &seen);
  for (int i = 0; i <= s->maybe_count; i++) {
    m = i ? s->maybe[i - 1] : s->sure;
    model_restart(&m, now);
    const char *what = journal_differs(&seen, &m, now);
    if (!first) first = what;
    if (what) continue;
    journal_learn_ids(&seen, &m);
    s->sure = m;
    s->maybe_count = 0;
    s->last = i;
    journal_check(journal, &s->sure, when);
    return;
  }
  fail_msg("seed %llu, %s: %d jobs are there, nothing that was or may be acknowledged: %s (%d jobs are sure, %d ways)",
           s->seed, when, seen.count, first, s->sure.count, s->maybe_count);
}

#endif
