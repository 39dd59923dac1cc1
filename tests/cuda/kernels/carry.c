/* The carry's kernels against plain loops; noise against base/rng.c. */
#include "cuda/device_check.h"

#include "base/rng.h"
#include "kernels/cuda/cuda.h"
#include "kernels/update.h"

/* -- refill ------------------------------------------------------------------------------------------------------- */

typedef struct refill_job {
  trm_dtype type;
  int b, L, D;
  const uint8_t *halted;
  const float *y0, *z0;
  void *y, *z;
} refill_job;

static void launch_refill(trm__cuda_queue *q, void *context) {
  const refill_job *j = context;
  trm__cuda_refill(q, j->type, j->b, j->L, j->D, THERE(j->halted), THERE(j->y0), THERE(j->z0), THERE(j->y),
                   THERE(j->z));
}

static void refills(void **state) {
  (void)state;
  static const int shapes[][3] = {{3, 5, 7}, {4, 9, 64}, {1, 1, 1}, {5, 3, 520}};
  static const uint8_t who[] = {1, 0, 255, 0, 1};
  for (int t = 0; t < TYPES; t++)
    for (int c = 0; c < 4; c++) {
      trm_dtype type = both_types[t];
      int b = shapes[c][0], L = shapes[c][1], D = shapes[c][2];
      size_t n = (size_t)(b * L * D), d = (size_t)D;
      float *y = floats(n), *z = floats(n), *y0 = floats(d), *z0 = floats(d);
      buffer by = buffer_filled(type, n, y, 0), bz = buffer_filled(type, n, z, 0);
      buffer by0 = buffer_filled(TRM_FLOAT32, d, y0, 0), bz0 = buffer_filled(TRM_FLOAT32, d, z0, 0);
      buffer bh = buffer_copy(who, (size_t)b);
      refill_job j = {type, b, L, D, bh.at, (float *)(void *)by0.at, (float *)(void *)bz0.at, by.at, bz.at};
      run_twice(launch_refill, &j, (buffer *[]){&by, &bz}, 2);
      for (size_t i = 0; i < n; i++) {
        int filled = who[i / ((size_t)L * d)];
        float expect_y = filled ? y0[i % d] : y[i], expect_z = filled ? z0[i % d] : z[i];
        assert_true(get_number(by.at, type, i) == rounded(expect_y, type));
        assert_true(get_number(bz.at, type, i) == rounded(expect_z, type));
      }
      buffer *all[] = {&by, &bz, &by0, &bz0, &bh};
      for (int i = 0; i < 5; i++) buffer_free(all[i]);
      float *arrays[] = {y, z, y0, z0};
      for (int i = 0; i < 4; i++) free(arrays[i]);
    }
}

/* -- noise -------------------------------------------------------------------------------------------------------- */

typedef struct noise_job {
  trm_dtype type;
  int b;
  size_t state;
  void *x;
  const uint64_t *index;
  uint64_t seed, offset;
  const uint8_t *mask;
} noise_job;

static void launch_noise(trm__cuda_queue *q, void *context) {
  const noise_job *j = context;
  trm__cuda_noise(q, j->type, j->b, j->state, THERE(j->x), 0.25, j->seed, THERE(j->index), j->offset, THERE(j->mask));
}

static void check_noise(trm_dtype type, size_t state, uint64_t offset, uint64_t block, int masked) {
  static const uint64_t names[] = {0, 0xfedcba9876543210u, 7};
  static const uint8_t mask[] = {1, 0, 3};
  uint64_t seed = 0x123456789abcdef0u;
  size_t n = 3 * state, apart = 0;
  float *x = floats(n), *want = floats(n);
  buffer bx = buffer_filled(type, n, x, 0), index = buffer_copy(names, sizeof names), bm = buffer_copy(mask, 3);
  noise_job j = {type, 3, state, bx.at, (uint64_t *)(void *)index.at, seed, offset + 2 * block, masked ? bm.at : NULL};
  for (size_t i = 0; i < 3; i++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_NOISE, names[i]);
    rng.block = block;
    for (uint64_t k = 0; k < offset; k++) trm__rng_normal(&rng);
    for (size_t k = 0; k < state; k++) {
      float draw = (float)(0.25 * trm__rng_normal(&rng));
      want[i * state + k] = x[i * state + k] + (masked && !mask[i] ? 0 : draw);
    }
  }
  run_twice(launch_noise, &j, (buffer *[]){&bx}, 1);
  for (size_t i = 0; i < n; i++) {
    float expect = rounded(want[i], type), got = get_number(bx.at, type, i);
    if (!same_number(got, expect, type, 1 + fabs((double)want[i])))
      fail_msg("noise [%zu]: %g, expected %g", i, (double)got, (double)expect);
    apart += got != expect;
  }
  assert_true(apart <= n / 100); /* of a card's rounding */
  buffer *all[] = {&bx, &index, &bm};
  for (int i = 0; i < 3; i++) buffer_free(all[i]);
  free(x);
  free(want);
}

