/* The loader: epochs are permutations that follow one another without a seam, whatever the batch; rows do not depend on
 * threads or on which are taken; a restored position continues exactly. */
#include "support/check.h"

#include <trm/data.h>
#include <unistd.h>

#include "base/status.h"
#include "data/dataset.h"
#include "data/load/ahead.h"
#include "data/load/loader.h"

enum { CELLS = 16, MOST = 64 };

typedef struct batch {
  int32_t inputs[MOST * CELLS], labels[MOST * CELLS], ids[MOST];
} batch;

/* Example i's first cells spell i; labels too. puzzle_sizes: examples of each puzzle, or NULL for one. */
static trm_dataset *make(int64_t examples, const int *puzzle_sizes, int puzzles, int group_size) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  const trm_task task = {.kind = TRM_TASK_GENERIC, .width = CELLS, .height = 1, .vocab_size = 200};
  CHECK_OK(trm__dataset_new(&d, &task, examples, group_size, NULL, &err), err);
  for (int64_t i = 0; i < examples * CELLS; i++) d->inputs[i] = d->labels[i] = (uint8_t)(1 + i / CELLS % 199);
  if (puzzle_sizes) {
    int64_t at = 0;
    for (int p = 0; p < puzzles; p++) {
      d->puzzle_indices[p] = at;
      at += puzzle_sizes[p];
      d->identifiers[p] = 100 + p;
    }
    assert_int_equal(at, examples);
    d->puzzle_indices[puzzles] = at;
    d->info.puzzles = puzzles;
    d->info.groups = (puzzles + group_size - 1) / group_size;
    for (int g = 0; g <= d->info.groups; g++) d->group_indices[g] = g * group_size < puzzles ? g * group_size : puzzles;
  }
  return d;
}

static trm__pool *pools[8];

/* A pool that stays open; NULL for no threads. */
static trm__pool *pool_of(int threads) {
  trm_error err = {0};
  if (threads && !pools[threads]) CHECK_OK(trm__pool_open(&pools[threads], threads, &err), err);
  return pools[threads];
}

static trm__loader *open_loader(const trm_dataset *d, int size, uint64_t seed, int augment, int threads) {
  trm__loader *l = NULL;
  trm_error err = {0};
  const trm__loader_config config = {.batch = size, .seed = seed, .augment = augment, .pool = pool_of(threads)};
  CHECK_OK(trm__loader_open(&l, d, &config, &err), err);
  return l;
}

static void next(trm__loader *l, const uint8_t *take, batch *b) {
  uint8_t all[MOST];
  memset(all, 1, sizeof all);
  trm_error err = {0};
  CHECK_OK(trm__loader_next(l, take ? take : all, b->inputs, b->labels, b->ids, &err), err);
}

static void test_permutations(void **state) {
  (void)state;
  static const int sizes[] = {1, 3, 7, 16, 37, 64};
  enum { GROUPS = 37, EPOCHS = 12 };
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    trm_dataset *d = make(GROUPS, NULL, 0, 1);
    trm__loader *l = open_loader(d, sizes[k], 5, 0, 0);
    int order[GROUPS * EPOCHS + MOST], got = 0, differ = 0;
    batch b;
    while (got < GROUPS * EPOCHS) {
      next(l, NULL, &b);
      for (int i = 0; i < sizes[k]; i++) order[got++] = b.inputs[i * CELLS] - 1;
    }
    for (int e = 0; e < EPOCHS; e++) {
      int seen[GROUPS] = {0};
      for (int i = 0; i < GROUPS; i++) seen[order[e * GROUPS + i]]++;
      for (int i = 0; i < GROUPS; i++) assert_int_equal(seen[i], 1);
      differ += e > 0 && memcmp(order, order + e * GROUPS, GROUPS * sizeof *order) != 0;
    }
    assert_int_equal(differ, EPOCHS - 1);
    trm__loader_close(&l);
    assert_null(l);
    trm_dataset_close(&d);
  }
}

