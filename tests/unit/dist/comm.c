/* Operations of ranks, with one rank and with several as threads: odd sizes, the order of sums, arrays of a device, and
 * ranks that fail or leave while others wait. */
#include "support/check.h"

#include <trm/trm.h>

#include "backend/runtime.h"
#include "base/rng.h"
#include "dist/comm.h"
#include "support/device_backend.h"
#include "support/thread_comm.h"

/* One rank's part in a test. */
typedef struct part {
  trm__share share;
  size_t n;
  int on_device;         /* 1: the arrays are a device's */
  const trm__real *all;  /* slices of all ranks, [slices][n] */
  trm__real *sum;        /* [n]: what this rank got */
  int64_t value, second; /* of small operations */
  int fail_at;           /* rank 1 stops before this operation; -1: never */
  int leave;             /* 1: without a word */
} part;

static trm_status run_parts(part *parts, int size, trm_status *status, thread_rank_fn fn) {
  trm_error error[THREAD_RANKS];
  thread_ranks(size, 0, fn, parts, sizeof *parts, status, error);
  for (int r = 0; r < size; r++)
    if (status[r]) return status[r];
  return TRM_OK;
}

/* -- shares ------------------------------------------------------------------------------------------------------- */

static void test_shares(void **state) {
  (void)state;
  for (size_t items = 1; items < 30; items++)
    for (size_t slices = 1; slices <= items; slices++)
      for (int size = 1; size < 8; size++) {
        trm__share share = {items, slices};
        assert_int_equal(trm__share_first(&share, 0, size), 0);
        assert_int_equal(trm__share_first(&share, size, size), items);
        for (size_t k = 0; k < slices; k++)
          assert_in_range(trm__share_item(&share, k + 1) - trm__share_item(&share, k), items / slices,
                          (items + slices - 1) / slices);
        for (int r = 0; r < size; r++) {
          size_t first = trm__share_first_slice(&share, r, size);
          size_t own = trm__share_first_slice(&share, r + 1, size) - first;
          assert_int_equal(trm__share_first(&share, r, size), trm__share_item(&share, first));
          assert_in_range(own, slices / (size_t)size, (slices + (size_t)size - 1) / (size_t)size);
        }
      }
}

/* A rank of a power of two of them has one subtree; any other number has whole ones, as few as possible, in order. */
static void test_trees(void **state) {
  (void)state;
  for (size_t slices = 1; slices <= 64; slices++)
    for (int size = 1; size <= (int)slices && size < 20; size++) {
      trm__share share = {slices, slices};
      for (int r = 0; r < size; r++) {
        trm__tree tree;
        size_t at = trm__share_first_slice(&share, r, size), end = trm__share_first_slice(&share, r + 1, size);
        int nodes = trm__tree_of(&share, r, size, &tree), room = trm__tree_room(&share, r, size);
        if (!(slices & (slices - 1)) && !(size & (size - 1))) assert_int_equal(nodes, 1);
        assert_in_range(nodes, end > at, room);
        assert_in_range(room, nodes, 13);
        for (int k = 0; k < nodes; k++) {
          size_t count = (size_t)1 << tree.node[k].level;
          assert_int_equal(tree.node[k].first, at);
          assert_int_equal(at % count, 0);
          at += count;
        }
        assert_int_equal(at, end);
      }
    }
}

/* -- one rank ----------------------------------------------------------------------------------------------------- */