static void noises(void **state) {
  (void)state;
  for (int t = 0; t < TYPES; t++) {
    check_noise(both_types[t], 1, 0, 0, 0);
    check_noise(both_types[t], 777, 0, 0, 0);
    check_noise(both_types[t], 1536, 10, 0, 1);
    check_noise(both_types[t], 6, 4, (uint64_t)1 << 32, 0); /* blocks beyond 32 bits */
    check_noise(both_types[t], 20, 0, ((uint64_t)1 << 32) - 5, 1);
  }
}

/* -- distance ----------------------------------------------------------------------------------------------------- */

typedef struct distance_job {
  trm_dtype type;
  int b;
  size_t state;
  const void *x, *was;
  double *out;
} distance_job;

static void launch_distance(trm__cuda_queue *q, void *context) {
  const distance_job *j = context;
  trm__cuda_distance(q, j->type, j->b, j->state, THERE(j->x), THERE(j->was), THERE(j->out));
}

static void distances(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 255, 1031, 4096};
  enum { B = 3 };
  for (int t = 0; t < TYPES; t++)
    for (int c = 0; c < 4; c++) {
      size_t n = B * sizes[c];
      float *x = floats(n), *was = floats(n);
      memcpy(was, x, sizes[c] * sizeof *was);
      buffer bx = buffer_filled(both_types[t], n, x, 0), bw = buffer_filled(both_types[t], n, was, 0);
      buffer out = buffer_new(2 * B * sizeof(double));
      distance_job j = {both_types[t], B, sizes[c], bx.at, bw.at, (double *)(void *)out.at};
      run_twice(launch_distance, &j, (buffer *[]){&out}, 1);
      for (size_t e = 0; e < B; e++) {
        double moved = 0, size = 0;
        for (size_t i = e * sizes[c]; i < (e + 1) * sizes[c]; i++) {
          double a = (double)get_number(bx.at, both_types[t], i), d = a - (double)get_number(bw.at, both_types[t], i);
          moved += d * d;
          size += a * a;
        }
        assert_true(fabs(j.out[2 * e] - moved) <= 1e-12 * moved && fabs(j.out[2 * e + 1] - size) <= 1e-12 * size);
      }
      buffer *all[] = {&bx, &bw, &out};
      for (int i = 0; i < 3; i++) buffer_free(all[i]);
      free(x);
      free(was);
    }
}

/* -- merge, winners, pick ----------------------------------------------------------------------------------------- */

typedef struct merge_job {
  trm_dtype type;
  int kind, k, b;
  size_t state;
  const void *from;
  const float *logits;
  void *to;
} merge_job;

static void launch_merge(trm__cuda_queue *q, void *context) {
  const merge_job *j = context;
  trm__cuda_merge(q, j->type, j->kind, j->k, j->b, j->state, THERE(j->from), THERE(j->logits), THERE(j->to));
}

static double q_of(const float *logits, int at) {
  return isnan(logits[at]) ? -(double)INFINITY : (double)logits[at];
}

/* What each candidate of an example counts. */
static void expect_shares(double *share, int kind, int k, int b, int example, const float *logits) {
  int best = 0;
  double sum = 0;
  for (int i = 1; i < k; i++)
    if (q_of(logits, i * b + example) > q_of(logits, best * b + example)) best = i;
  double max = q_of(logits, best * b + example);
  for (int i = 0; i < k; i++) {
    double q = q_of(logits, i * b + example);
    share[i] = kind == TRM__MERGE_BEST ? i == best : kind == TRM__MERGE_MEAN || q == max ? 1 : exp(q - max);
    sum += share[i];
  }
  for (int i = 0; i < k; i++) share[i] /= sum;
}