/* The order of candidates does not depend on the batch when every puzzle has one example. */
static void test_batch_is_a_cut(void **state) {
  (void)state;
  trm_dataset *d = make(29, NULL, 0, 1);
  trm__loader *a = open_loader(d, 60, 9, 0, 0), *b = open_loader(d, 20, 9, 0, 0);
  batch x, y;
  next(a, NULL, &x);
  for (int k = 0; k < 3; k++) {
    next(b, NULL, &y);
    assert_memory_equal(y.inputs, x.inputs + (size_t)k * 20 * CELLS, 20 * CELLS * sizeof(int32_t));
  }
  trm__loader *c = open_loader(d, 60, 10, 0, 0);
  next(c, NULL, &y);
  assert_memory_not_equal(y.inputs, x.inputs, sizeof x.inputs / 2);
  trm__loader_close(&a);
  trm__loader_close(&b);
  trm__loader_close(&c);
  trm_dataset_close(&d);
}

/* Groups of two puzzles with 1, 5, 2, 4, 3, 3 examples: a visit gives all examples of one puzzle, each once, except
 * where the batch ends. */
static void test_groups(void **state) {
  (void)state;
  const int sizes[6] = {1, 5, 2, 4, 3, 3};
  trm_dataset *d = make(18, sizes, 6, 2);
  trm__loader *l = open_loader(d, 10, 3, 0, 0);
  int visits[6] = {0}, firsts[18] = {0};
  for (int n = 0; n < 400; n++) {
    batch b;
    next(l, NULL, &b);
    for (int i = 0; i < 10;) {
      int p = b.ids[i] - 100, seen[18] = {0}, k = 0;
      assert_true(p >= 0 && p < 6);
      visits[p]++;
      firsts[b.inputs[i * CELLS] - 1]++;
      for (; i < 10 && k < sizes[p]; i++, k++) {
        int example = b.inputs[i * CELLS] - 1;
        assert_int_equal(b.ids[i] - 100, p);
        assert_true(example >= d->puzzle_indices[p] && example < d->puzzle_indices[p + 1]);
        assert_int_equal(seen[example]++, 0);
      }
    }
  }
  for (int g = 0; g < 3; g++) { /* both puzzles of a group are drawn about equally often */
    int total = visits[2 * g] + visits[2 * g + 1];
    assert_true(abs(visits[2 * g] - visits[2 * g + 1]) < total / 5);
  }
  for (int p = 0; p < 6; p++) /* and each example comes first equally often */
    for (int64_t e = d->puzzle_indices[p]; e < d->puzzle_indices[p + 1]; e++)
      assert_true(abs(firsts[e] * sizes[p] - visits[p]) < visits[p] / 2);
  trm__loader_close(&l);
  trm_dataset_close(&d);
}

static trm_dataset *make_sudoku(void) {
  static const uint8_t solved[16] = {2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2};
  trm_dataset *d = NULL;
  trm_error err = {0};
  trm_task task = trm_task_sudoku(4);
  CHECK_OK(trm__dataset_new(&d, &task, 11, 1, NULL, &err), err);
  for (int64_t i = 0; i < 11; i++)
    for (int c = 0; c < 16; c++) {
      d->labels[i * 16 + c] = solved[c];
      d->inputs[i * 16 + c] = c == i || c == (i + 5) % 16 ? solved[c] : 1;
    }
  return d;
}

