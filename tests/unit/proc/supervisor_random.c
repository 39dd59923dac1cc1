/* The supervisor on a false clock against a model that was written from the header alone: it keeps the times of all
 * that ever happened, and works out anew after each event what is to be done. Random trees' levels: any strategy, up to
 * nine children of any rule, ends of all kinds at any moment, silences, slow starts, retired and added children,
 * standstills, stops, a second start. After every event the orders must be the same, the invariants must hold, and the
 * supervisor must have given up exactly when the model counts one restart too many.
 *
 * SEQUENCES=100000 runs as many (10,000 by default), SEED=n those from n on. A failure prints its seed. */
#include "support/check.h"

#include "base/rng.h"
#include "proc/supervisor.h"

enum { MOST = 24, EVENTS = 160, HISTORY = 4 * EVENTS, ORDERS = 8 };

static uint64_t seed;
static trm__rng rng;
static struct { long sequences, gave_up, hopeless, exactly_n, starts, terms, kills, silent, late, anew; } seen;

#define EXPECT(condition, ...)                                                                                         \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      print_error(__VA_ARGS__);                                                                                        \
      fail_msg("SEED=%llu: %s", (unsigned long long)seed, #condition);                                                 \
    }                                                                                                                  \
  } while (0)

static int chance(int percent) {
  return (int)trm__rng_below(&rng, 100) < percent;
}

static int64_t below(int64_t n) {
  return (int64_t)trm__rng_below(&rng, (uint32_t)n);
}

/* -- the model -- */

typedef enum life {
  NOBODY,
  WAITS,
  STARTS,
  RUNS,
  ENDS,
  DIES,
  RESTS
} life; /* WAITS for a start; RESTS: no start is due */

typedef struct person {
  trm__child_rule rule;
  life life;
  int64_t since;    /* of this life; RUNS: of the last beat as well */
  int64_t ready_at; /* in this life; -1: it was not */
  int64_t earliest; /* WAITS: of the start */
  int row;          /* ends in a row */
  int ever_ready, ran, leaving;
  int doomed, reborn; /* to be stopped; to be started after that */
} person;

static struct {
  trm__supervisor_config config;
  person all[MOST];
  int configured, added_to;
  int64_t restart[HISTORY];
  int restarts, ending, over, at_once, surrendered;
} m;

static int lives(const person *p) {
  return p->life == STARTS || p->life == RUNS || p->life == ENDS || p->life == DIES;
}

static int anybody(void) {
  for (int i = 0; i < MOST; i++)
    if (lives(&m.all[i])) return 1;
  return 0;
}

static void model_begin(void) {
  for (int i = 0; i < MOST; i++) {
    trm__child_rule rule = m.all[i].rule;
    m.all[i] = (person){.rule = rule, .life = i < m.configured ? WAITS : NOBODY, .ready_at = -1};
  }
  m.restarts = m.ending = m.over = m.at_once = m.surrendered = 0;
  m.added_to = m.configured;
}

static void model_end(void) {
  m.ending = 1;
  for (int i = 0; i < MOST; i++) {
    person *p = &m.all[i];
    if (p->life == WAITS) p->life = RESTS;
    p->reborn = 0;
    p->doomed = lives(p);
  }
  m.over = !anybody();
}

static void model_vacate(person *p) {
  trm__child_rule rule = p->rule;
  *p = (person){.rule = rule};
  while (m.added_to > m.configured && m.all[m.added_to - 1].life == NOBODY) m.added_to--;
}

