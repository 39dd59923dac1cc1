/* The state machine of proc/supervisor.h. Events only set marks on children: `wanted` (to be started) and `stop` (to be
 * stopped). trm__supervisor_next looks for a mark whose turn has come, or for a deadline that is over, and does the one
 * transition that belongs to it. So whatever happens while a group is being restarted just adds marks. */
#include "proc/supervisor.h"

#include <string.h>

#include "base/rng.h"
#include "base/status.h"

#define MOST_MS ((int64_t)1 << 40)

int trm__child_is_alive(const trm__child *child) {
  return child->state >= TRM__CHILD_STARTING;
}

static int64_t supervisor_after(int64_t now, int64_t span) {
  return span == TRM__NEVER ? TRM__NEVER : now + span;
}

static void supervisor_set_now(trm__supervisor *s, int64_t now) {
  if (now > s->now) s->now = now;
}

/* -- configuration -- */

trm__supervisor_config trm__supervisor_config_default(trm__strategy strategy, uint64_t seed) {
  return (trm__supervisor_config){.strategy = strategy,
                                  .restarts = 5,
                                  .period_ms = 60000,
                                  .backoff_ms = 200,
                                  .backoff_most_ms = 10000,
                                  .seed = seed};
}

trm__child_rule trm__child_rule_default(void) {
  return (trm__child_rule){.restart = TRM__PERMANENT, .start_ms = 30000, .shutdown_ms = 10000};
}

static trm_status supervisor_check_span(int64_t span, int64_t least, int never, const char *name, trm_error *err) {
  if ((span >= least && span <= MOST_MS) || (never && span == TRM__NEVER)) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, name, "is %lld ms, expected %lld to %lld", (long long)span, (long long)least,
                   (long long)MOST_MS);
}

trm_status trm__supervisor_init(trm__supervisor *s, const trm__supervisor_config *config, trm_error *err) {
  if (config->restarts < 0 || config->restarts > TRM__MOST_RESTARTS)
    return trm__fail(err, TRM_E_USAGE, "restarts", "is %d, expected 0 to %d", config->restarts, TRM__MOST_RESTARTS);
  trm_status status = supervisor_check_span(config->period_ms, 1, 0, "period_ms", err);
  if (!status) status = supervisor_check_span(config->backoff_ms, 0, 0, "backoff_ms", err);
  if (!status) status = supervisor_check_span(config->backoff_most_ms, config->backoff_ms, 0, "backoff_most_ms", err);
  if (status) return status;
  memset(s, 0, sizeof *s);
  s->config = *config;
  s->gave_up = -1;
  return TRM_OK;
}

static trm_status supervisor_find_place(const trm__supervisor *s, int *place, trm_error *err) {
  int ordered = s->config.strategy != TRM__ONE_FOR_ONE || s->phase == TRM__PHASE_IDLE;
  int p = ordered ? s->places : s->configured;
  while (p < s->places && s->child[p].state) p++;
  if (p >= TRM__PLACES)
    return trm__fail(err, TRM_E_BUSY, NULL, "all %d places for children are taken: retire one first", TRM__PLACES);
  *place = p;
  return TRM_OK;
}

trm_status trm__supervisor_add(trm__supervisor *s, const trm__child_rule *rule, int *place, trm_error *err) {
  if (s->phase >= TRM__PHASE_ENDING) return trm__fail(err, TRM_E_STOPPED, NULL, "the supervisor is ending");
  int p = 0;
  trm_status status = supervisor_check_span(rule->start_ms, 0, 1, "start_ms", err);
  if (!status) status = supervisor_check_span(rule->shutdown_ms, 0, 1, "shutdown_ms", err);
  if (!status) status = supervisor_check_span(rule->heartbeat_ms, 0, 0, "heartbeat_ms", err);
  if (!status) status = supervisor_find_place(s, &p, err);
  if (status) return status;
  s->child[p] = (trm__child){.rule = *rule, .state = TRM__CHILD_DOWN, .up_since = TRM__NEVER};
  s->child[p].wanted = s->phase == TRM__PHASE_RUNNING;
  if (s->phase == TRM__PHASE_IDLE) s->configured = p + 1;
  if (p >= s->places) s->places = p + 1;
  *place = p;
  return TRM_OK;
}

