/* Int8 model files: what is written is what running in int8 would use, to the bit, and a file with other scales or
 * integers than the format allows is refused with the reason. */
#include "unit/model/file/steps.h"

#include <math.h>

#include "base/os/file.h"
#include "model/file/int8.h"
#include "model/file/model_file.h"

typedef struct pair {
  char dir[64];
  fixture f;
  trm_model *original, *quantized;
} pair;

static const char *path_of(const pair *p, const char *name) {
  return check_path(p->dir, name);
}

static void open_pair(pair *p, int mixer) {
  trm_error err;
  memset(p, 0, sizeof *p);
  check_temp_dir(p->dir);
  p->f.config = fixture_config(mixer, mixer ? TRM_POS_NONE : TRM_POS_ROPE, 1);
  fixture_weights(&p->f, 4);
  trm__model_write what = {.config = &p->f.config,
                           .params = &p->f.params,
                           .weights = &p->f.set,
                           .variant = "ema",
                           .task = "{\"kind\":\"grid\"}",
                           .dtype = TRM__ST_F32,
                           .loss = TRM_LOSS_SOFTMAX};
  CHECK_OK(trm__model_save(path_of(p, "a"), &what, NULL, &err), err);
  CHECK_OK(trm_model_open(&p->original, path_of(p, "a"), &err), err);
  CHECK_OK(trm_model_quantize(p->original, path_of(p, "b"), &err), err);
  CHECK_OK(trm_model_open(&p->quantized, path_of(p, "b"), &err), err);
}

static void close_pair(pair *p) {
  trm_model_close(&p->original);
  trm_model_close(&p->quantized);
  trm__weight_set_close(&p->f.set);
  trm__params_close(&p->f.params);
  check_remove(p->dir);
}

static void rows_keep_their_largest(void **state) {
  (void)state;
  enum { N = 301 };
  trm__rng rng = trm__rng_make(5, TRM__RNG_TEST, 0);
  for (int i = 0; i < 2000; i++) {
    trm__real x[N];
    int8_t q[N];
    double scale, size = pow(10, 8 * trm__rng_unit(&rng) - 4), largest = 0;
    for (int k = 0; k < N; k++) x[k] = (trm__real)(size * trm__rng_normal(&rng));
    trm__int8_row(q, &scale, x, N);
    for (int k = 0; k < N; k++) {
      largest = fmax(largest, fabs((double)x[k]));
      if (!(fabs(q[k] * scale - (double)x[k]) <= 0.5001 * scale)) fail_msg("%g became %g", (double)x[k], q[k] * scale);
    }
    assert_true((trm__real)(127 * scale) == (trm__real)largest); /* so that the scale is found again */
  }
  trm__real zeros[3] = {0, (trm__real)1e-31, (trm__real)-1e-32};
  int8_t q[3] = {1, 1, 1};
  double scale = 1;
  trm__int8_row(q, &scale, zeros, 3);
  assert_true(scale == 0 && !q[0] && !q[1] && !q[2]);
}

static void nothing_is_lost_twice(void **state) {
  (void)state;
  static const char *const isas[] = {"ref", "auto"};
  for (int mixer = 0; mixer < 2; mixer++) {
    pair p;
    open_pair(&p, mixer);
    assert_int_equal(trm_model_get_config(p.quantized)->forward_dtype, TRM_INT8);
    assert_string_equal(trm_model_get_metadata(p.quantized, "trm.variant"), "ema");
    assert_string_equal(trm_model_get_metadata(p.quantized, "trm.task"), "{\"kind\":\"grid\"}");
    assert_string_equal(trm_model_get_loss(p.quantized), "softmax");
    assert_non_null(strstr(trm_model_get_metadata(p.quantized, "trm.quantized_from"), "/a"));
    assert_int_equal(trm_model_tensors(p.quantized), trm_model_tensors(p.original) + 8);
    for (int i = 0; i < 2; i++) {
      if (!isa_kernels(isas[i])->product[TRM_INT8]) continue;
      size_t n, m;
      trm__real *before = model_steps(p.original, TRM_INT8, isas[i], &n),
                *after = model_steps(p.quantized, TRM_INT8, isas[i], &m);
      assert_int_equal(n, m);
      assert_memory_equal(before, after, n * sizeof *before);
      free(before), free(after);
    }
    trm_error err;
    CHECK_FAILS(trm_model_quantize(p.quantized, path_of(&p, "c"), &err), TRM_E_USAGE, err, "int8 weights already");
    close_pair(&p);
  }
}