static void test_threads_and_takes(void **state) {
  (void)state;
  trm_dataset *d = make_sudoku();
  trm__loader *reference = open_loader(d, 50, 4, 1, 0), *plain = open_loader(d, 50, 4, 0, 0);
  trm__loader *others[] = {open_loader(d, 50, 4, 1, 1), open_loader(d, 50, 4, 1, 2), open_loader(d, 50, 4, 1, 7)};
  int changed = 0;
  for (int n = 0; n < 20; n++) {
    batch expected, unchanged;
    next(reference, NULL, &expected);
    next(plain, NULL, &unchanged);
    changed += memcmp(expected.inputs, unchanged.inputs, 50 * CELLS * sizeof(int32_t)) != 0;
    for (int i = 0; i < 50; i++) {
      trm_task_verdict v = trm_task_judge(&d->info.task, expected.inputs + i * CELLS, expected.labels + i * CELLS);
      assert_true(v.keeps_clues == 1 && v.keeps_rules == 1);
    }
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
      batch b;
      uint8_t take[MOST];
      memset(&b, 0x7e, sizeof b);
      for (int i = 0; i < 50; i++) take[i] = (uint8_t)((i * 7 + n + (int)k) % 3 == 0 ? 0 : i % 255 + 1);
      if (n == 5) memset(take, 0, sizeof take); /* nothing halted: the batch still counts */
      next(others[k], take, &b);
      for (int i = 0; i < 50; i++)
        for (int c = 0; c < CELLS; c++) {
          assert_int_equal(b.inputs[i * CELLS + c], take[i] ? expected.inputs[i * CELLS + c] : 0x7e7e7e7e);
          assert_int_equal(b.labels[i * CELLS + c], take[i] ? expected.labels[i * CELLS + c] : 0x7e7e7e7e);
        }
      for (int i = 0; i < 50; i++) assert_int_equal(b.ids[i], take[i] ? expected.ids[i] : 0x7e7e7e7e);
    }
  }
  assert_int_equal(changed, 20);
  for (size_t k = 0; k < sizeof others / sizeof *others; k++) trm__loader_close(&others[k]);
  trm__loader_close(&reference);
  trm__loader_close(&plain);
  trm_dataset_close(&d);
}

static void test_restore(void **state) {
  (void)state;
  const int sizes[6] = {1, 5, 2, 4, 3, 3};
  trm_dataset *sets[] = {make(18, sizes, 6, 2), make_sudoku()};
  for (int s = 0; s < 2; s++)
    for (int at = 0; at < 25; at++) {
      trm__loader *l = open_loader(sets[s], 10, 77, s, 0), *again = open_loader(sets[s], 10, 77, s, 2);
      batch a, b;
      trm_error err = {0};
      static const uint8_t none[MOST];
      for (int n = 0; n < at; n++) next(l, none, &a);
      json_t *position = trm__loader_state(l);
      char *text = json_dumps(position, 0);
      json_decref(position);
      position = json_loads(text, 0, NULL);
      free(text);
      for (int n = 0; n < at % 3; n++) next(again, NULL, &b); /* used before: the restored position counts alone */
      CHECK_OK(trm__loader_restore(again, position, "checkpoint", &err), err);
      json_decref(position);
      memset(&a, 0, sizeof a);
      memset(&b, 0, sizeof b);
      for (int n = 0; n < 8; n++) {
        next(l, NULL, &a);
        next(again, NULL, &b);
        assert_memory_equal(&a, &b, sizeof a);
      }
      trm__loader_close(&l);
      trm__loader_close(&again);
    }
  trm_dataset_close(&sets[0]);
  trm_dataset_close(&sets[1]);
}

static trm__loader *open_ahead(const trm_dataset *d, int threads, int ahead) {
  trm__loader *l = NULL;
  trm_error err = {0};
  const trm__loader_config config = {.batch = 10, .seed = 77, .augment = 1, .pool = pool_of(threads), .ahead = ahead};
  CHECK_OK(trm__loader_open(&l, d, &config, &err), err);
  return l;
}

/* Batches built ahead are the same, whatever the ring's size and the pace, and the position is that of the batches
 * taken: so is a restored one, also when the ring was already full. */
