/* What the tests of the CUDA backend share: two backends side by side, the CPU's and a card's (emulated where there is
 * none), that are given the same numbers through the same calls, and a comparison of what comes out. */
#ifndef TRM_TESTS_CUDA_BACKEND_SUPPORT_H
#define TRM_TESTS_CUDA_BACKEND_SUPPORT_H

#include "support/check.h"

#include "backend/backend.h"
#include "base/rng.h"

#include "support/backend_sizes.h"

#ifdef TRM_EMULATE /* the tests' device; without it, a real one */
#include "emulate_control.h"
#include "support/isa.h"
#endif

#define UNUSED __attribute__((unused))
#define KEPT 256

typedef struct side {
  trm__pool *pool;
  trm__backend *be;
  trm__dims dims;
  trm__weights *w;
  size_t count; /* of all weights */
  trm__real *flat, *grad;
  trm__weights_view view, grads;
  void *kept[KEPT]; /* device memory, freed by close_side */
  int kept_count;
} side;

UNUSED static void open_side(side *s, const char *device) {
  trm_error err = {0};
  memset(s, 0, sizeof *s);
  trm__isa_choice choice;
  assert_true(isa_choose(&choice, "auto"));
  assert_int_equal(trm__pool_open(&s->pool, 1, NULL), TRM_OK);
  CHECK_OK(trm__backend_open(&s->be, device, &choice, s->pool, &err), err);
}

UNUSED static void synchronize(side *s) {
  trm_error err = {0};
  CHECK_OK(s->be->synchronize(s->be, &err), err);
}

UNUSED static void close_side(side *s) {
  synchronize(s);
  if (s->w) s->be->weights_close(s->be, &s->w);
  for (int i = 0; i < s->kept_count; i++) s->be->free(s->be, s->kept[i]);
#ifdef TRM_EMULATE
  emulate_check_guards();
#endif
  trm__backend_close(&s->be);
  trm__pool_close(&s->pool);
#ifdef TRM_EMULATE
  assert_int_equal(emulate_device_bytes(), 0);
  assert_int_equal(emulate_host_bytes(), 0);
#endif
}

#ifdef TRM_EMULATE
/* The device does not open, says why, and leaves nothing behind. */
UNUSED static void refused(const char *device, trm_status expected, const char *text) {
  trm__backend *be = NULL;
  trm_error err;
  CHECK_FAILS(trm__backend_open(&be, device, NULL, NULL, &err), expected, err, text);
  assert_null(be);
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
}
#endif

/* -- numbers ------------------------------------------------------------------------------------------------------- */

UNUSED static trm__real *numbers(size_t n, uint64_t seed, double scale) {
  trm__real *x = trm__calloc(n + 1, sizeof *x);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  assert_non_null(x);
  for (size_t i = 0; i < n; i++) x[i] = (trm__real)(scale * (2 * trm__rng_unit(&rng) - 1));
  return x;
}

UNUSED static void *keep(side *s, size_t bytes) {
  void *p = s->be->alloc(s->be, bytes);
  assert_non_null(p);
  assert_true(s->kept_count < KEPT);
  s->kept[s->kept_count++] = p;
  return p;
}

/* A copy on the device. */
UNUSED static void *put(side *s, const void *host, size_t bytes) {
  void *p = keep(s, bytes);
  s->be->copy(s->be, p, host, bytes, TRM__COPY_TO_DEVICE);
  return p;
}

/* Device memory full of NaN. */
UNUSED static void *poisoned(side *s, size_t bytes) {
  void *host = trm__calloc(bytes, 1);
  assert_non_null(host);
  memset(host, 0xff, bytes);
  void *p = put(s, host, bytes);
  trm__free(host);
  return p;
}

UNUSED static void *get(side *s, const void *device, size_t bytes) {
  void *host = trm__calloc(bytes, 1);
  assert_non_null(host);
  s->be->copy(s->be, host, device, bytes, TRM__COPY_TO_HOST);
  return host;
}