static void check_merge(trm_dtype type, int kind, int k, int b, size_t state) {
  static const float special[] = {NAN, -INFINITY, 2, INFINITY, 2, -3, 50};
  size_t n = (size_t)b * state, all = (size_t)k * n;
  float *from = floats(all), *logits = floats((size_t)(k * b)), *want = floats(n);
  for (int i = 0; i < k * b; i++) logits[i] = i % b == 0 ? special[i / b % 7] : i % b == 1 ? NAN : 3 * random_real();
  buffer bf = buffer_filled(type, all, from, 0), bl = buffer_floats(logits, (size_t)(k * b));
  buffer to = buffer_new(n * type_bytes(type));
  for (int e = 0; e < b; e++) {
    double share[16];
    expect_shares(share, kind, k, b, e, logits);
    for (size_t i = (size_t)e * state; i < (size_t)(e + 1) * state; i++) {
      double sum = 0;
      for (int c = 0; c < k; c++) sum += share[c] * (double)from[(size_t)c * n + i];
      want[i] = (float)sum;
    }
  }
  merge_job j = {type, kind, k, b, state, bf.at, (float *)(void *)bl.at, to.at};
  run_twice(launch_merge, &j, (buffer *[]){&to}, 1);
  check_numbers(&to, type, want, n, 1e-6, kind == TRM__MERGE_BEST ? 0 : 1e-6, "merged");
  buffer_free(&bf);
  buffer_free(&bl);
  buffer_free(&to);
  free(from);
  free(logits);
  free(want);
}

static void merges(void **state) {
  (void)state;
  for (int t = 0; t < TYPES; t++)
    for (int kind = TRM__MERGE_MEAN; kind <= TRM__MERGE_WEIGHTED; kind++) {
      check_merge(both_types[t], kind, 1, 1, 3);
      check_merge(both_types[t], kind, 3, 4, 1031);
      check_merge(both_types[t], kind, 7, 3, 4096);
      check_merge(both_types[t], kind, 16, 2, 24);
    }
}

typedef struct pick_job {
  trm_dtype type;
  int k, b;
  size_t state;
  const trm__example_stats *stats;
  int32_t *winner;
  const void *from;
  void *to;
} pick_job;

static void launch_pick(trm__cuda_queue *q, void *context) {
  const pick_job *j = context;
  trm__cuda_winners(q, j->k, j->b, THERE(j->stats), THERE(j->winner));
  trm__cuda_pick(q, j->type, j->k, j->b, j->state, THERE(j->winner), THERE(j->from), THERE(j->to));
}

static void picks(void **state) {
  (void)state;
  static const double losses[4][5] = {
      {1, NAN, 3, NAN, INFINITY}, {0.5, NAN, 3, 2, 7}, {0.25, NAN, 2, 1, NAN}, {0.25, NAN, 2, NAN, 7}};
  static const int32_t winner[] = {2, 0, 2, 2, 1};
  static const size_t states[] = {1, 9, 64, 2000};
  trm__example_stats stats[20];
  memset(stats, 0, sizeof stats);
  for (int i = 0; i < 20; i++) stats[i].lm_loss = losses[i / 5][i % 5];
  for (int t = 0; t < TYPES; t++)
    for (int c = 0; c < 4; c++) {
      trm_dtype type = both_types[t];
      size_t n = 5 * states[c], bytes = n * type_bytes(type);
      buffer from = buffer_filled(type, 4 * n, NULL, 0), to = buffer_new(bytes), bs = buffer_copy(stats, sizeof stats);
      buffer bw = buffer_new(sizeof winner);
      pick_job j = {type, 4, 5, states[c], (void *)bs.at, (int32_t *)(void *)bw.at, from.at, to.at};
      run_twice(launch_pick, &j, (buffer *[]){&bw, &to}, 2);
      assert_memory_equal(bw.at, winner, sizeof winner);
      for (size_t e = 0; e < 5; e++)
        assert_memory_equal(to.at + e * bytes / 5, from.at + ((size_t)winner[e] * 5 + e) * bytes / 5, bytes / 5);
      buffer *all[] = {&from, &to, &bs, &bw};
      for (int i = 0; i < 4; i++) buffer_free(all[i]);
    }
}