/* A restart because of i; the real wait is taken from the machine, within what the header promises. */
static void model_restart(int i, int64_t now, int64_t wait) {
  person *failed = &m.all[i];
  if (failed->ready_at >= 0 && now - failed->ready_at >= m.config.period_ms) failed->row = 0;
  failed->row++;
  int64_t full = m.config.backoff_ms;
  for (int k = 1; k < failed->row && full < m.config.backoff_most_ms && k < 50; k++) full *= 2;
  if (full > m.config.backoff_most_ms) full = m.config.backoff_most_ms;
  EXPECT(wait <= full && 2 * wait >= full, "child %d waits %lld of %lld ms\n", i, (long long)wait, (long long)full);
  failed->earliest = now + wait;
  failed->life = WAITS;
  for (int k = 0; k < m.added_to; k++) {
    person *p = &m.all[k];
    int with = m.config.strategy == TRM__ONE_FOR_ALL || (m.config.strategy == TRM__REST_FOR_ONE && k > i);
    if (!with || k == i || p->life == NOBODY) continue;
    int again = p->rule.restart != TRM__TEMPORARY && !p->leaving;
    if (lives(p)) p->doomed = 1, p->reborn = again;
    else if (again) p->life = WAITS;
  }
}

static void model_died(int i, trm__end end, int64_t now, int64_t wait) {
  person *p = &m.all[i];
  int meant = p->doomed, young = p->life == STARTS;
  p->life = p->reborn ? WAITS : RESTS;
  p->doomed = p->reborn = 0;
  if (p->leaving) {
    model_vacate(p);
  } else if (!m.ending && !meant && p->rule.restart != TRM__TEMPORARY &&
             !(p->rule.restart == TRM__TRANSIENT && end == TRM__END_NORMAL)) {
    int recent = 1;
    for (int k = 0; k < m.restarts; k++) recent += now - m.restart[k] <= m.config.period_ms;
    int hopeless = young && end == TRM__END_HOPELESS;
    if (!hopeless) m.restart[m.restarts++] = now;
    seen.hopeless += hopeless;
    seen.gave_up += !hopeless && recent == m.config.restarts + 1;
    seen.exactly_n += !hopeless && recent == m.config.restarts;
    if (hopeless || recent > m.config.restarts) m.surrendered = 1 + hopeless, model_end();
    else model_restart(i, now, wait);
  }
  if (m.ending && !anybody()) m.over = 1;
}

/* Whether somebody keeps i from being told to end. */
static int model_must_wait_to_end(int i) {
  if (m.config.strategy == TRM__ONE_FOR_ONE && !m.ending) return 0;
  for (int k = i + 1; k < MOST; k++)
    if (m.all[k].doomed) return 1;
  return 0;
}

static int model_must_wait_to_start(int i, int64_t now) {
  const person *p = &m.all[i];
  if (now < p->earliest) return 1;
  if (m.config.strategy == TRM__ONE_FOR_ONE) {
    if (p->ever_ready || i >= m.configured) return 0;
    for (int k = 0; k < i; k++)
      if (!m.all[k].ever_ready && (m.all[k].life == WAITS || m.all[k].reborn || lives(&m.all[k]))) return 1;
    return 0;
  }
  for (int k = 0; k < MOST; k++) {
    const person *q = &m.all[k];
    if (q->doomed) return 1;
    if (k < i && (q->life == WAITS || q->life == STARTS || q->life == ENDS || q->life == DIES)) return 1;
  }
  return 0;
}

static void model_ready(person *p, int64_t now) {
  p->life = RUNS;
  p->since = p->ready_at = now;
  p->ever_ready = 1;
}

/* The one order that is next for child i; 0: none. */
static int model_order(int i, int64_t now) {
  person *p = &m.all[i];
  int over = 0;
  if (p->life == STARTS) over = p->rule.start_ms != TRM__NEVER && now - p->since >= p->rule.start_ms;
  if (p->life == RUNS) over = p->rule.heartbeat_ms && now - p->since >= p->rule.heartbeat_ms;
  seen.late += over && p->life == STARTS;
  seen.silent += over && p->life == RUNS;
  if (p->life == ENDS) over = p->rule.shutdown_ms != TRM__NEVER && now - p->since >= p->rule.shutdown_ms;
  int turn = p->doomed && !model_must_wait_to_end(i);
  if (lives(p) && p->life != DIES && (over || m.at_once || (turn && p->life != ENDS && !p->rule.shutdown_ms))) {
    p->life = DIES;
    seen.kills++;
    return 'K';
  }
  if (turn && (p->life == STARTS || p->life == RUNS)) {
    p->life = ENDS;
    p->since = now;
    seen.terms++;
    return 'T';
  }
  if (p->life == WAITS && !m.ending && !model_must_wait_to_start(i, now)) {
    p->life = STARTS;
    p->since = now;
    p->ready_at = -1;
    EXPECT(p->rule.restart != TRM__TEMPORARY || !p->ran, "child %d is temporary\n", i);
    p->ran = 1;
    seen.starts++;
    if (!p->rule.start_ms) model_ready(p, now);
    return 'S';
  }
  return 0;
}

