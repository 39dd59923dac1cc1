/* The dispatcher against a model of it, over random sequences: engines come, die, stall, answer late or for others,
 * hand back, are full; clients submit, cancel and let deadlines pass. The model knows of each item who has it, how many
 * engines died with it, and what may become of it; each order is judged by that alone, and after each settling by the
 * dispatcher's own invariants. In the end everything that was accepted has ended once.
 *
 * SEEDS=5000 runs as many (200 by default), FIRST=n from that one on. A failure prints its seed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "serve/dispatch.h"

enum { ITEMS = 400, ENGINES = 6, CLIENTS = 5, STEPS = 600, MODELS = 3, DEATHS = 2 };

typedef struct model_item {
  int accepted, told, cancelled, told_engine;
  int client, priority, bit, deaths, gives;
  double deadline;
  int engine; /* that has it; negative: none */
  trm__dispatch_item *real;
} model_item;

typedef struct model_engine {
  trm__dispatch_engine *real;
  uint32_t models, takes;
  int window, holds, paused, retired;
} model_engine;

typedef struct sim {
  trm__dispatch *d;
  trm__rng rng;
  double now;
  int stopped, same; /* same: every engine has every model */
  int64_t numbers;
  uint32_t expected;
  model_item item[ITEMS + 1]; /* by id */
  model_engine engine[ENGINES];
  int ids;
  int passed[CLIENTS]; /* gives to others while this one waited */
} sim;

static uint64_t seed;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) fail_msg("SEED=%llu: %s", (unsigned long long)seed, #condition);                                 \
  } while (0)

static int chance(sim *s, int of) {
  return trm__rng_below(&s->rng, (uint32_t)of) == 0;
}
static int below(sim *s, int most) {
  return (int)trm__rng_below(&s->rng, (uint32_t)most);
}

/* -- judging orders ------------------------------------------------------------------------------------------------ */

static int is_waiting(const model_item *m) {
  return m->accepted && !m->told && m->engine < 0;
}

static int is_before(const sim *s, int a, int b) {
  const model_item *x = &s->item[a], *y = &s->item[b];
  double p = x->deadline > 0 ? x->deadline : INFINITY, q = y->deadline > 0 ? y->deadline : INFINITY;
  if (x->priority != y->priority) return x->priority > y->priority;
  if (p < q || p > q) return p < q;
  return a < b;
}

static void judge_turns(sim *s, int id) {
  int client = s->item[id].client, waits[CLIENTS] = {0};
  for (int i = 1; i <= s->ids; i++) {
    const model_item *m = &s->item[i];
    if (!is_waiting(m) || m->gives) continue;
    if (i != id) waits[m->client] = 1;
    if (m->client == client && i != id && m->bit == s->item[id].bit) EXPECT(!is_before(s, i, id));
  }
  for (int c = 0; c < CLIENTS; c++) {
    if (c == client || !waits[c]) s->passed[c] = 0;
    else s->passed[c]++;
    if (s->same) EXPECT(s->passed[c] < CLIENTS);
  }
}

static model_engine *engine_of(sim *s, const trm__dispatch_engine *real) {
  for (int i = 0; i < ENGINES; i++)
    if (s->engine[i].real == real) return &s->engine[i];
  return NULL;
}

static int is_alone(const sim *s, const model_engine *e) {
  for (int i = 1; i <= s->ids; i++)
    if (s->item[i].accepted && !s->item[i].told && s->item[i].engine == (int)(e - s->engine) && s->item[i].deaths)
      return 1;
  return 0;
}