static void test_self(void **state) {
  (void)state;
  trm_error err = {0};
  trm__comm *comm = NULL;
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  CHECK_OK(trm_runtime_open(&runtime, &config, &err), err);
  CHECK_OK(trm__comm_self(&comm, &err), err);
  assert_int_equal(comm->rank, 0);
  assert_int_equal(comm->size, 1);
  trm__backend *be = runtime->backend;
  trm__share share = {3, 1}; /* one slice: its array is the sum */
  assert_int_equal(trm__comm_reserved_bytes(comm, be, &share, 100), 0);
  CHECK_OK(trm__comm_reserve(comm, be, &share, 100, &err), err);
  trm__real x[3] = {1, NAN, 3}, before[3], copy[3] = {0};
  memcpy(before, x, sizeof x);
  CHECK_OK(trm__comm_sum(comm, be, x, &share, 3, &err), err);
  CHECK_OK(trm__comm_gather_rows(comm, be, x, &share, sizeof *x, &err), err);
  CHECK_OK(trm__comm_gather(comm, x, sizeof x, &err), err);
  CHECK_OK(trm__comm_broadcast(comm, x, sizeof x, &err), err);
  CHECK_OK(trm__comm_barrier(comm, &err), err);
  CHECK_OK(trm__comm_collect(comm, x, copy, &share, sizeof *x, &err), err);
  assert_memory_equal(x, before, sizeof x);
  assert_memory_equal(copy, before, sizeof x);
  int64_t value = -7;
  CHECK_OK(trm__comm_largest(comm, &value, &err), err);
  assert_int_equal(value, -7);
  trm__fail(&err, TRM_E_IO, "here", "something");
  trm__comm_abandon(comm, &err); /* nobody to tell */
  CHECK_OK(trm__comm_barrier(comm, &err), err);
  trm__comm_close(&comm);
  assert_null(comm);
  trm__comm_close(&comm);
  trm_runtime_close(&runtime);
}

static trm_status open_self(void *context, trm_error *err) {
  trm__comm *comm = NULL;
  (void)context;
  trm_status status = trm__comm_self(&comm, err);
  assert_true((comm != NULL) == !status);
  trm__comm_close(&comm);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  assert_int_equal(check_each_allocation(open_self, NULL), 4);
}

/* -- sums --------------------------------------------------------------------------------------------------------- */

/* Numbers of very different sizes, so that another order of additions gives other bits. */
static trm__real *make_slices(size_t slices, size_t n) {
  trm__real *x = trm__calloc(slices * n, sizeof *x);
  assert_non_null(x);
  trm__rng rng = trm__rng_make(3, TRM__RNG_TEST, slices * 1000 + n);
  for (size_t i = 0; i < slices * n; i++)
    x[i] = (trm__real)(trm__rng_normal(&rng) * (double)(1 << trm__rng_below(&rng, 20)));
  return x;
}

/* The tree as its definition has it: the largest power of two of slices on the left, the rest on the right. */
static void tree_sum(trm__real *sum, const trm__real *x, size_t slices, size_t n) {
  size_t left = 1;
  memcpy(sum, x, n * sizeof *sum);
  if (slices == 1) return;
  while (2 * left < slices) left *= 2;
  trm__real *right = trm__calloc(n, sizeof *right);
  assert_non_null(right);
  tree_sum(sum, x, left, n);
  tree_sum(right, x + left * n, slices - left, n);
  for (size_t i = 0; i < n; i++) sum[i] += right[i];
  trm__free(right);
}

/* The slices in their tree, or one after the other. */
static trm__real *fold(const trm__real *x, size_t slices, size_t n, int in_order) {
  trm__real *sum = trm__calloc(n, sizeof *sum);
  assert_non_null(sum);
  if (!in_order) tree_sum(sum, x, slices, n);
  for (size_t b = 0; in_order && b < slices; b++)
    for (size_t i = 0; i < n; i++) sum[i] += x[b * n + i];
  return sum;
}

/* A backend for this rank alone. */
typedef struct bench {
  trm_runtime *runtime;
  trm__backend *device, *be;
} bench;

static trm_status open_bench(bench *b, int on_device, trm_error *err) {
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  *b = (bench){.runtime = NULL};
  trm_status status = trm_runtime_open(&b->runtime, &config, err);
  if (status) return status;
  b->be = b->runtime->backend;
  if (on_device) b->be = b->device = device_open(b->runtime->backend, 0);
  return TRM_OK;
}

static void close_bench(bench *b) {
  if (b->device) trm__backend_close(&b->device);
  trm_runtime_close(&b->runtime);
}

/* This rank's slices into x, as an update makes them: each behind the tree's nodes. */
static void grow(trm__backend *be, const part *p, size_t first, size_t own, trm__real *x) {
  trm__tree tree = {.nodes = 0};
  for (size_t k = first; k < first + own; k++) {
    trm__real *at = x + (size_t)tree.nodes * p->n;
    be->copy(be, at, p->all + k * p->n, p->n * sizeof *x, TRM__COPY_TO_DEVICE);
    for (int merges = trm__tree_push(&tree, k, 0); merges > 0; merges--, at -= p->n) be->add(be, at - p->n, at, p->n);
  }
}