void trm__supervisor_start(trm__supervisor *s, int64_t now) {
  if (s->phase == TRM__PHASE_RUNNING || s->phase == TRM__PHASE_ENDING) return;
  supervisor_set_now(s, now);
  for (s->places = 0; s->places < s->configured; s->places++) {
    trm__child *c = &s->child[s->places];
    *c = (trm__child){.rule = c->rule, .state = TRM__CHILD_DOWN, .wanted = 1, .up_since = TRM__NEVER};
  }
  memset(s->child + s->places, 0, (size_t)(TRM__PLACES - s->places) * sizeof *s->child);
  s->notes = 0;
  s->killing = 0;
  s->gave_up = -1;
  s->phase = TRM__PHASE_RUNNING;
}

/* -- ends of children -- */

/* The rule of a configured child stays, for the next start. */
static void supervisor_free_place(trm__supervisor *s, int place) {
  trm__child *c = &s->child[place];
  if (place < s->configured) *c = (trm__child){.rule = c->rule};
  else *c = (trm__child){0};
  while (s->places > s->configured && !s->child[s->places - 1].state) s->places--;
}

static void supervisor_end_all(trm__supervisor *s) {
  for (int p = 0; p < s->places; p++) {
    s->child[p].wanted = 0;
    s->child[p].stop = trm__child_is_alive(&s->child[p]);
  }
  s->phase = s->alive ? TRM__PHASE_ENDING : TRM__PHASE_ENDED;
}

/* One more restart; 1 when it is one too many. */
static int supervisor_note(trm__supervisor *s) {
  int old = 0;
#ifdef TRM_PLANT_101
  while (old < s->notes && s->now - s->note[old] >= s->config.period_ms) old++;
#else
  while (old < s->notes && s->now - s->note[old] > s->config.period_ms) old++;
#endif
  s->notes -= old;
  memmove(s->note, s->note + old, (size_t)s->notes * sizeof *s->note);
  s->note[s->notes++] = s->now;
  s->restarts++;
#ifdef TRM_PLANT_102
  if (s->notes == s->config.restarts) return 1; /* N give up */
#endif
  return s->notes > s->config.restarts;
}

static int64_t supervisor_backoff(const trm__supervisor *s, const trm__child *c) {
  int64_t wait = s->config.backoff_ms;
  if (!wait) return 0;
  for (int k = 1; k < c->streak && wait < s->config.backoff_most_ms; k++) wait *= 2;
  if (wait > s->config.backoff_most_ms) wait = s->config.backoff_most_ms;
  trm__rng rng = trm__rng_make(s->config.seed, TRM__RNG_BACKOFF, s->restarts);
  return wait - (int64_t)(0.5 * trm__rng_unit(&rng) * (double)wait);
}

/* The child at place is started again, and with it whom the strategy says. */
static void supervisor_restart(trm__supervisor *s, int place) {
  int first = s->config.strategy == TRM__ONE_FOR_ALL ? 0 : place;
  int end = s->config.strategy == TRM__ONE_FOR_ONE ? place + 1 : s->places;
  for (int p = first; p < end; p++) {
    trm__child *c = &s->child[p];
    if (!c->state) continue;
    c->stop = trm__child_is_alive(c);
    int again = c->rule.restart != TRM__TEMPORARY && !c->retired;
#ifdef TRM_PLANT_106
    again = !c->retired;
#endif
    if (again) c->wanted = 1;
  }
}

static void supervisor_give_up(trm__supervisor *s, int place, trm__end end) {
  s->gave_up = place;
  s->gave_up_end = end;
  supervisor_end_all(s);
}

/* A child's own end, while it was to run. */
static void supervisor_failed(trm__supervisor *s, int place, trm__end end, int was_starting) {
  trm__child *c = &s->child[place];
  if (c->rule.restart == TRM__TEMPORARY) return;
#ifndef TRM_PLANT_103
  if (c->rule.restart == TRM__TRANSIENT && end == TRM__END_NORMAL) return;
#endif
  if (end == TRM__END_HOPELESS && was_starting) {
    supervisor_give_up(s, place, TRM__END_HOPELESS);
    return;
  }
  int too_many = supervisor_note(s);
#ifdef TRM_PLANT_104
  if (was_starting) too_many = 0;
#endif
  if (too_many) {
    supervisor_give_up(s, place, TRM__END_FAILED);
    return;
  }
  if (c->up_since != TRM__NEVER && s->now - c->up_since >= s->config.period_ms) c->streak = 0;
  c->streak++;
  c->not_before = s->now + supervisor_backoff(s, c);
#ifdef TRM_PLANT_111
  c->not_before = s->now;
#endif
  supervisor_restart(s, place);
}