/* -- one sequence -- */

static trm__supervisor s;
static int64_t now;

static void settle(const char *after) {
  char real[ORDERS][MOST] = {{0}}, model[ORDERS][MOST] = {{0}}; /* per child its orders, in turn */
  int given[MOST] = {0}, wanted[MOST] = {0}, more;
  trm__order order;
  while (trm__supervisor_next(&s, now, &order)) {
    EXPECT(order.place < MOST && given[order.place] < ORDERS && order.why, "after %s\n", after);
    real[given[order.place]++][order.place] = "STK"[order.kind];
  }
  do {
    more = 0;
    for (int i = 0; i < MOST; i++) {
      int kind = model_order(i, now);
      if (kind) more = 1, model[wanted[i]++][i] = (char)kind;
    }
  } while (more);
  for (int i = 0; i < MOST; i++)
    for (int k = 0; k < ORDERS; k++)
      EXPECT(real[k][i] == model[k][i], "after %s at %lld: child %d, order %d is %c, expected %c\n", after,
             (long long)now, i, k, real[k][i] ? real[k][i] : '-', model[k][i] ? model[k][i] : '-');
  const char *broken = trm__supervisor_check(&s);
  EXPECT(!broken, "after %s: %s\n", after, broken);
  EXPECT((s.gave_up < 0 ? 0 : 1 + (s.gave_up_end == TRM__END_HOPELESS)) == m.surrendered,
         "after %s: whether it gave up\n", after);
  EXPECT((s.phase == TRM__PHASE_ENDED) == m.over, "after %s: whether it ended\n", after);
  int64_t due = trm__supervisor_due(&s);
  EXPECT(due > now, "after %s: due at %lld, it is %lld\n", after, (long long)due, (long long)now);
}

static trm__child_rule random_rule(void) {
  static const int64_t starts[] = {0, 0, 5, 20, 40, TRM__NEVER}, ends[] = {0, 10, 30, 30, TRM__NEVER};
  trm__child_rule rule = {.start_ms = starts[below(6)], .shutdown_ms = ends[below(5)]};
  rule.restart = chance(70) ? TRM__PERMANENT : chance(60) ? TRM__TRANSIENT : TRM__TEMPORARY;
  rule.heartbeat_ms = chance(50) ? 1 + below(60) : 0;
  return rule;
}

static void add_child(void) {
  trm_error err = {0};
  trm__child_rule rule = random_rule();
  int place = -1, first = s.phase == TRM__PHASE_IDLE;
  if (m.added_to >= MOST) return;
  trm_status status = trm__supervisor_add(&s, &rule, &place, &err);
  EXPECT(!status == !m.ending, "%s\n", err.message);
  if (status) return;
  int at = first || m.config.strategy != TRM__ONE_FOR_ONE ? m.added_to : m.configured;
  while (m.all[at].life != NOBODY) at++;
  EXPECT(place == at, "added at %d, expected %d\n", place, at);
  m.all[at] = (person){.rule = rule, .life = first ? RESTS : WAITS, .ready_at = -1};
  if (at >= m.added_to) m.added_to = at + 1;
  if (first) m.configured = m.added_to;
}

static void random_config(void) {
  trm_error err = {0};
  memset(&m, 0, sizeof m);
  m.config.strategy = (trm__strategy)below(3);
  m.config.restarts = (int)below(chance(20) ? 20 : 6);
  m.config.period_ms = 1 + below(chance(50) ? 40 : 400);
  m.config.backoff_ms = chance(40) ? 0 : 1 + below(20);
  m.config.backoff_most_ms = m.config.backoff_ms + below(100);
  m.config.seed = seed;
  CHECK_OK(trm__supervisor_init(&s, &m.config, &err), err);
  for (int64_t k = below(8) + chance(95); k > 0; k--) add_child();
}

