/* The pool with engines that are played here: what they may say at which time, what becomes of who says what he must
 * not, full channels; and a real engine whose gateway is played. */
#include "unit/serve/engines.h"

#include <fcntl.h>
#include <poll.h>

#include "base/mem.h"

enum { CELLS = 16, ITEMS = 12 };

/* An engine's end of a channel. */
typedef struct fake {
  trm__channel *channel;
  trm_status ended; /* what reading gave at last */
  int configs, items, cancels;
  uint64_t item[64], cancel[64];
} fake;

typedef struct outcome {
  int ended, steps;
  trm_status status;
  int cancelled, poison;
} outcome;

static outcome outcomes[ITEMS];
static const int32_t tokens[CELLS] = {1};

static void on_step(void *context, uint64_t item, const trm__work_step *step) {
  outcome *o = context;
  (void)item, (void)step;
  o->steps++;
}

static void on_done(void *context, uint64_t item, const trm__serve_pool_end *end) {
  outcome *o = context;
  (void)item;
  o->ended++;
  o->status = end->done.status;
  o->cancelled = end->done.solution.cancelled;
  o->poison = end->poison;
}

static uint64_t put(bench *b, int i, const void *state, size_t state_size) {
  static const trm__serve_pool_handlers handlers = {on_step, on_done};
  trm__work work = trm__work_default();
  trm_error err = {0};
  uint64_t id = 0;
  snprintf(work.model, sizeof work.model, "sudoku");
  work.tokens = tokens;
  work.cells = CELLS;
  work.state = state;
  work.state_size = state_size;
  if (trm__serve_pool_submit(b->pool, &work, NULL, &handlers, &outcomes[i], &id, &err)) fail_msg("%s", err.message);
  return id;
}

static void fake_open_for(fake *f, bench *b, uint64_t number, const char *build, uint32_t generation) {
  int sockets[2];
  const trm__channel_config config = trm__channel_config_default("gateway", build);
  *f = (fake){0};
  assert_int_equal(trm__channel_pair(sockets, NULL), TRM_OK);
  assert_int_equal(trm__channel_open(&f->channel, sockets[1], &config, NULL), TRM_OK);
  if (!generation) generation = trm__serve_pool_generation(b->pool);
  assert_int_equal(trm__serve_pool_attach_to(b->pool, number, generation, sockets[0], NULL), TRM_OK);
}

static void fake_open(fake *f, bench *b, uint64_t number, const char *build) {
  fake_open_for(f, b, number, build, 0);
}

/* Reads what is there. */
static int fake_hears(fake *f) {
  trm__frame frame;
  int got = 1;
  while (!f->ended && got) {
    f->ended = trm__channel_read(f->channel, &frame, &got, NULL);
    if (f->ended || !got) break;
    if (frame.type == TRM__WORK_CONFIG) f->configs++;
    else if (frame.type == TRM__WORK_ITEM) f->item[f->items++ % 64] = frame.request;
    else if (frame.type == TRM__WORK_CANCEL) f->cancel[f->cancels++ % 64] = frame.request;
    else fail_msg("a frame of type %d", frame.type);
  }
  (void)trm__channel_flush(f->channel, NULL);
  return 1;
}

static void fake_says(fake *f, uint16_t type, uint64_t request, const trm__work_bytes *bytes) {
  const trm__frame frame = {
      .type = type, .request = request, .data = bytes ? bytes->data : NULL, .size = bytes ? bytes->size : 0, .fd = -1};
  (void)trm__channel_send(f->channel, &frame, NULL);
}

static void fake_is_ready(fake *f, const char *name, int window, uint16_t type) {
  trm__work_model model = {.loaded = type == TRM__WORK_READY, .cells = CELLS};
  trm__work_bytes bytes;
  snprintf(model.name, sizeof model.name, "%s", name);
  snprintf(model.where, sizeof model.where, "file");
  snprintf(model.error, sizeof model.error, "is gone");
  snprintf(model.config, sizeof model.config, "{}");
  model.task = (trm_task){.width = 4, .height = 4, .vocab_size = 6};
  const trm__work_ready ready = {.window = window, .models = 1, .model = &model};
  assert_int_equal(trm__work_ready_pack(&ready, &bytes, NULL), TRM_OK);
  fake_says(f, type, 0, &bytes);
  trm__free(bytes.data);
}

static void fake_is_done(fake *f, uint64_t item, size_t cells) {
  static const int32_t answer[64] = {0};
  const trm__work_done done = {.cells = cells, .answer = answer, .solution = {.steps = 1}};
  trm__work_bytes bytes;
  assert_int_equal(trm__work_done_pack(&done, &bytes, NULL), TRM_OK);
  fake_says(f, TRM__WORK_DONE, item, &bytes);
  trm__free(bytes.data);
}