static void judge_give(sim *s, const trm__dispatch_order *order) {
  int id = (int)order->item->id;
  model_item *m = &s->item[id];
  model_engine *e = engine_of(s, order->engine);
  EXPECT(e && is_waiting(m) && m->real == order->item);
  EXPECT(!m->cancelled && m->deaths < DEATHS);
  EXPECT(!e->paused && !e->retired && e->holds < e->window);
  EXPECT(e->takes >> m->bit & 1);
  EXPECT(!(m->deaths && e->holds) && !is_alone(s, e));
  EXPECT(!(m->deadline > 0 && m->deadline <= s->now));
  if (!m->gives) judge_turns(s, id);
  if (chance(s, 12)) { /* its channel is full */
    e->paused = 1;
    m->gives++;
    trm__dispatch_pause(s->d, e->real, 1);
    trm__dispatch_unsent(s->d, order->item);
    return;
  }
  m->gives++;
  m->engine = (int)(e - s->engine);
  e->holds++;
}

static int any_has(const sim *s, int bit) {
  for (int i = 0; i < ENGINES; i++)
    if (s->engine[i].real && s->engine[i].takes >> bit & 1) return 1;
  return 0;
}

static void judge_end(sim *s, const trm__dispatch_order *order) {
  model_item *m = &s->item[order->item->id];
  EXPECT(m->accepted && !m->told && m->engine < 0);
  switch (order->item->why) {
  case TRM__DISPATCH_CANCELLED:
    EXPECT(m->cancelled);
    break;
  case TRM__DISPATCH_EXPIRED:
    EXPECT(m->deadline > 0 && m->deadline <= s->now);
    break;
  case TRM__DISPATCH_POISON:
    EXPECT(m->deaths >= DEATHS && m->deaths == order->item->deaths);
    break;
  case TRM__DISPATCH_UNSUPPORTED:
    EXPECT(!any_has(s, m->bit) && !(s->expected >> m->bit & 1));
    break;
  case TRM__DISPATCH_STOPPED:
    EXPECT(s->stopped);
    break;
  }
  m->told = 1;
  trm__dispatch_forget(s->d, order->item);
}

static void settle(sim *s) {
  trm__dispatch_order order;
  while (trm__dispatch_next(s->d, s->now, &order)) {
    model_engine *e = order.engine ? engine_of(s, order.engine) : NULL;
    switch (order.kind) {
    case TRM__DISPATCH_GIVE:
      judge_give(s, &order);
      break;
    case TRM__DISPATCH_CANCEL:
      EXPECT(e && s->item[order.item->id].engine == (int)(e - s->engine));
      EXPECT(s->item[order.item->id].cancelled && !s->item[order.item->id].told_engine);
      s->item[order.item->id].told_engine = 1;
      break;
    case TRM__DISPATCH_END:
      judge_end(s, &order);
      break;
    case TRM__DISPATCH_CLOSE:
      EXPECT(e && e->retired && e->holds == 0);
      trm__dispatch_lost(s->d, &e->real, 0);
      *e = (model_engine){0};
      break;
    }
  }
  const char *wrong = trm__dispatch_check(s->d);
  if (wrong) fail_msg("SEED=%llu: %s", (unsigned long long)seed, wrong);
  for (int i = 1; i <= s->ids; i++) /* deadlines are kept, and nothing is with nobody when somebody is free */
    if (is_waiting(&s->item[i])) EXPECT(!(s->item[i].deadline > 0 && s->item[i].deadline <= s->now));
}

/* -- what happens -------------------------------------------------------------------------------------------------- */

static void do_submit(sim *s) {
  if (s->ids == ITEMS) return;
  char client[16];
  trm_error err = {0};
  trm__dispatch_item *out = NULL;
  model_item m = {.accepted = 1, .client = below(s, CLIENTS), .bit = below(s, MODELS), .engine = -1};
  m.priority = chance(s, 3) ? below(s, 5) - 2 : 0;
  if (chance(s, 3)) m.deadline = s->now + 1 + below(s, 60);
  snprintf(client, sizeof client, "c%d", m.client);
  const trm__dispatch_stats before = trm__dispatch_get_stats(s->d);
  trm_status status = trm__dispatch_submit(
      s->d, &(trm__dispatch_item){.bytes = 10, .model = m.bit, .priority = m.priority, .deadline = m.deadline},
      m.client ? client : NULL, s->now, &out, &err);
  if (status) {
    EXPECT(status == TRM_E_BUSY && err.message[0]);
    EXPECT(before.waiting >= 40 || before.bytes + 10 > 900 || before.waiting + before.working >= 25);
    return;
  }
  EXPECT(out->id == (uint64_t)s->ids + 1);
  m.real = out;
  int waits = 0;
  for (int i = 1; i <= s->ids; i++) {
    const model_item *other = &s->item[i];
    waits += is_waiting(other) && !other->gives && other->client == m.client;
  }
  if (!waits) s->passed[m.client] = 0; /* it comes behind the others */
  s->item[++s->ids] = m;
}

