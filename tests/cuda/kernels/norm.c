/* Norms and the gate's norm against plain C, for shapes that are held in registers and shapes that are not. */
#include "cuda/device_check.h"

typedef struct norm_case {
  int b, rows, cols;
  size_t offset; /* bytes; 2 or 4 makes addresses that vectors cannot use */
} norm_case;

typedef struct norm_job {
  trm_dtype type;
  const norm_case *c;
  int columns;
  void *y, *x, *dy;
  float *inv;
} norm_job;

static void forward(trm__cuda_queue *q, void *context) {
  const norm_job *j = context;
  const norm_case *c = j->c;
  void *y = THERE(j->y), *x = THERE(j->x);
  float *inv = THERE(j->inv);
  if (j->columns) trm__cuda_rms_cols(q, j->type, y, inv, x, c->b, c->rows, c->cols, 1e-5);
  else trm__cuda_rms_rows(q, j->type, y, inv, x, c->b * c->rows, c->cols, 1e-5);
}

static void backward(trm__cuda_queue *q, void *context) {
  const norm_job *j = context;
  const norm_case *c = j->c;
  void *y = THERE(j->y), *x = THERE(j->x), *dy = THERE(j->dy);
  float *inv = THERE(j->inv);
  if (j->columns) trm__cuda_rms_cols_backward(q, j->type, x, dy, y, inv, c->b, c->rows, c->cols);
  else trm__cuda_rms_rows_backward(q, j->type, x, dy, y, inv, c->b * c->rows, c->cols);
}

/* Plain C, example by example. */
static void expect_forward(const norm_case *c, int columns, float *y, float *inv, const float *x) {
  size_t n = (size_t)c->rows * (size_t)c->cols, r = (size_t)(columns ? c->cols : c->rows);
  for (size_t i = 0; i < (size_t)c->b; i++) {
    if (columns)
      trm__offer_ref.kernels.rms_cols(y + i * n, inv + i * r, x + i * n, c->rows, c->cols, 1e-5, 0, 0, c->cols);
    else trm__offer_ref.kernels.rms_rows(y + i * n, inv + i * r, x + i * n, c->rows, c->cols, 1e-5, 0);
  }
}

static void expect_backward(const norm_case *c, int columns, float *dx, const float *dy, const float *y,
                            const float *inv) {
  size_t n = (size_t)c->rows * (size_t)c->cols, r = (size_t)(columns ? c->cols : c->rows);
  for (size_t i = 0; i < (size_t)c->b; i++) {
    if (columns)
      trm__offer_ref.kernels.rms_cols_backward(dx + i * n, dy + i * n, y + i * n, inv + i * r, c->rows, c->cols, 0,
                                               c->cols);
    else trm__offer_ref.kernels.rms_rows_backward(dx + i * n, dy + i * n, y + i * n, inv + i * r, c->rows, c->cols);
  }
}

static void check_case(const norm_case *c, trm_dtype type, int columns) {
  size_t n = (size_t)c->b * (size_t)c->rows * (size_t)c->cols, r = (size_t)c->b * (size_t)(columns ? c->cols : c->rows);
  size_t bytes = n * type_bytes(type), offset = c->offset ? type_bytes(type) : 0;
  float *x = floats(n), *y = floats(n), *dy = floats(n), *want = floats(n), *inv = floats(r);
  buffer bx = buffer_filled(type, n, x, offset), by = buffer_at(bytes, offset), binv = buffer_new(r * sizeof(float));
  norm_job job = {type, c, columns, by.at, bx.at, NULL, (float *)(void *)binv.at};
  expect_forward(c, columns, want, inv, x);
  run_twice(forward, &job, (buffer *[]){&by, &binv}, 2);
  check_numbers(&by, type, want, n, 1e-6, 0, "norm");
  check_numbers(&binv, TRM_FLOAT32, inv, r, 1e-6, 0, "1 / rms");
  job.y = bx.at; /* in place, and nobody asks for r */
  job.inv = NULL;
  run_twice(forward, &job, (buffer *[]){&bx}, 1);
  assert_memory_equal(bx.at, by.at, bytes);

  for (size_t i = 0; i < n; i++) y[i] = get_number(by.at, type, i);
  buffer bdy = buffer_filled(type, n, dy, offset);
  memset(bx.at, 0xff, bytes);
  job = (norm_job){type, c, columns, by.at, bx.at, bdy.at, (float *)(void *)binv.at};
  expect_backward(c, columns, want, dy, y, (const float *)(const void *)binv.at);
  run_twice(backward, &job, (buffer *[]){&bx}, 1);
  check_numbers(&bx, type, want, n, 1e-6, 5e-6, "norm, backward");
  job.x = bdy.at;
  run_twice(backward, &job, (buffer *[]){&bdy}, 1);
  assert_memory_equal(bdy.at, bx.at, bytes);

  buffer *all[] = {&bx, &by, &binv, &bdy};
  for (int i = 0; i < 4; i++) buffer_free(all[i]);
  float *arrays[] = {x, y, dy, want, inv};
  for (int i = 0; i < 5; i++) free(arrays[i]);
}