static void test_ahead(void **state) {
  (void)state;
  trm_dataset *d = make_sudoku();
  for (int ahead = 1; ahead <= 4; ahead++) {
    trm__loader *plain = open_ahead(d, 0, 0), *ring = open_ahead(d, ahead % 3, ahead);
    batch a, b;
    trm_error err = {0};
    json_t *before = NULL;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    for (int n = 0; n < 30; n++) {
      next(plain, NULL, &a);
      CHECK_OK(trm__loader_next(ring, NULL, b.inputs, b.labels, b.ids, &err), err);
      assert_memory_equal(&a, &b, sizeof a);
      json_t *here = trm__loader_state(plain), *there = trm__loader_state(ring);
      assert_true(json_equal(here, there));
      json_decref(here);
      if (n == 12) before = there;
      else json_decref(there);
      if (n % 9 == 0) usleep(2000); /* the ring fills */
    }
    CHECK_OK(trm__loader_restore(plain, before, "state", &err), err);
    CHECK_OK(trm__loader_restore(ring, before, "state", &err), err);
    json_decref(before);
    for (int n = 0; n < 5; n++) {
      next(plain, NULL, &a);
      next(ring, NULL, &b);
      assert_memory_equal(&a, &b, sizeof a);
    }
    trm__loader_close(&plain);
    trm__loader_close(&ring);
  }
  trm__loader *unused = open_ahead(d, 1, 2); /* never asked */
  trm__loader_close(&unused);
  trm_dataset_close(&d);
}

/* A rank builds the rows of its own slots; the sequence is the whole batch's. */
static void test_ranks(void **state) {
  (void)state;
  trm_dataset *d = make_sudoku();
  trm__loader *whole = open_ahead(d, 0, 0);
  for (int ahead = 0; ahead < 3; ahead += 2) {
    trm__loader *part = NULL;
    trm_error err = {0};
    const trm__loader_config config = {.batch = 10, .first = 4, .count = 3, .seed = 77, .augment = 1, .ahead = ahead};
    CHECK_OK(trm__loader_open(&part, d, &config, &err), err);
    json_t *start = trm__loader_state(part);
    CHECK_OK(trm__loader_restore(whole, start, "state", &err), err);
    json_decref(start);
    for (int n = 0; n < 6; n++) {
      batch a, b;
      memset(&b, 0x7e, sizeof b);
      next(whole, NULL, &a);
      CHECK_OK(trm__loader_next(part, NULL, b.inputs, b.labels, b.ids, &err), err);
      assert_memory_equal(a.inputs + 4 * CELLS, b.inputs, 3 * CELLS * sizeof(int32_t));
      assert_memory_equal(a.labels + 4 * CELLS, b.labels, 3 * CELLS * sizeof(int32_t));
      assert_memory_equal(a.ids + 4, b.ids, 3 * sizeof(int32_t));
      assert_int_equal(b.inputs[3 * CELLS], 0x7e7e7e7e);
      assert_int_equal(b.ids[3], 0x7e7e7e7e);
    }
    trm__loader_close(&part);
  }
  trm__loader_close(&whole);
  trm_dataset_close(&d);
}

static trm_status fail_third(void *context, trm__batch *to, trm_error *err) {
  int *built = context;
  to->ids[0] = ++*built;
  return *built < 3 ? TRM_OK : trm__fail(err, TRM_E_INPUT, "third", "cannot be built");
}

/* What was built before a failure is still given out; the failure stays. */
static void test_ahead_fails(void **state) {
  (void)state;
  int built = 0;
  trm_error err = {0};
  trm__ahead *ahead = NULL;
  const trm__batch *got = NULL;
  CHECK_OK(trm__ahead_open(&ahead, 4, 1, 2, fail_third, &built, &err), err);
  for (int i = 1; i <= 2; i++) {
    CHECK_OK(trm__ahead_next(ahead, &got, &err), err);
    assert_int_equal(got->ids[0], i);
  }
  for (int i = 0; i < 2; i++) CHECK_FAILS(trm__ahead_next(ahead, &got, &err), TRM_E_INPUT, err, "cannot be built");
  trm__ahead_close(&ahead);
  assert_null(ahead);
}

static trm_status open_ring(void *context, trm_error *err) {
  batch b;
  trm__loader *l = NULL;
  const trm__loader_config config = {.batch = 10, .ahead = 2};
  trm_status status = trm__loader_open(&l, context, &config, err);
  if (!status) status = trm__loader_next(l, NULL, b.inputs, b.labels, b.ids, err);
  trm__loader_close(&l);
  return status;
}