static void open_with(bench *b) {
  const trm__work_config models = bench_models("/m", NULL);
  memset(outcomes, 0, sizeof outcomes);
  bench_open(b, &models, 2, 100);
}

static void fake_up(fake *f, bench *b, uint64_t number, int window) {
  fake_open(f, b, number, BUILD_ID);
  fake_is_ready(f, "sudoku", window, TRM__WORK_READY);
  int before = bench_up(b);
  BENCH_UNTIL(b, fake_hears(f) && bench_up(b) == before + 1);
  assert_int_equal(f->configs, 1);
}

/* Each is one thing that an engine with item `id` must not say. */
static void say_wrong(fake *f, int what, uint64_t id) {
  static const char text[] = "{}";
  const trm__work_bytes junk = {(void *)(uintptr_t)text, 2};
  switch (what) {
  case 0:
    fake_is_ready(f, "sudoku", 2, TRM__WORK_READY);
    break;
  case 1:
    fake_is_done(f, id + 100, CELLS);
    break;
  case 2:
    fake_is_done(f, id, CELLS - 1);
    break;
  case 3:
    fake_says(f, TRM__WORK_DONE, id, &junk);
    break;
  case 4:
    fake_says(f, TRM__WORK_STEP, id, &junk);
    break;
  case 5:
    fake_says(f, TRM__WORK_BACK, id + 100, NULL);
    break;
  case 6:
    fake_says(f, TRM__WORK_ITEM, id, NULL);
    break;
  default:
    fake_says(f, 4000, id, NULL);
  }
}

static void who_says_what_he_must_not_is_lost(void **state) {
  (void)state;
  static bench b;
  static fake bad, good;
  for (int what = 0; what < 8; what++) {
    open_with(&b);
    fake_up(&bad, &b, 1, 1);
    uint64_t id = put(&b, 0, NULL, 0);
    BENCH_UNTIL(&b, fake_hears(&bad) && bad.items == 1);
    say_wrong(&bad, what, id);
    BENCH_UNTIL(&b, fake_hears(&bad) && bad.ended);
    assert_int_equal(bench_up(&b), 0);
    assert_true(b.why.message[0] != 0);
    assert_int_equal(outcomes[0].ended, 0);
    fake_up(&good, &b, 2, 1);
    BENCH_UNTIL(&b, fake_hears(&good) && good.items == 1);
    assert_int_equal(good.item[0], id);
    fake_is_done(&good, id, CELLS);
    BENCH_UNTIL(&b, outcomes[0].ended);
    assert_int_equal(outcomes[0].status, TRM_OK);
    bench_close(&b);
    trm__channel_close(&bad.channel);
    trm__channel_close(&good.channel);
  }
}

static void strangers_are_not_taken(void **state) {
  (void)state;
  static bench b;
  static fake f;
  open_with(&b);
  fake_open(&f, &b, 1, "another build");
  BENCH_UNTIL(&b, fake_hears(&f) && f.ended && b.why.message[0]);
  trm__channel_close(&f.channel);
  b.why = (trm_error){0};
  fake_open(&f, &b, 2, BUILD_ID);
  fake_is_ready(&f, "chess", 1, TRM__WORK_READY);
  BENCH_UNTIL(&b, fake_hears(&f) && f.ended);
  assert_non_null(strstr(b.why.message, "other models"));
  trm__channel_close(&f.channel);
  b.why = (trm_error){0};
  fake_open(&f, &b, 3, BUILD_ID);
  fake_is_ready(&f, "sudoku", 1, TRM__WORK_UNREADY);
  BENCH_UNTIL(&b, fake_hears(&f) && b.why.message[0]);
  assert_string_equal(b.why.message, "is gone");
  assert_int_equal(f.ended, TRM_OK);
  assert_int_equal(bench_up(&b), 0);
  bench_close(&b);
  trm__channel_close(&f.channel);
}

static void cancels_reach_the_engine_and_deaths_end_them(void **state) {
  (void)state;
  static bench b;
  static fake f;
  open_with(&b);
  fake_up(&f, &b, 1, 2);
  uint64_t first = put(&b, 0, NULL, 0), second = put(&b, 1, NULL, 0), third = put(&b, 2, NULL, 0);
  BENCH_UNTIL(&b, fake_hears(&f) && f.items == 2);
  trm__serve_pool_cancel(b.pool, first);
  trm__serve_pool_cancel(b.pool, third);
  BENCH_UNTIL(&b, fake_hears(&f) && f.cancels == 1 && outcomes[2].ended);
  assert_int_equal(f.cancel[0], first);
  assert_true(outcomes[2].cancelled && !outcomes[0].ended);
  trm__channel_close(&f.channel); /* it dies: what is cancelled is not tried again */
  BENCH_UNTIL(&b, outcomes[0].ended);
  assert_true(outcomes[0].cancelled && outcomes[0].status == TRM_OK && !outcomes[1].ended);
  fake_up(&f, &b, 2, 2);
  BENCH_UNTIL(&b, fake_hears(&f) && f.items == 1);
  assert_int_equal(f.item[0], second);
  trm__channel_close(&f.channel);
  BENCH_UNTIL(&b, outcomes[1].ended);
  assert_true(outcomes[1].poison && outcomes[1].status == TRM_E_INTERNAL);
  bench_close(&b);
}