static trm_status sum_part(trm__comm *comm, void *context, trm_error *err) {
  part *p = context;
  bench b;
  size_t from = trm__share_first_slice(&p->share, comm->rank, comm->size);
  size_t own = trm__share_first_slice(&p->share, comm->rank + 1, comm->size) - from;
  size_t bytes = p->n * sizeof(trm__real);
  trm_status status = open_bench(&b, p->on_device, err);
  if (status) return status;
  trm__real *x = b.be->alloc(b.be, (size_t)trm__tree_room(&p->share, comm->rank, comm->size) * bytes);
  status = trm__comm_reserve(comm, b.be, &p->share, 8, err);
  if (!status && comm->stage_bytes != trm__comm_reserved_bytes(comm, b.be, &p->share, 8))
    status = trm__fail(err, TRM_E_INTERNAL, "reserve", "%zu bytes", comm->stage_bytes);
  for (int again = 0; again < 2 && !status; again++) { /* the second sum starts from the first's result */
    grow(b.be, p, from, own, x);
    status = trm__comm_sum(comm, b.be, x, &p->share, p->n, err);
  }
  b.be->copy(b.be, p->sum, x, bytes, TRM__COPY_TO_HOST);
  b.be->free(b.be, x);
  close_bench(&b);
  return status;
}

static void check_sum(size_t items, size_t slices, size_t n, int on_device) {
  trm__share share = {items, slices};
  trm__real *all = make_slices(slices, n), *expected = fold(all, slices, n, 0), *other = fold(all, slices, n, 1);
  assert_true(n < 1000 || slices < 4 || memcmp(expected, other, n * sizeof *other) != 0);
  for (int size = 1; size <= 5 && (size_t)size <= slices; size++) {
    part parts[THREAD_RANKS];
    trm_status status[THREAD_RANKS];
    trm__real *sums = trm__calloc((size_t)size * n, sizeof *sums);
    assert_non_null(sums);
    for (int r = 0; r < size; r++)
      parts[r] = (part){.share = share, .n = n, .on_device = on_device, .all = all, .sum = sums + (size_t)r * n};
    assert_int_equal(run_parts(parts, size, status, sum_part), TRM_OK);
    for (int r = 0; r < size; r++)
      if (memcmp(parts[r].sum, expected, n * sizeof *expected) != 0)
        fail_msg("%zu items in %zu slices, %zu numbers: rank %d of %d has another sum", items, slices, n, r, size);
    trm__free(sums);
  }
  trm__free(all);
  trm__free(expected);
  trm__free(other);
}

static void test_sums(void **state) {
  (void)state;
  static const size_t n[] = {1, 2, 3, 7, 64, 1001};
  for (size_t i = 0; i < sizeof n / sizeof *n; i++)
    for (int on_device = 0; on_device < 2; on_device++) {
      check_sum(2, 2, n[i], on_device);
      check_sum(5, 3, n[i], on_device);
      check_sum(7, 7, n[i], on_device);
      check_sum(13, 8, n[i], on_device);
    }
}

/* Several pieces of the staging buffer, the last one short. */
static void test_long_sums(void **state) {
  (void)state;
  check_sum(2, 2, ((size_t)1 << 21) + 3, 0);
  check_sum(5, 5, ((size_t)1 << 20) + 1, 1);
}

static trm_status nan_part(trm__comm *comm, void *context, trm_error *err) {
  part *p = context;
  bench b;
  trm_status status = open_bench(&b, 0, err);
  if (status) return status;
  status = trm__comm_reserve(comm, b.be, &p->share, 8, err);
  trm__real x[3] = {1, comm->rank == 1 ? NAN : 1, comm->rank == 2 ? (trm__real)INFINITY : 1};
  if (!status) status = trm__comm_sum(comm, b.be, x, &p->share, 3, err);
  p->value = x[0] == 3 && isnan(x[1]) && isinf(x[2]);
  close_bench(&b);
  return status;
}