/* -- refusals ------------------------------------------------------------------------------------------------------ */

#define WEIGHT "inner.L_level.layers.1.mlp.down_proj.weight"
#define SCALE WEIGHT "_scale"

/* The quantized file with one tensor changed. */
typedef struct change {
  const char *tensor, *name; /* its new name, or NULL */
  int drop;
  trm__st_dtype dtype; /* TRM__ST_F64: as it is */
  int64_t rows;        /* 0: as it is */
  const char *bytes;   /* its first bytes, or NULL */
  size_t length;
  const char *why;
} change;

static const double bad_scales[] = {(double)NAN, -1, (double)INFINITY, 1e38};

static void check_refused(const pair *p, const change *c) {
  trm_error err;
  trm__safetensors st;
  trm__st_source source[40];
  unsigned char *bytes = NULL;
  size_t count = 0;
  CHECK_OK(trm__st_open(&st, path_of(p, "b"), &err), err);
  for (size_t i = 0; i < st.count; i++) {
    const trm__st_tensor *t = &st.tensor[i];
    trm__st_source *to = &source[count++];
    *to = (trm__st_source){.name = t->name, .dtype = t->dtype, .rank = t->rank, .data = t->data};
    memcpy(to->shape, t->shape, sizeof to->shape);
    if (strcmp(t->name, c->tensor) != 0) continue;
    bytes = malloc(t->bytes);
    memcpy(bytes, t->data, t->bytes);
    if (c->bytes) memcpy(bytes, c->bytes, c->length);
    to->data = bytes;
    if (c->drop) count--;
    if (c->name) to->name = c->name;
    if (c->rows) to->shape[0] = c->rows;
    if (c->dtype != TRM__ST_F64) to->dtype = c->dtype;
  }
  assert_non_null(bytes);
  json_object_del(st.metadata, "trm.sha256"); /* which would notice it first */
  json_object_del(st.metadata, "trm.format");
  CHECK_OK(trm__st_write(path_of(p, "c"), st.metadata, source, count, NULL, &err), err);
  trm__st_close(&st);
  free(bytes);
  trm_model *m = NULL;
  CHECK_FAILS(trm_model_open(&m, path_of(p, "c"), &err), TRM_E_INPUT, err, c->why);
  assert_null(m);
}

static void wrong_files_are_refused(void **state) {
  (void)state;
  pair p;
  open_pair(&p, 1);
  change cases[] = {
      {.tensor = SCALE, .drop = 1, .dtype = TRM__ST_F64, .why = SCALE},
      {.tensor = SCALE, .name = "inner.scale", .dtype = TRM__ST_F64, .why = SCALE},
      {.tensor = SCALE, .rows = 7, .dtype = TRM__ST_F64, .why = "not 8 numbers"},
      {.tensor = SCALE, .dtype = TRM__ST_I64, .why = "F64"},
      {.tensor = WEIGHT, .bytes = "\x80", .length = 1, .dtype = TRM__ST_F64, .why = "-128 at element 0"},
      {.tensor = WEIGHT, .dtype = TRM__ST_U8, .why = "U8"},
      {.tensor = "inner.q_head.bias", .rows = 8, .dtype = TRM__ST_I8, .why = "inner.q_head.bias"},
      {.tensor = "inner.embed_tokens.embedding_weight", .name = SCALE "_scale", .dtype = TRM__ST_F64, .why = "embed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_refused(&p, &cases[i]);
  for (size_t i = 0; i < sizeof bad_scales / sizeof *bad_scales; i++) {
    change bad = {.tensor = SCALE, .bytes = (const char *)&bad_scales[i], .length = 8, .dtype = TRM__ST_F64};
    bad.why = "expected 0 or more and finite";
    check_refused(&p, &bad);
  }
  close_pair(&p);
}

static trm_status quantize_again(void *context, trm_error *err) {
  const pair *p = context;
  return trm_model_quantize(p->original, path_of(p, "d"), err);
}

static void no_memory_is_survived(void **state) {
  (void)state;
  pair p;
  open_pair(&p, 1);
  assert_true(check_each_allocation(quantize_again, &p) > 10);
  close_pair(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_keep_their_largest),
      cmocka_unit_test(nothing_is_lost_twice),
      cmocka_unit_test(wrong_files_are_refused),
      cmocka_unit_test(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