static int some_item(sim *s, int engine) {
  int found = 0, seen = 0;
  for (int i = 1; i <= s->ids; i++)
    if (!s->item[i].told && s->item[i].engine == engine && chance(s, ++seen)) found = i;
  return found;
}

static void do_cancel(sim *s) {
  int id = s->ids ? 1 + below(s, s->ids) : 7;
  trm__dispatch_cancel(s->d, (uint64_t)id);
  if (s->ids && !s->item[id].told) s->item[id].cancelled = 1;
}

static void do_up(sim *s) {
  int i = below(s, ENGINES);
  model_engine *e = &s->engine[i];
  trm_error err = {0};
  if (e->real) return;
  *e = (model_engine){.window = 1 + below(s, 5),
                      .models = s->same ? (1u << MODELS) - 1 : 1 + trm__rng_below(&s->rng, (1u << MODELS) - 1)};
  e->takes = e->models;
  EXPECT(trm__dispatch_up(s->d, (uint64_t)++s->numbers, e->window, e->models, &e->real, &err) == TRM_OK);
}

static void do_die(sim *s) {
  int i = below(s, ENGINES), died = !chance(s, 5);
  if (!s->engine[i].real) return;
  for (int k = 1; k <= s->ids; k++)
    if (!s->item[k].told && s->item[k].engine == i) {
      s->item[k].engine = -1;
      s->item[k].deaths += died;
      s->item[k].told_engine = 0;
    }
  trm__dispatch_lost(s->d, &s->engine[i].real, died);
  s->engine[i] = (model_engine){0};
}

/* An answer, perhaps late and perhaps of an engine that does not have the item any more. */
static void do_answer(sim *s) {
  int i = below(s, ENGINES), back = chance(s, 10);
  model_engine *e = &s->engine[i];
  if (!e->real) return;
  int id = chance(s, 8) && s->ids ? 1 + below(s, s->ids) : some_item(s, i);
  if (!id) return;
  model_item *m = &s->item[id];
  int has = !m->told && m->engine == i;
  if (back) {
    int taken = trm__dispatch_back(s->d, e->real, (uint64_t)id);
    EXPECT(taken == has);
    if (has) e->retired = 1;
  } else {
    trm__dispatch_item *item = trm__dispatch_done(s->d, e->real, (uint64_t)id, 0, m->cancelled, 0);
    EXPECT((item != NULL) == has && (!item || item == m->real));
    if (item) m->told = 1;
    if (item) trm__dispatch_forget(s->d, item);
  }
  if (has) {
    m->engine = -1;
    m->told_engine = 0;
    e->holds--;
  }
}

static void do_other(sim *s) {
  int i = below(s, ENGINES);
  model_engine *e = &s->engine[i];
  if (!e->real) return;
  if (chance(s, 6)) {
    e->retired = 1;
    trm__dispatch_retire(s->d, e->real);
  } else {
    e->paused = !e->paused && chance(s, 3);
    trm__dispatch_pause(s->d, e->real, e->paused);
  }
}

