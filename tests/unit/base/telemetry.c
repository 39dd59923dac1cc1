/* Handlers: which events they hear and in which order, what may happen while they run, and that none is called after it
 * was detached, whoever emits at that time. */
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/telemetry.h"

static const trm_event_value values[8] = {{.integer = 1}, {.integer = 2}, {.word = "solve"}};

static void emit(trm__event_id id) {
  if (trm__telemetry_wants(id)) trm__telemetry_emit(id, trm__clock(), values);
}

static void emit_all(void) {
  for (int id = 0; id < TRM__EVENTS; id++) emit((trm__event_id)id);
}

/* What handlers heard, a letter each. */
static char heard[200];

static void note(void *context, const trm_event *event) {
  assert_non_null(trm_event_get(event, "puzzle"));
  strncat(heard, context, 1);
}

static void attach(const char *prefix, trm_telemetry_fn fn, void *context) {
  trm_error err = {0};
  CHECK_OK(trm_telemetry_attach(prefix, fn, context, &err), err);
}

/* -- which events -------------------------------------------------------------------------------------------------- */

static int letters(char letter) {
  int count = 0;
  for (const char *p = heard; *p; p++) count += *p == letter;
  return count;
}

static void a_prefix_chooses_events(void **state) {
  (void)state;
  static const struct {
    const char *prefix;
    int events;
  } cases[] = {{"", TRM__EVENTS},         {"trm", TRM__EVENTS},  {"trm.inference", 3},
               {"trm.inference.stop", 1}, {"trm.early_halt", 1}, {"trm.supervision_step.complete", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    heard[0] = 0;
    assert_false(trm__telemetry_wants_any());
    attach(cases[i].prefix, note, "a");
    int wanted = 0;
    for (int id = 0; id < TRM__EVENTS; id++) wanted += trm__telemetry_wants((trm__event_id)id);
    assert_int_equal(wanted, cases[i].events);
    emit_all();
    assert_int_equal(letters('a'), cases[i].events);
    trm_telemetry_detach(note, "a");
    emit_all();
    assert_int_equal(letters('a'), cases[i].events);
  }
}

static void a_prefix_that_no_event_has_is_refused(void **state) {
  (void)state;
  trm_error err = {0};
  size_t used = trm__mem_used();
  CHECK_FAILS(trm_telemetry_attach("trm.inferencex", note, "a", &err), TRM_E_USAGE, err, "\"trm.inference\"");
  CHECK_FAILS(trm_telemetry_attach("trm.early_hlat.triggered", note, "a", &err), TRM_E_USAGE, err,
              "\"trm.early_halt.triggered\"");
  CHECK_FAILS(trm_telemetry_attach("something else", note, "a", &err), TRM_E_USAGE, err, "trm_telemetry_events()");
  CHECK_FAILS(trm_telemetry_attach(NULL, note, "a", &err), TRM_E_USAGE, err, "prefix is NULL");
  CHECK_FAILS(trm_telemetry_attach("", NULL, "a", &err), TRM_E_USAGE, err, "function is NULL");
  assert_false(trm__telemetry_wants_any());
  assert_int_equal(trm__mem_used(), used);
}

static trm_status attach_once(void *context, trm_error *err) {
  trm_status status = trm_telemetry_attach("trm", note, context, err);
  if (status) assert_false(trm__telemetry_wants_any());
  trm_telemetry_detach(note, context);
  return status;
}

static void no_memory_leaves_nothing_attached(void **state) {
  (void)state;
  assert_int_equal(check_each_allocation(attach_once, "a"), 1);
}

static void note_time(void *context, const trm_event *event) {
  trm_event *copy = context;
  *copy = *event;
}

static void an_event_has_both_times(void **state) {
  (void)state;
  trm_event event = {0};
  attach("trm.inference.start", note_time, &event);
  double wall = trm__wall_clock(), clock = trm__clock();
  emit_all();
  assert_true(event.time >= wall && event.time <= trm__wall_clock());
  assert_true(event.clock >= clock && event.clock <= trm__clock());
  assert_string_equal(event.type->name, "trm.inference.start");
  trm_telemetry_detach(note_time, &event);
}

/* -- order, and what a handler may do ------------------------------------------------------------------------------ */

static void handlers_come_in_the_order_of_attaching(void **state) {
  (void)state;
  heard[0] = 0;
  attach("trm.inference", note, "a");
  attach("", note, "b");
  attach("trm.early_halt", note, "c");
  attach("trm.early_halt", note, "a"); /* a pair with two prefixes */
  emit(TRM__EVENT_EARLY_HALT);
  assert_string_equal(heard, "bca");
  emit(TRM__EVENT_INFERENCE_STOP);
  assert_string_equal(heard, "bcaab");
  attach("trm.inference.stop", note, "a"); /* for an event that it hears already */
  emit(TRM__EVENT_INFERENCE_STOP);
  assert_string_equal(heard, "bcaababa");
  trm_telemetry_detach(note, "a"); /* all its prefixes */
  trm_telemetry_detach(note, "a"); /* nothing is left to detach */
  emit(TRM__EVENT_EARLY_HALT);
  emit(TRM__EVENT_INFERENCE_STOP);
  assert_string_equal(heard, "bcaabababcb");
  trm_telemetry_detach(note, "c");
  trm_telemetry_detach(note, "b");
  assert_false(trm__telemetry_wants_any());
}

static int wanted_inside; /* whether anybody wanted an event when a handler had just detached itself */

static void detach_self(void *context, const trm_event *event) {
  note(context, event);
  trm_telemetry_detach(detach_self, context);
  wanted_inside = trm__telemetry_wants_any();
  strncat(heard, "!", 2); /* still here */
}

static void a_handler_may_detach_itself(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  heard[0] = 0;
  attach("", note, "a");
  attach("", detach_self, "s");
  attach("trm", detach_self, "s");
  attach("", note, "b");
  emit(TRM__EVENT_INFERENCE_START);
  assert_string_equal(heard, "as!b"); /* its second prefix is detached as well */
  emit(TRM__EVENT_INFERENCE_STOP);
  assert_string_equal(heard, "as!bab");
  assert_int_equal(wanted_inside, 1);
  trm_telemetry_detach(note, "a");
  trm_telemetry_detach(note, "b");
  attach("", detach_self, "s"); /* alone: nobody is left while it is still in its call */
  emit(TRM__EVENT_INFERENCE_START);
  assert_int_equal(wanted_inside, 0);
  assert_int_equal(trm__mem_used(), used);
}

static void detach_others(void *context, const trm_event *event) {
  note(context, event);
  trm_telemetry_detach(note, "a");
  trm_telemetry_detach(note, "b");
  attach("", note, "n");
}

static void a_handler_may_detach_and_attach_others(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  heard[0] = 0;
  attach("", note, "a");
  attach("", detach_others, "d");
  attach("", note, "b");
  attach("", note, "c");
  emit(TRM__EVENT_INFERENCE_START);
  assert_string_equal(heard, "adc"); /* n hears the next event first */
  trm_telemetry_detach(detach_others, "d");
  emit(TRM__EVENT_INFERENCE_START);
  assert_string_equal(heard, "adccn");
  trm_telemetry_detach(note, "c");
  trm_telemetry_detach(note, "n");
  assert_int_equal(trm__mem_used(), used);
}

/* It detaches itself two calls deep, and does not hear what comes while it is still in the outer one. */
static void emit_inside(void *context, const trm_event *event) {
  note(context, event);
  if (!strcmp(event->type->name, "trm.inference.stop")) trm_telemetry_detach(emit_inside, context);
  if (strcmp(event->type->name, "trm.inference.start") != 0) return;
  emit(TRM__EVENT_INFERENCE_STOP);
  emit(TRM__EVENT_EARLY_HALT);
}

static void an_event_in_a_handler_is_told_at_once(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  heard[0] = 0;
  attach("", emit_inside, "e");
  attach("", note, "a");
  emit(TRM__EVENT_INFERENCE_START);
  assert_string_equal(heard, "eeaaa");
  emit(TRM__EVENT_INFERENCE_START);
  assert_string_equal(heard, "eeaaaa");
  trm_telemetry_detach(note, "a");
  assert_int_equal(trm__mem_used(), used);
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

typedef struct gate {
  atomic_int inside, open, over;
  struct gate *other; /* what it detaches while it is inside; NULL: nothing */
} gate;

static void wait_until(atomic_int *flag) {
  while (!atomic_load(flag)) usleep(100);
}

static void pass_gate(void *context, const trm_event *event) {
  gate *g = context;
  (void)event;
  atomic_store(&g->inside, 1);
  wait_until(&g->open);
  if (g->other) trm_telemetry_detach(pass_gate, g->other);
  atomic_store(&g->over, 1);
}

static void *emit_start(void *context) {
  (void)context;
  emit(TRM__EVENT_INFERENCE_START);
  return NULL;
}

static void *emit_stop(void *context) {
  (void)context;
  emit(TRM__EVENT_INFERENCE_STOP);
  return NULL;
}

static void *open_gate_later(void *context) {
  gate *g = context;
  usleep(50000);
  atomic_store(&g->open, 1);
  return NULL;
}

static void detaching_waits_for_calls_that_have_begun(void **state) {
  (void)state;
  pthread_t emitter, opener;
  size_t used = trm__mem_used();
  for (int prefixes = 1; prefixes <= 2; prefixes++) {
    gate *g = calloc(1, sizeof *g);
    assert_non_null(g);
    attach("trm.inference", pass_gate, g);
    if (prefixes == 2) attach("", pass_gate, g);
    assert_int_equal(pthread_create(&emitter, NULL, emit_start, NULL), 0);
    wait_until(&g->inside);
    assert_int_equal(pthread_create(&opener, NULL, open_gate_later, g), 0);
    trm_telemetry_detach(pass_gate, g);
    assert_int_equal(atomic_load(&g->over), 1);
    assert_int_equal(trm__mem_used(), used);
    pthread_join(opener, NULL);
    free(g); /* nobody is in it, and nobody will be */
    pthread_join(emitter, NULL);
  }
}

/* Each is in its handler and detaches the other: neither waits. */
static void handlers_that_detach_each_other_do_not_wait(void **state) {
  (void)state;
  pthread_t first, second;
  gate a = {0}, b = {.other = &a};
  size_t used = trm__mem_used();
  a.other = &b;
  attach("trm.inference.start", pass_gate, &a);
  attach("trm.inference.stop", pass_gate, &b);
  assert_int_equal(pthread_create(&first, NULL, emit_start, NULL), 0);
  assert_int_equal(pthread_create(&second, NULL, emit_stop, NULL), 0);
  wait_until(&a.inside);
  wait_until(&b.inside);
  atomic_store(&a.open, 1);
  atomic_store(&b.open, 1);
  trm_telemetry_detach(pass_gate, &a); /* outside of handlers it waits, although they are detached */
  trm_telemetry_detach(pass_gate, &b);
  assert_true(atomic_load(&a.over) && atomic_load(&b.over));
  assert_int_equal(trm__mem_used(), used);
  pthread_join(first, NULL);
  pthread_join(second, NULL);
}

/* A handler's own memory, which is freed as soon as it is detached. */
typedef struct counter {
  atomic_long calls;
  int alive, leaves; /* leaves: it detaches itself in its third call */
} counter;

static void count_event(void *context, const trm_event *event) {
  counter *c = context;
  if (c->alive != 1) abort(); /* called after it was detached: no assertion of cmocka's in another thread */
  if (trm_event_get(event, "puzzle")->integer != 2) abort();
  if (atomic_fetch_add(&c->calls, 1) == 2 && c->leaves) trm_telemetry_detach(count_event, c);
}

static atomic_int storm_over;

static void *storm_emit(void *context) {
  (void)context;
  while (!atomic_load(&storm_over)) emit_all();
  return NULL;
}

enum { ROUNDS = 400 };

static void *storm_attach(void *context) {
  static const char *const prefixes[] = {"", "trm.inference", "trm.early_halt.triggered"};
  long calls = 0;
  for (int i = 0; i < ROUNDS; i++) {
    counter *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->alive = 1;
    c->leaves = i % 2;
    if (trm_telemetry_attach(prefixes[i % 3], count_event, c, NULL)) abort();
    if (i % 5 == 0 && trm_telemetry_attach(prefixes[1], count_event, c, NULL)) abort();
    for (int wait = 0; wait < 200 && !atomic_load(&c->calls); wait++) usleep(50);
    trm_telemetry_detach(count_event, c);
    calls += atomic_load(&c->calls);
    c->alive = 0;
    free(c);
  }
  *(long *)context = calls;
  return NULL;
}

static void handlers_come_and_go_while_events_fly(void **state) {
  (void)state;
  pthread_t emitters[3], attachers[2];
  long calls[2] = {0};
  size_t used = trm__mem_used();
  storm_over = 0;
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&emitters[i], NULL, storm_emit, NULL), 0);
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&attachers[i], NULL, storm_attach, &calls[i]), 0);
  for (int i = 0; i < 2; i++) pthread_join(attachers[i], NULL);
  storm_over = 1;
  for (int i = 0; i < 3; i++) pthread_join(emitters[i], NULL);
  assert_true(calls[0] > ROUNDS / 4 && calls[1] > ROUNDS / 4);
  assert_int_equal(trm__mem_used(), used);
  assert_false(trm__telemetry_wants_any());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_prefix_chooses_events),
      cmocka_unit_test(a_prefix_that_no_event_has_is_refused),
      cmocka_unit_test(no_memory_leaves_nothing_attached),
      cmocka_unit_test(an_event_has_both_times),
      cmocka_unit_test(handlers_come_in_the_order_of_attaching),
      cmocka_unit_test(a_handler_may_detach_itself),
      cmocka_unit_test(a_handler_may_detach_and_attach_others),
      cmocka_unit_test(an_event_in_a_handler_is_told_at_once),
      cmocka_unit_test(detaching_waits_for_calls_that_have_begun),
      cmocka_unit_test(handlers_that_detach_each_other_do_not_wait),
      cmocka_unit_test(handlers_come_and_go_while_events_fly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