void trm__supervisor_exited(trm__supervisor *s, int place, trm__end end, int64_t now) {
  if (place < 0 || place >= s->places || !trm__child_is_alive(&s->child[place])) return;
  supervisor_set_now(s, now);
  trm__child *c = &s->child[place];
  int expected = c->stop, was_starting = c->state == TRM__CHILD_STARTING;
#ifdef TRM_PLANT_105
  expected = 0;
#endif
  c->state = TRM__CHILD_DOWN;
  c->stop = 0;
  s->alive--;
  if (c->retired) supervisor_free_place(s, place);
  else if (s->phase == TRM__PHASE_RUNNING && !expected) supervisor_failed(s, place, end, was_starting);
  if (s->phase == TRM__PHASE_ENDING && !s->alive) s->phase = TRM__PHASE_ENDED;
}

/* -- other events -- */

static trm__child *supervisor_child(trm__supervisor *s, int place, int64_t now) {
  supervisor_set_now(s, now);
  return place >= 0 && place < s->places ? &s->child[place] : NULL;
}

static void supervisor_expect_beat(const trm__supervisor *s, trm__child *c) {
  c->deadline = c->rule.heartbeat_ms ? s->now + c->rule.heartbeat_ms : TRM__NEVER;
}

static void supervisor_up(trm__supervisor *s, trm__child *c) {
  c->state = TRM__CHILD_UP;
  c->was_up = 1;
  c->up_since = s->now;
  supervisor_expect_beat(s, c);
}

void trm__supervisor_ready(trm__supervisor *s, int place, int64_t now) {
  trm__child *c = supervisor_child(s, place, now);
  if (c && c->state == TRM__CHILD_STARTING) supervisor_up(s, c);
}

void trm__supervisor_beat(trm__supervisor *s, int place, int64_t now) {
  trm__child *c = supervisor_child(s, place, now);
  if (c && c->state == TRM__CHILD_UP) supervisor_expect_beat(s, c);
}

void trm__supervisor_woke(trm__supervisor *s, int64_t now) {
  supervisor_set_now(s, now);
  for (int p = 0; p < s->places; p++) {
    trm__child *c = &s->child[p];
    if (c->state == TRM__CHILD_STARTING) c->deadline = supervisor_after(s->now, c->rule.start_ms);
    if (c->state == TRM__CHILD_UP) supervisor_expect_beat(s, c);
    if (c->state == TRM__CHILD_STOPPING) c->deadline = supervisor_after(s->now, c->rule.shutdown_ms);
  }
}

void trm__supervisor_retire(trm__supervisor *s, int place, int64_t now) {
  trm__child *c = supervisor_child(s, place, now);
  if (!c || !c->state || s->phase == TRM__PHASE_IDLE) return;
  c->retired = 1;
  c->wanted = 0;
  c->stop = trm__child_is_alive(c);
  if (!c->stop) supervisor_free_place(s, place);
}

void trm__supervisor_stop(trm__supervisor *s, int64_t now) {
  supervisor_set_now(s, now);
  if (s->phase == TRM__PHASE_RUNNING || s->phase == TRM__PHASE_IDLE) supervisor_end_all(s);
}

void trm__supervisor_kill(trm__supervisor *s, int64_t now) {
  trm__supervisor_stop(s, now);
  s->killing = 1;
}

/* -- what to do -- */

static int supervisor_is_ordered(const trm__supervisor *s) {
  return s->config.strategy != TRM__ONE_FOR_ONE || s->phase == TRM__PHASE_ENDING;
}

static int supervisor_may_stop(const trm__supervisor *s, int place) {
  int ordered = supervisor_is_ordered(s);
#ifdef TRM_PLANT_107
  ordered = s->phase == TRM__PHASE_ENDING;
#endif
  if (!ordered) return 1;
  for (int p = place + 1; p < s->places; p++)
    if (s->child[p].stop) return 0;
  return 1;
}