/* Rounded to the forward type, so that both sides begin with the same numbers. */
UNUSED static trm__act *put_act(side *s, const trm__real *host, size_t n) {
  trm__act *p = keep(s, n * s->be->act_bytes(s->be, &s->dims));
  trm__real *rounded = trm__calloc(n, sizeof *rounded);
  assert_non_null(rounded);
  memcpy(rounded, host, n * sizeof *rounded);
  if (s->dims.bf16) isa_kernels("ref")->round_bf16(rounded, host, n);
  s->be->act_write(s->be, &s->dims, p, rounded, n);
  trm__free(rounded);
  return p;
}
UNUSED static trm__act *poisoned_act(side *s, size_t n) {
  return poisoned(s, n * s->be->act_bytes(s->be, &s->dims));
}
UNUSED static trm__real *get_act(side *s, const trm__act *device, size_t n) {
  trm__real *host = trm__calloc(n, sizeof *host);
  assert_non_null(host);
  s->be->act_read(s->be, &s->dims, host, device, n);
  return host;
}

/* -- comparing ----------------------------------------------------------------------------------------------------- */

/* Each number within tolerance of the expected, relative to the largest; NaN on one side alone fails. */
UNUSED static void compare(const char *what, const trm__real *found, const trm__real *expected, size_t n,
                           double tolerance) {
  double largest = 1e-30, worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < n; i++)
    if (fabs((double)expected[i]) > largest) largest = fabs((double)expected[i]);
  for (size_t i = 0; i < n; i++) {
    double difference = fabs((double)found[i] - (double)expected[i]);
    if (isnan(found[i]) && isnan(expected[i])) continue;
    if (!(difference <= worst)) worst = difference, at = i;
    if (isnan(difference)) break;
  }
  if (!(worst <= tolerance * largest))
    fail_msg("%s: number %zu of %zu is %.9g, expected %.9g (largest %.3g)", what, at, n, (double)found[at],
             (double)expected[at], largest);
}

/* Of results that the other side's kernels sum in another order. */
UNUSED static double tolerance_of(const trm__dims *d) {
  return d->bf16 ? 0.02 : 3e-5;
}

/* -- networks ------------------------------------------------------------------------------------------------------ */

typedef struct shape {
  const char *name;
  int mixer, S, P, D, heads, V, inner_d, inner_l, b;
  trm_pos_encodings positions;
  trm_activation activation;
} shape;

UNUSED static trm__dims dims_of(const shape *c, int bf16) {
  return (trm__dims){.S = c->S,
                     .P = c->P,
                     .L = c->S + c->P,
                     .D = c->D,
                     .V = c->V,
                     .heads = c->mixer ? 0 : c->heads,
                     .head_dim = c->mixer ? 0 : c->D / c->heads,
                     .layers = 2,
                     .mixer = c->mixer,
                     .inner_d = c->inner_d,
                     .inner_l = c->inner_l,
                     .emb_ndim = c->P ? (c->P > 1 ? c->D + c->D / 2 : c->D) : 0,
                     .positions = c->positions,
                     .activation = c->activation,
                     .eps = 1e-5,
                     .rope_theta = 10000,
                     .bf16 = bf16};
}

/* Random weights, the same on both sides, and gradients that start at numbers to which others are added. */
UNUSED static void open_weights(side *s, const trm__dims *dims, int training, int max_batch) {
  trm_error err = {0};
  s->dims = *dims;
  s->count = make_view(dims, NULL, &s->view);
  trm__real *flat = numbers(s->count, 7, 0.3), *grad = numbers(s->count, 8, 0.1);
  s->flat = put(s, flat, s->count * sizeof *flat);
  s->grad = put(s, grad, s->count * sizeof *grad);
  make_view(dims, s->flat, &s->view);
  make_view(dims, s->grad, &s->grads);
  CHECK_OK(s->be->weights_open(s->be, &s->w, dims, training, max_batch, &err), err);
  s->be->weights_prepare(s->be, s->w, &s->view);
  trm__free(flat);
  trm__free(grad);
}

#endif