static void die(int i) {
  trm__end end = chance(60) ? TRM__END_FAILED : chance(80) ? TRM__END_NORMAL : TRM__END_HOPELESS;
  trm__supervisor_exited(&s, i, end, now);
  model_died(i, end, now, s.child[i].not_before > now ? s.child[i].not_before - now : 0);
  settle("an end");
}

static void live(int i) {
  person *p = &m.all[i];
  if (chance(50)) {
    trm__supervisor_ready(&s, i, now);
    if (p->life == STARTS) model_ready(p, now);
    settle("ready");
  } else {
    trm__supervisor_beat(&s, i, now);
    if (p->life == RUNS) p->since = now;
    settle("a beat");
  }
}

static void retire(int i) {
  person *p = &m.all[i];
  trm__supervisor_retire(&s, i, now);
  if (p->life == NOBODY) return;
  p->leaving = 1;
  p->reborn = 0;
  p->doomed = lives(p);
  if (!p->doomed) model_vacate(p);
  settle("a retirement");
}

static void wake(void) {
  trm__supervisor_woke(&s, now);
  for (int i = 0; i < MOST; i++)
    if (m.all[i].life == STARTS || m.all[i].life == RUNS || m.all[i].life == ENDS) m.all[i].since = now;
  settle("a standstill");
}

static void one_event(void) {
  int i = (int)below(s.places + 1), kind = (int)below(1000);
  int own = s.child[i].state == TRM__CHILD_STOPPING || s.child[i].state == TRM__CHILD_KILLED;
  if (kind < 10) retire(i);
  else if (kind < 25) add_child(), settle("an addition");
  else if (kind < 30) wake();
  else if (kind < 35) trm__supervisor_stop(&s, now), m.ending ? (void)0 : model_end(), settle("a stop");
  else if (kind < 38) trm__supervisor_kill(&s, now), m.ending ? (void)0 : model_end(), m.at_once = 1, settle("a kill");
  else if (kind < (own ? 600 : 250) && i < MOST && lives(&m.all[i])) die(i);
  else live(i);
}

static void pass_time(void) {
  int64_t due = trm__supervisor_due(&s);
  if (chance(25)) return;
  if (due != TRM__NEVER && chance(40)) now = chance(70) ? due : due - 1;
  else now += below(chance(90) ? 12 : 150);
  settle("some time");
}

static void one_sequence(void) {
  rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  now = below(1000);
  random_config();
  trm__supervisor_start(&s, now);
  model_begin();
  settle("the start");
  for (int k = 0; k < EVENTS; k++) {
    if (s.phase == TRM__PHASE_ENDED) {
      if (!chance(40)) break;
      seen.anew++;
      trm__supervisor_start(&s, now);
      model_begin();
      settle("a start anew");
    }
    pass_time();
    one_event();
  }
  seen.sequences++;
}

static long number_from(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : otherwise;
}

static void test_random(void **state) {
  (void)state;
  long count = number_from("SEQUENCES", 10000);
  uint64_t first = (uint64_t)number_from("SEED", 1);
  for (seed = first; seed < first + (uint64_t)count; seed++) one_sequence();
  print_message("SEED=%llu to %llu: %ld sequences, %ld starts, %ld terms, %ld kills (%ld silent, %ld late); %ld passed "
                "with N restarts, %ld gave up at N + 1, %ld without hope; %ld began anew\n",
                (unsigned long long)first, (unsigned long long)seed - 1, seen.sequences, seen.starts, seen.terms,
                seen.kills, seen.silent, seen.late, seen.exactly_n, seen.gave_up, seen.hopeless, seen.anew);
  if (count >= 10000)
    assert_true(seen.gave_up > 100 && seen.exactly_n > 100 && seen.hopeless > 100 && seen.silent > 100 &&
                seen.late > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