static void test_bad_state(void **state) {
  (void)state;
  const struct {
    const char *text, *message;
  } cases[] = {
      {"{}", "groups"},
      {"[]", "groups"},
      {"{\"epoch\":0,\"position\":0,\"batches\":0,\"batch\":9,\"groups\":11}", "\"batch\": found 9, expected 10"},
      {"{\"epoch\":0,\"position\":0,\"batches\":0,\"batch\":10,\"groups\":12}", "\"groups\": found 12, expected 11"},
      {"{\"epoch\":0,\"position\":11,\"batches\":0,\"batch\":10,\"groups\":11}", "\"position\": found 11"},
      {"{\"epoch\":0,\"position\":-1,\"batches\":0,\"batch\":10,\"groups\":11}", "\"position\""},
      {"{\"epoch\":-1,\"position\":0,\"batches\":0,\"batch\":10,\"groups\":11}", "\"epoch\""},
      {"{\"epoch\":9223372036854775807,\"position\":0,\"batches\":0,\"batch\":10,\"groups\":11}", "\"epoch\""},
      {"{\"epoch\":0,\"position\":0,\"batches\":9223372036854775807,\"batch\":10,\"groups\":11}", "\"batches\""},
      {"{\"epoch\":0,\"position\":0,\"batches\":\"0\",\"batch\":10,\"groups\":11}", "\"batches\""},
  };
  trm_dataset *d = make_sudoku();
  trm__loader *l = open_loader(d, 10, 1, 0, 0), *fresh = open_loader(d, 10, 1, 0, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *json = json_loads(cases[i].text, 0, NULL);
    trm_error err = {0};
    CHECK_FAILS(trm__loader_restore(l, json, "step-5/state.json", &err), TRM_E_INPUT, err, cases[i].message);
    assert_string_equal(err.where, "step-5/state.json");
    json_decref(json);
  }
  batch a, b; /* a refused state changes nothing */
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  next(l, NULL, &a);
  next(fresh, NULL, &b);
  assert_memory_equal(&a, &b, sizeof a);
  trm__loader_close(&l);
  trm__loader_close(&fresh);
  trm_dataset_close(&d);
}

static trm_status open_and_close(void *context, trm_error *err) {
  trm__loader *l = NULL;
  const trm__loader_config config = {.batch = 10, .pool = pool_of(2)};
  trm_status status = trm__loader_open(&l, context, &config, err);
  trm__loader_close(&l);
  return status;
}

static void test_open(void **state) {
  (void)state;
  trm_dataset *d = make_sudoku(), *plain = make(5, NULL, 0, 1);
  trm__loader *l = NULL;
  trm_error err = {0};
  assert_true(check_each_allocation(open_and_close, d) >= 4);
  assert_int_equal(check_each_allocation(open_ring, d), 4 + 2 + 9); /* loader, ring, three batches */
  trm__loader_config config = {.batch = 0};
  CHECK_FAILS(trm__loader_open(&l, d, &config, &err), TRM_E_INPUT, err, "batch");
  config = (trm__loader_config){.batch = 1, .augment = 1};
  CHECK_FAILS(trm__loader_open(&l, plain, &config, &err), TRM_E_INPUT, err, "no known symmetries");
  assert_null(l);
  trm__loader_close(&l);
  trm__loader_close(NULL);
  trm_dataset_close(&d);
  trm_dataset_close(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_permutations), cmocka_unit_test(test_batch_is_a_cut),
      cmocka_unit_test(test_groups),       cmocka_unit_test(test_threads_and_takes),
      cmocka_unit_test(test_restore),      cmocka_unit_test(test_bad_state),
      cmocka_unit_test(test_open),         cmocka_unit_test(test_ahead),
      cmocka_unit_test(test_ranks),        cmocka_unit_test(test_ahead_fails),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) trm__pool_close(&pools[i]);
  return failed;
}