static void norms(void **state) {
  (void)state;
  static const norm_case cases[] = {{1, 1, 1, 0},    {3, 5, 7, 0},    {2, 97, 64, 0}, {1, 9, 512, 0},   {2, 33, 24, 2},
                                    {1, 130, 40, 0}, {1, 3, 1056, 0}, {1, 2, 999, 0}, {2, 128, 136, 0}, {1, 129, 8, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int t = 0; t < TYPES; t++)
      for (int columns = 0; columns < 2; columns++) check_case(&cases[i], both_types[t], columns);
}

/* A NaN or an infinity spoils its own row or column, and no other. */
static void spoiled(void **state) {
  (void)state;
  norm_case c = {1, 10, 16, 0};
  for (int t = 0; t < TYPES; t++)
    for (int columns = 0; columns < 2; columns++) {
      buffer x = buffer_filled(both_types[t], 160, NULL, 0), y = buffer_new(160 * type_bytes(both_types[t]));
      put_number(x.at, both_types[t], 3 * 16 + 5, NAN);
      norm_job job = {both_types[t], &c, columns, y.at, x.at, NULL, NULL};
      run_twice(forward, &job, (buffer *[]){&y}, 1);
      for (size_t i = 0; i < 160; i++) {
        int bad = columns ? i % 16 == 5 : i / 16 == 3;
        assert_int_equal(isnan(get_number(y.at, both_types[t], i)) != 0, bad);
      }
      buffer_free(&x);
      buffer_free(&y);
    }
}

/* -- RMS_GATE ----------------------------------------------------------------------------------------------------- */

typedef struct scale_job {
  float *scale;
  const float *squares;
  int rows, inner;
} scale_job;

static void gate_scale(trm__cuda_queue *q, void *context) {
  const scale_job *j = context;
  trm__cuda_gate_scale(q, THERE(j->scale), THERE(j->squares), j->rows, j->inner, 1e-5);
}

static void scales(void **state) {
  (void)state;
  for (int rows = 1; rows < 80; rows += 39)
    for (int inner = 64; inner <= 1536; inner += 736) {
      size_t parts = (size_t)inner / 64, n = (size_t)rows * parts;
      float *want = floats((size_t)rows), *squares = floats(n);
      for (size_t i = 0; i < n; i++) squares[i] = 64 * fabsf(random_real());
      for (size_t i = 0; i < (size_t)rows; i++) {
        double sum = 0;
        for (size_t p = 0; p < parts; p++) sum += (double)squares[i * parts + p];
        want[i] = (float)(1 / sqrt(sum / inner + 1e-5));
      }
      buffer in = buffer_floats(squares, n), out = buffer_new((size_t)rows * sizeof(float));
      scale_job job = {(float *)(void *)out.at, (const float *)(void *)in.at, rows, inner};
      run_twice(gate_scale, &job, (buffer *[]){&out}, 1);
      check_numbers(&out, TRM_FLOAT32, want, (size_t)rows, 1e-6, 0, "gate scale");
      buffer_free(&in);
      buffer_free(&out);
      free(want);
      free(squares);
    }
}

typedef struct gate_job {
  trm_dtype type;
  void *dgu, *act, *gu, *da;
  float *scale;
  int rows, inner;
} gate_job;

static void gate_backward(trm__cuda_queue *q, void *context) {
  const gate_job *j = context;
  trm__cuda_rms_gate_backward(q, j->type, THERE(j->dgu), THERE(j->act), THERE(j->gu), THERE(j->da), THERE(j->scale),
                              j->rows, j->inner);
}

static size_t gate_of(size_t j) {
  return j / 8 * 16 + j % 8;
}

/* sum over j of da_j a_j, a = sigmoid(g) p r, p = g u, r = 1 / sqrt(mean(p^2) + eps). */
static double gate_loss(const double *gu, const float *da, size_t inner) {
  double squares = 0, sum = 0;
  for (size_t j = 0; j < inner; j++) squares += pow(gu[gate_of(j)] * gu[gate_of(j) + 8], 2);
  double r = 1 / sqrt(squares / (double)inner + 1e-5);
  for (size_t j = 0; j < inner; j++)
    sum += (double)da[j] * gu[gate_of(j)] * gu[gate_of(j) + 8] * r / (1 + exp(-gu[gate_of(j)]));
  return sum;
}

/* The gradient of one row by differences in double; act and the scale as well. */
static void expect_gates(const float *gu, const float *da, size_t inner, float *dgu, float *act, float *scale) {
  double *x = calloc(2 * inner, sizeof *x), squares = 0, h = 1e-6;
  for (size_t i = 0; i < 2 * inner; i++) x[i] = (double)gu[i];
  for (size_t j = 0; j < inner; j++) squares += pow(x[gate_of(j)] * x[gate_of(j) + 8], 2);
  double r = 1 / sqrt(squares / (double)inner + 1e-5);
  *scale = (float)r;
  for (size_t j = 0; j < inner; j++)
    act[j] = (float)(x[gate_of(j)] * x[gate_of(j) + 8] * r / (1 + exp(-x[gate_of(j)])));
  for (size_t i = 0; i < 2 * inner; i++) {
    double was = x[i];
    x[i] = was + h;
    double above = gate_loss(x, da, inner);
    x[i] = was - h;
    dgu[i] = (float)((above - gate_loss(x, da, inner)) / (2 * h));
    x[i] = was;
  }
  free(x);
}

static void gates(void **state) {
  (void)state;
  static const int inners[] = {8, 64, 264, 2056};
  for (int t = 0; t < TYPES; t++)
    for (size_t c = 0; c < 4; c++) {
      trm_dtype type = both_types[t];
      size_t rows = c == 3 ? 1 : 3, inner = (size_t)inners[c], n = rows * inner;
      if (c == 3 && t == 1) continue; /* the long way is the same for both */
      float *gu = floats(2 * n), *da = floats(n), *dgu = floats(2 * n), *act = floats(n), *scale = floats(rows);
      buffer bgu = buffer_filled(type, 2 * n, gu, 0), bda = buffer_filled(type, n, da, 0);
      for (size_t i = 0; i < rows; i++)
        expect_gates(gu + 2 * i * inner, da + i * inner, inner, dgu + 2 * i * inner, act + i * inner, scale + i);
      buffer bscale = buffer_floats(scale, rows), bact = buffer_new(n * type_bytes(type));
      buffer bdgu = buffer_new(2 * n * type_bytes(type));
      gate_job job = {type, bdgu.at, bact.at, bgu.at, bda.at, (float *)(void *)bscale.at, (int)rows, (int)inner};
      run_twice(gate_backward, &job, (buffer *[]){&bdgu, &bact}, 2);
      check_numbers(&bdgu, type, dgu, 2 * n, 1e-5, 1e-5, "gradient of gates and ups");
      check_numbers(&bact, type, act, n, 1e-5, 1e-6, "act");
      job.dgu = bgu.at; /* in place */
      job.act = bda.at;
      run_twice(gate_backward, &job, (buffer *[]){&bgu, &bda}, 2);
      assert_memory_equal(bgu.at, bdgu.at, bgu.bytes);
      assert_memory_equal(bda.at, bact.at, bda.bytes);
      buffer *all[] = {&bgu, &bda, &bscale, &bact, &bdgu};
      for (int i = 0; i < 5; i++) buffer_free(all[i]);
      float *arrays[] = {gu, da, dgu, act, scale};
      for (int i = 0; i < 5; i++) free(arrays[i]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(norms), cmocka_unit_test(spoiled), cmocka_unit_test(scales),
                                     cmocka_unit_test(gates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