static void test_nan_reaches_all(void **state) {
  (void)state;
  part parts[3] = {{.share = {3, 3}}, {.share = {3, 3}}, {.share = {3, 3}}};
  trm_status status[THREAD_RANKS];
  assert_int_equal(run_parts(parts, 3, status, nan_part), TRM_OK);
  for (int r = 0; r < 3; r++) assert_int_equal(parts[r].value, 1);
}

/* -- rows and small values ---------------------------------------------------------------------------------------- */

enum { ROW = 3 }; /* bytes */

static unsigned char row_byte(size_t item, size_t at) {
  return (unsigned char)(item * 7 + at * 31 + 1);
}

/* 1 when item's row is what it should be. */
static int row_is_right(const unsigned char *rows, size_t item) {
  for (size_t i = 0; i < ROW; i++)
    if (rows[item * ROW + i] != row_byte(item, i)) return 0;
  return 1;
}

static trm_status rows_part(trm__comm *comm, void *context, trm_error *err) {
  part *p = context;
  bench b;
  unsigned char host[64 * ROW] = {0}, all[64 * ROW] = {0};
  size_t items = p->share.items, first = trm__share_first(&p->share, comm->rank, comm->size);
  size_t end = trm__share_first(&p->share, comm->rank + 1, comm->size);
  trm_status status = open_bench(&b, p->on_device, err);
  if (status) return status;
  for (size_t i = first * ROW; i < end * ROW; i++) host[i] = row_byte(i / ROW, i % ROW);
  status = trm__comm_reserve(comm, b.be, &p->share, ROW, err);
  if (!status) status = trm__comm_collect(comm, host + first * ROW, all, &p->share, ROW, err);
  unsigned char *rows = b.be->alloc(b.be, items * ROW);
  b.be->copy(b.be, rows, host, items * ROW, TRM__COPY_TO_DEVICE);
  if (!status) status = trm__comm_gather_rows(comm, b.be, rows, &p->share, ROW, err);
  b.be->copy(b.be, host, rows, items * ROW, TRM__COPY_TO_HOST);
  for (size_t i = 0; i < items; i++) {
    p->value += row_is_right(host, i);
    p->second += comm->rank ? all[i * ROW] == 0 : row_is_right(all, i);
  }
  b.be->free(b.be, rows);
  close_bench(&b);
  return status;
}

static void test_rows(void **state) {
  (void)state;
  static const trm__share shares[] = {{4, 4}, {9, 5}, {64, 13}, {2, 1}};
  for (size_t s = 0; s < sizeof shares / sizeof *shares; s++)
    for (int size = 1; size <= 4; size++)
      for (int on_device = 0; on_device < 2; on_device++) {
        part parts[THREAD_RANKS] = {{.n = 0}};
        trm_status status[THREAD_RANKS];
        for (int r = 0; r < size; r++) parts[r] = (part){.share = shares[s], .on_device = on_device};
        assert_int_equal(run_parts(parts, size, status, rows_part), TRM_OK);
        for (int r = 0; r < size; r++) {
          assert_int_equal(parts[r].value, shares[s].items);
          assert_int_equal(parts[r].second, shares[s].items);
        }
      }
}

static trm_status small_part(trm__comm *comm, void *context, trm_error *err) {
  part *p = context;
  int64_t all[THREAD_RANKS] = {0}, told = comm->rank == 0 ? 42 : -1, most = -10 - (comm->rank + 2) % comm->size;
  all[comm->rank] = 100 + comm->rank;
  trm_status status = trm__comm_barrier(comm, err);
  if (!status) status = trm__comm_gather(comm, all, sizeof *all, err);
  if (!status) status = trm__comm_broadcast(comm, &told, sizeof told, err);
  if (!status) status = trm__comm_largest(comm, &most, err);
  p->value = told == 42 && most == -10;
  for (int r = 0; r < comm->size; r++) p->value &= all[r] == 100 + r;
  return status;
}

static void test_small_values(void **state) {
  (void)state;
  for (int size = 1; size <= 7; size++) {
    part parts[THREAD_RANKS] = {{.n = 0}};
    trm_status status[THREAD_RANKS];
    assert_int_equal(run_parts(parts, size, status, small_part), TRM_OK);
    for (int r = 0; r < size; r++) assert_int_equal(parts[r].value, 1);
  }
}

/* -- failures ----------------------------------------------------------------------------------------------------- */

enum { STEPS = 6 };