/* -- slots and rows ----------------------------------------------------------------------------------------------- */

enum { SLOTS = 5, TOKENS = 300 };

typedef struct admit_job {
  int32_t *inputs, *labels, *ids, *steps, *from[3];
  uint8_t *halted;
} admit_job;

static void launch_admit(trm__cuda_queue *q, void *context) {
  const admit_job *j = context;
  trm__cuda_admit(q, SLOTS, TOKENS, THERE(j->inputs), THERE(j->labels), THERE(j->ids), THERE(j->steps),
                  THERE(j->halted), THERE(j->from[0]), THERE(j->from[1]), THERE(j->from[2]));
}

static buffer numbered(size_t n, int32_t first) {
  buffer b = buffer_new(n * sizeof first);
  for (size_t i = 0; i < n; i++) ((int32_t *)(void *)b.at)[i] = first + (int32_t)i;
  return b;
}

static void admits(void **state) {
  (void)state;
  static const uint8_t halted[SLOTS] = {0, 1, 0, 2, 1}, nobody[SLOTS] = {0};
  buffer b[7] = {numbered(SLOTS * TOKENS, 0), numbered(SLOTS * TOKENS, 100000),  numbered(SLOTS, 50),
                 numbered(SLOTS, 7),          numbered(SLOTS * TOKENS, 1000000), numbered(SLOTS * TOKENS, 2000000),
                 numbered(SLOTS, 90)};
  buffer bh = buffer_copy(halted, SLOTS);
  int32_t *p[7];
  for (int i = 0; i < 7; i++) p[i] = (int32_t *)(void *)b[i].at;
  admit_job j = {p[0], p[1], p[2], p[3], {p[4], p[5], p[6]}, bh.at};
  run_twice(launch_admit, &j, (buffer *[]){&b[0], &b[1], &b[2], &b[3], &bh}, 5);
  assert_memory_equal(bh.at, nobody, SLOTS);
  for (int i = 0; i < SLOTS; i++) {
    assert_int_equal(p[2][i], (halted[i] ? 90 : 50) + i);
    assert_int_equal(p[3][i], halted[i] ? 0 : 7 + i);
    for (int k = i * TOKENS; k < (i + 1) * TOKENS; k++) {
      assert_int_equal(p[0][k], (halted[i] ? 1000000 : 0) + k);
      assert_int_equal(p[1][k], (halted[i] ? 2000000 : 100000) + k);
    }
  }
  for (int i = 0; i < 7; i++) buffer_free(&b[i]);
  buffer_free(&bh);
}

typedef struct gather_job {
  float *rows, *table;
  int ndim;
  int32_t *ids;
} gather_job;

static void launch_gather(trm__cuda_queue *q, void *context) {
  const gather_job *j = context;
  trm__cuda_gather_rows(q, THERE(j->rows), THERE(j->table), 4, j->ndim, THERE(j->ids), 6);
}

static void gathers(void **state) {
  (void)state;
  static const int32_t ids[6] = {3, -1, 0, 4, 3, INT32_MAX};
  for (int ndim = 1; ndim < 600; ndim += 299) {
    size_t n = (size_t)ndim;
    buffer table = buffer_filled(TRM_FLOAT32, 4 * n, NULL, 0), rows = buffer_new(6 * n * sizeof(float));
    buffer bi = buffer_copy(ids, sizeof ids);
    gather_job j = {(float *)(void *)rows.at, (float *)(void *)table.at, ndim, (int32_t *)(void *)bi.at};
    run_twice(launch_gather, &j, (buffer *[]){&rows}, 1);
    for (size_t i = 0; i < 6; i++)
      for (size_t k = 0; k < n; k++) {
        int known = ids[i] >= 0 && ids[i] < 4;
        assert_true(j.rows[i * n + k] == (known ? j.table[(size_t)ids[i] * n + k] : 0));
      }
    buffer_free(&table);
    buffer_free(&rows);
    buffer_free(&bi);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(refills), cmocka_unit_test(noises), cmocka_unit_test(distances),
                                     cmocka_unit_test(merges),  cmocka_unit_test(picks),  cmocka_unit_test(admits),
                                     cmocka_unit_test(gathers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