static void detached_engines_end_what_they_have(void **state) {
  (void)state;
  static bench b;
  static fake f;
  open_with(&b);
  fake_up(&f, &b, 1, 1);
  uint64_t id = put(&b, 0, NULL, 0);
  put(&b, 1, NULL, 0);
  BENCH_UNTIL(&b, fake_hears(&f) && f.items == 1);
  trm__serve_pool_detach(b.pool, 1);
  trm__serve_pool_detach(b.pool, 77);
  assert_false(trm__serve_pool_ready(b.pool));
  fake_is_done(&f, id, CELLS);
  BENCH_UNTIL(&b, fake_hears(&f) && f.ended);
  assert_int_equal(f.items, 1);
  assert_true(outcomes[0].ended == 1 && outcomes[1].ended == 0);
  bench_close(&b);
  assert_int_equal(outcomes[1].status, TRM_E_STOPPED);
  trm__channel_close(&f.channel);
}

/* More bytes than a channel holds: what cannot be sent waits, and goes when there is room. */
static void full_channels_hold_back(void **state) {
  (void)state;
  static bench b;
  static fake f;
  size_t size = (size_t)10 << 20;
  void *big = calloc(size, 1);
  assert_non_null(big);
  open_with(&b);
  fake_up(&f, &b, 1, ITEMS);
  for (int i = 0; i < ITEMS; i++) put(&b, i, big, size);
  struct timeval turn = {0, 200000};
  event_base_loopexit(b.base, &turn);
  event_base_dispatch(b.base);
  assert_true(trm__serve_pool_get_stats(b.pool).working < ITEMS);
  assert_true(trm__serve_pool_get_stats(b.pool).waiting > 0);
  BENCH_UNTIL(&b, fake_hears(&f) && f.items == ITEMS);
  for (int i = 0; i < ITEMS; i++) fake_is_done(&f, f.item[i], CELLS);
  for (int i = 0; i < ITEMS; i++) BENCH_UNTIL(&b, outcomes[i].ended == 1);
  bench_close(&b);
  trm__channel_close(&f.channel);
  free(big);
}