/* A reload: an engine takes less than it has, or again more; somebody is to come for a model. */
static void do_narrow(sim *s) {
  int i = below(s, ENGINES);
  uint32_t mask = trm__rng_below(&s->rng, 1u << MODELS);
  model_engine *e = &s->engine[i];
  if (s->same) return;
  if (chance(s, 3)) {
    s->expected = chance(s, 2) ? 0 : mask;
    trm__dispatch_expect(s->d, s->expected);
  } else if (e->real) {
    e->takes = mask & e->models;
    trm__dispatch_narrow(s->d, e->real, mask);
  }
  uint32_t waiting = 0, living = 0;
  for (int k = 1; k <= s->ids; k++) {
    if (is_waiting(&s->item[k])) waiting |= 1u << s->item[k].bit;
    if (s->item[k].accepted && !s->item[k].told) living |= 1u << s->item[k].bit;
  }
  EXPECT(trm__dispatch_waiting(s->d) == waiting && trm__dispatch_living(s->d) == living);
}

static void do_something(sim *s) {
  switch (below(s, 13)) {
  case 0:
  case 1:
  case 2:
  case 3:
    do_submit(s);
    break;
  case 4:
    do_cancel(s);
    break;
  case 5:
    do_up(s);
    break;
  case 6:
    if (chance(s, 3)) do_die(s);
    break;
  case 7:
    do_other(s);
    break;
  case 8:
    s->now += below(s, 4);
    break;
  case 9:
    do_narrow(s);
    break;
  default:
    do_answer(s);
  }
}

/* Engines that do what they should, until nothing is left. */
static void finish(sim *s) {
  s->expected = 0;
  trm__dispatch_expect(s->d, 0);
  for (int round = 0; round < 4 * ITEMS; round++) {
    for (int i = 0; i < ENGINES; i++) {
      model_engine *e = &s->engine[i];
      if (!e->real) {
        *e = (model_engine){.window = 2, .models = (1u << MODELS) - 1, .takes = (1u << MODELS) - 1};
        EXPECT(trm__dispatch_up(s->d, (uint64_t)++s->numbers, 2, e->models, &e->real, NULL) == TRM_OK);
      }
      e->paused = 0;
      e->takes = e->models;
      trm__dispatch_narrow(s->d, e->real, e->takes);
      trm__dispatch_pause(s->d, e->real, 0);
      int id = some_item(s, i);
      if (!id) continue;
      trm__dispatch_item *item = trm__dispatch_done(s->d, e->real, (uint64_t)id, 0, 0, 0);
      EXPECT(item != NULL);
      trm__dispatch_forget(s->d, item);
      s->item[id].told = 1;
      s->item[id].engine = -1;
      e->holds--;
    }
    settle(s);
  }
}

static void run_seed(void) {
  static sim s;
  trm_error err = {0};
  memset(&s, 0, sizeof s);
  s.rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  s.same = (int)(seed % 2);
  const trm__dispatch_limits limits = {40, seed % 3 ? 0 : 25, 900, DEATHS};
  assert_int_equal(trm__dispatch_open(&s.d, &limits, &err), TRM_OK);
  for (int step = 0; step < STEPS; step++) {
    do_something(&s);
    settle(&s);
  }
  if (seed % 4 == 0) {
    s.stopped = 1;
    trm__dispatch_stop(s.d);
    for (int i = 1; i <= s.ids; i++) s.item[i].engine = -1;
    for (int i = 0; i < ENGINES; i++) s.engine[i].holds = 0;
    settle(&s);
  } else {
    finish(&s);
  }
  for (int i = 1; i <= s.ids; i++) EXPECT(s.item[i].told);
  const trm__dispatch_stats end = trm__dispatch_get_stats(s.d);
  EXPECT(end.waiting == 0 && end.working == 0 && end.bytes == 0 && end.accepted == (uint64_t)s.ids);
  trm__dispatch_close(&s.d);
}

static void random_sequences_keep_the_rules(void **state) {
  (void)state;
  const char *from = getenv("FIRST"), *many = getenv("SEEDS");
  uint64_t seeds = many ? strtoull(many, NULL, 10) : 200, first = from ? strtoull(from, NULL, 10) : 1;
  for (seed = first; seed < first + seeds; seed++) run_seed();
  print_message("%llu seeds, %d steps each\n", (unsigned long long)seeds, STEPS);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_sequences_keep_the_rules)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