/* Whether it is this child's turn, but for its time. */
static int supervisor_may_start(const trm__supervisor *s, int place) {
  const trm__child *child = &s->child[place];
  if (child->state != TRM__CHILD_DOWN || !child->wanted) return 0;
  int alone = s->config.strategy == TRM__ONE_FOR_ONE;
  if (alone && (child->was_up || place >= s->configured)) return 1;
  for (int p = 0; p < place; p++) {
    const trm__child *c = &s->child[p];
    if (alone && c->was_up) continue;
#ifdef TRM_PLANT_108
    if (c->state == TRM__CHILD_STARTING) continue; /* not waiting until it is ready */
#endif
    if (c->wanted || (trm__child_is_alive(c) && c->state != TRM__CHILD_UP)) return 0;
  }
  for (int p = 0; p < s->places && !alone; p++)
    if (s->child[p].stop) return 0;
  return 1;
}

static int supervisor_order(trm__order *order, trm__order_kind kind, int place, const char *why) {
  *order = (trm__order){.kind = kind, .place = place, .why = why};
  return 1;
}

static const char *supervisor_why_kill(const trm__supervisor *s, int place) {
  const trm__child *c = &s->child[place];
  if (c->state == TRM__CHILD_KILLED) return NULL;
  if (s->killing) return "all are to end at once";
  if (s->now >= c->deadline) {
#ifndef TRM_PLANT_109
    if (c->state == TRM__CHILD_STOPPING) return "its shutdown time is over";
#endif
    if (c->state == TRM__CHILD_STARTING) return "it was not ready in time";
    if (c->state == TRM__CHILD_UP) return "its heartbeat stopped";
  }
  if (c->stop && c->rule.shutdown_ms == 0 && supervisor_may_stop(s, place)) return "it has no shutdown time";
  return NULL;
}

static int supervisor_stop_one(trm__supervisor *s, int place, trm__order *order) {
  trm__child *c = &s->child[place];
  const char *why = supervisor_why_kill(s, place);
  if (why) {
#ifdef TRM_PLANT_110
    if (c->state == TRM__CHILD_UP && !c->retired)
      c->stop = c->wanted = s->phase == TRM__PHASE_RUNNING; /* not counted */
#endif
    c->state = TRM__CHILD_KILLED;
    return supervisor_order(order, TRM__ORDER_KILL, place, why);
  }
  if (!c->stop || c->state >= TRM__CHILD_STOPPING || !supervisor_may_stop(s, place)) return 0;
  c->state = TRM__CHILD_STOPPING;
  c->deadline = supervisor_after(s->now, c->rule.shutdown_ms);
  why = c->retired ? "it is retired" : s->phase == TRM__PHASE_ENDING ? "all are to end" : "another one has failed";
  return supervisor_order(order, TRM__ORDER_TERM, place, why);
}

static int supervisor_start_one(trm__supervisor *s, int place, trm__order *order) {
  trm__child *c = &s->child[place];
  const char *why = c->starts ? "it is started again" : "it is started";
  c->wanted = 0;
  c->starts++;
  c->gone = c->rule.restart == TRM__TEMPORARY;
  c->state = TRM__CHILD_STARTING;
  c->up_since = TRM__NEVER;
  c->deadline = supervisor_after(s->now, c->rule.start_ms);
  s->alive++;
  if (c->rule.start_ms == 0) supervisor_up(s, c);
  return supervisor_order(order, TRM__ORDER_START, place, why);
}

int trm__supervisor_next(trm__supervisor *s, int64_t now, trm__order *order) {
  supervisor_set_now(s, now);
  if (!s->alive && s->phase != TRM__PHASE_RUNNING) return 0;
  for (int p = s->places - 1; p >= 0; p--)
    if (trm__child_is_alive(&s->child[p]) && supervisor_stop_one(s, p, order)) return 1;
  for (int p = 0; p < s->places; p++)
    if (s->now >= s->child[p].not_before && supervisor_may_start(s, p)) return supervisor_start_one(s, p, order);
  return 0;
}

int64_t trm__supervisor_due(const trm__supervisor *s) {
  int64_t due = TRM__NEVER;
  for (int p = 0; p < s->places; p++) {
    const trm__child *c = &s->child[p];
    int64_t time = TRM__NEVER;
    if (trm__child_is_alive(c) && c->state != TRM__CHILD_KILLED) time = c->deadline;
    else if (supervisor_may_start(s, p)) time = c->not_before;
    if (time < due) due = time;
  }
  return due;
}

int trm__supervisor_is_up(const trm__supervisor *s) {
  if (s->phase != TRM__PHASE_RUNNING) return 0;
  for (int p = 0; p < s->configured; p++) {
    const trm__child *c = &s->child[p];
    if (!c->was_up && (c->wanted || (trm__child_is_alive(c) && !c->stop))) return 0;
  }
  return 1;
}