/* A gateway that says what it must not: the engine leaves. */
static void engines_leave_a_gateway_that_is_none(void **state) {
  (void)state;
  static const char junk[] = "{\"it\": 1}";
  for (int what = 0; what < 4; what++) {
    int sockets[2], status, got = 0;
    const trm__channel_config config = trm__channel_config_default("engine", what == 3 ? "another" : BUILD_ID);
    trm__channel *channel = NULL;
    trm__frame frame = {.type = TRM__WORK_CONFIG, .data = junk, .size = sizeof junk - 1, .fd = -1};
    assert_int_equal(trm__channel_pair(sockets, NULL), TRM_OK);
    pid_t pid = bench_spawn(sockets[1]);
    close(sockets[1]);
    if (what == 1) frame.type = TRM__WORK_ITEM;
    if (what == 2) frame.type = TRM__WORK_DONE;
    assert_int_equal(trm__channel_open(&channel, sockets[0], &config, NULL), TRM_OK);
    (void)trm__channel_send(channel, &frame, NULL);
    trm_status ended = TRM_OK;
    for (int i = 0; i < 3000 && !ended; i++) {
      struct pollfd fd = {trm__channel_socket(channel), (short)trm__channel_wants(channel), 0};
      (void)poll(&fd, 1, 10);
      (void)trm__channel_flush(channel, NULL);
      ended = trm__channel_read(channel, &frame, &got, NULL);
      assert_false(!ended && got);
    }
    assert_int_not_equal(ended, TRM_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    trm__channel_close(&channel);
  }
}

/* Another version: its engine is tried alone, gets what comes after the switch, and the old one ends what came before,
 * also when it dies on the way and is started again. */
static void versions_change(void **state) {
  (void)state;
  static bench b;
  static fake old, new;
  uint32_t generation = 0, first_generation;
  open_with(&b);
  first_generation = trm__serve_pool_generation(b.pool);
  fake_up(&old, &b, 1, 1);
  uint64_t first = put(&b, 0, NULL, 0), second = put(&b, 1, NULL, 0);
  BENCH_UNTIL(&b, fake_hears(&old) && old.items == 1);
  const trm__work_config models = bench_models("/m2", NULL);
  assert_int_equal(trm__serve_pool_prepare(b.pool, &models, &generation, NULL), TRM_OK);
  assert_int_equal(trm__serve_pool_prepare(b.pool, &models, &generation, NULL), TRM_E_BUSY);
  assert_int_equal(trm__serve_pool_switch(b.pool, NULL), TRM_E_STOPPED); /* nobody has them */
  fake_open_for(&new, &b, 2, BUILD_ID, generation);
  fake_is_ready(&new, "sudoku", 4, TRM__WORK_READY);
  BENCH_UNTIL(&b, fake_hears(&new) && trm__serve_pool_get_next(b.pool).complete == 1);
  BENCH_UNTIL(&b, fake_hears(&new) && bench_up(&b) == 2);
  assert_int_equal(new.items, 0); /* the second waits for the old one, though there is room here */
  assert_int_equal(trm__serve_pool_switch(b.pool, NULL), TRM_OK);
  uint64_t third = put(&b, 2, NULL, 0);
  BENCH_UNTIL(&b, fake_hears(&new) && new.items == 1);
  assert_int_equal(new.item[0], third);
  assert_int_equal(trm__serve_pool_needs(b.pool, first_generation), 1);
  trm__channel_close(&old.channel); /* it dies */
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  assert_int_equal(outcomes[0].ended + outcomes[1].ended, 0);
  assert_int_equal(trm__serve_pool_needs(b.pool, first_generation), 1);
  fake_open_for(&old, &b, 3, BUILD_ID, first_generation);
  fake_is_ready(&old, "sudoku", 1, TRM__WORK_READY);
  BENCH_UNTIL(&b, fake_hears(&old) && old.items == 1);
  assert_int_equal(old.item[0], first);
  fake_is_done(&old, first, CELLS);
  BENCH_UNTIL(&b, fake_hears(&old) && old.items == 2);
  assert_int_equal(old.item[1], second);
  assert_int_equal(trm__serve_pool_is_settled(b.pool), 0);
  fake_is_done(&old, second, CELLS);
  BENCH_UNTIL(&b, fake_hears(&old) && old.ended); /* nothing is left for it */
  assert_int_equal(trm__serve_pool_needs(b.pool, first_generation), 0);
  assert_int_equal(trm__serve_pool_is_settled(b.pool), 1);
  fake_is_done(&new, third, CELLS);
  BENCH_UNTIL(&b, outcomes[2].ended);
  for (int i = 0; i < 3; i++) assert_int_equal(outcomes[i].status, TRM_OK);
  bench_close(&b);
  trm__channel_close(&old.channel);
  trm__channel_close(&new.channel);
}

/* A version that is dropped, two hundred times: nothing is left of it, and what served serves on. */
static void versions_are_dropped(void **state) {
  (void)state;
  static bench b;
  static fake now, next;
  open_with(&b);
  fake_up(&now, &b, 1, 1);
  for (int i = 0; i < 200; i++) {
    uint32_t generation = 0;
    const trm__work_config models = bench_models(i % 2 ? "/m2" : "/m3", NULL);
    assert_int_equal(trm__serve_pool_prepare(b.pool, &models, &generation, NULL), TRM_OK);
    if (i % 10 == 0) {
      fake_open_for(&next, &b, 2 + (uint64_t)i, BUILD_ID, generation);
      fake_is_ready(&next, "sudoku", 4, i % 20 ? TRM__WORK_READY : TRM__WORK_UNREADY);
      BENCH_UNTIL(&b, fake_hears(&next) &&
                          trm__serve_pool_get_next(b.pool).complete + trm__serve_pool_get_next(b.pool).lost == 1);
    }
    trm__serve_pool_drop(b.pool);
    assert_int_equal(trm__serve_pool_needs(b.pool, generation), 0);
    if (i % 10) continue;
    BENCH_UNTIL(&b, fake_hears(&next) && next.ended);
    trm__channel_close(&next.channel);
  }
  uint64_t first = put(&b, 0, NULL, 0);
  BENCH_UNTIL(&b, fake_hears(&now) && now.items == 1);
  fake_is_done(&now, first, CELLS);
  BENCH_UNTIL(&b, outcomes[0].ended);
  bench_close(&b);
  trm__channel_close(&now.channel);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_says_what_he_must_not_is_lost),
      cmocka_unit_test(strangers_are_not_taken),
      cmocka_unit_test(versions_change),
      cmocka_unit_test(versions_are_dropped),
      cmocka_unit_test(cancels_reach_the_engine_and_deaths_end_them),
      cmocka_unit_test(detached_engines_end_what_they_have),
      cmocka_unit_test(full_channels_hold_back),
      cmocka_unit_test(engines_leave_a_gateway_that_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