/* Six operations, before one of which rank 1 may stop. */
static trm_status failing_part(trm__comm *comm, void *context, trm_error *err) {
  part *p = context;
  bench b;
  trm__real x[4] = {0};
  int64_t all[THREAD_RANKS] = {0};
  trm_status status = open_bench(&b, 0, err);
  if (status) return status;
  status = trm__comm_reserve(comm, b.be, &p->share, sizeof *x, err);
  for (int step = 0; step < STEPS && !status; step++) {
    if (comm->rank == 1 && step == p->fail_at) {
      if (!p->leave) status = trm__fail(err, TRM_E_IO, "disk", "it is full");
      break;
    }
    if (step == 0) status = trm__comm_barrier(comm, err);
    if (step == 1) status = trm__comm_sum(comm, b.be, x, &p->share, 1, err);
    if (step == 2) status = trm__comm_gather_rows(comm, b.be, x, &p->share, sizeof *x, err);
    if (step == 3) status = trm__comm_broadcast(comm, x, sizeof x, err);
    if (step == 4) status = trm__comm_gather(comm, all, sizeof *all, err);
    if (step == 5) status = trm__comm_largest(comm, all, err);
    p->value += !status;
  }
  trm_error again = {0};
  if (status) trm__comm_abandon(comm, err); /* tells the others, where it is this rank's own */
  if (status && comm->rank != 1) p->second = trm__comm_barrier(comm, &again); /* what failed stays so */
  close_bench(&b);
  return status;
}

static void check_failure(int fail_at, int leave) {
  enum { SIZE = 4 };
  part parts[THREAD_RANKS];
  trm_status status[THREAD_RANKS];
  trm_error error[THREAD_RANKS];
  for (int r = 0; r < SIZE; r++) parts[r] = (part){.share = {SIZE, SIZE}, .fail_at = fail_at, .leave = leave};
  thread_ranks(SIZE, 0, failing_part, parts, sizeof *parts, status, error);
  for (int r = 0; r < SIZE; r++) {
    assert_int_equal(parts[r].value, fail_at < 0 ? STEPS : fail_at);
    if (fail_at < 0 || (r == 1 && leave)) {
      assert_int_equal(status[r], TRM_OK);
    } else {
      assert_int_equal(status[r], leave ? TRM_E_INTERNAL : TRM_E_IO);
      assert_int_equal(error[r].code, status[r]);
      if (r != 1) assert_int_equal(parts[r].second, status[r]);
      const char *expected = r == 1 ? "it is full" : leave ? "rank 1 has left" : "rank 1: it is full";
      if (!strstr(error[r].message, expected)) fail_msg("rank %d: %s: %s", r, error[r].where, error[r].message);
    }
  }
}

static void test_failing_rank(void **state) {
  (void)state;
  check_failure(-1, 0);
  for (int at = 0; at < STEPS; at++) {
    check_failure(at, 0);
    check_failure(at, 1);
  }
}

static trm_status apart(trm__comm *comm, void *context, trm_error *err) {
  int64_t value[2] = {0};
  size_t bytes = *(const int *)context && comm->rank == 0 ? 16 : 8;
  return trm__comm_broadcast(comm, value, bytes, err);
}

/* Ranks that disagree about what comes next are told so. */
static void test_different_operations(void **state) {
  (void)state;
  trm_status status[THREAD_RANKS];
  trm_error error[THREAD_RANKS];
  int differ = 1;
  thread_ranks(2, 0, apart, &differ, 0, status, error);
  for (int r = 0; r < 2; r++) {
    assert_int_equal(status[r], TRM_E_INTERNAL);
    assert_non_null(strstr(error[r].message, "different operations"));
  }
  differ = 0;
  thread_ranks(2, 1, apart, &differ, 0, status, error); /* and in turns */
  assert_int_equal(status[0] + status[1], TRM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shares),
      cmocka_unit_test(test_trees),
      cmocka_unit_test(test_self),
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_sums),
      cmocka_unit_test(test_long_sums),
      cmocka_unit_test(test_nan_reaches_all),
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_small_values),
      cmocka_unit_test(test_failing_rank),
      cmocka_unit_test(test_different_operations),
  };
  return cmocka_run_group_tests_name("comm", tests, NULL, NULL);
}
