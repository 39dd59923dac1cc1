/* The fused mixer: against a double reference that rounds where the kernels do, bit by bit against the two products
 * that it stands for, with NaN around all that may be read and guards around all that may be written, and with the same
 * bits in whatever order threads run. */
#include "cuda/kernels/products.h"

#include "kernels/cuda/mixer/mixer_fused.h"

enum { KEEP_GU = 1, KEEP_INV = 2, RMS = 4, IN_PLACE = 8, KEEP_SCALE = 16 };

/* The kernels under test. The order of sums is that of the unfused products, but a card's wgmma adds in its own way. */
typedef struct mixer_variant {
  const char *name;
  void (*run)(trm__cuda_queue *q, const trm__cuda_mixer *m);
  int wgmma, sms; /* of the queue */
  int least;      /* L */
  int exact;      /* the same bits as the unfused products with mma */
} mixer_variant;

static const mixer_variant mixers[] = {
    {"mma", trm__cuda_mixer_mma, 0, 4, 1, 1},
    {"wgmma", trm__cuda_mixer_wgmma, 1, 4, 65, EMULATED},
    {"fused", trm__cuda_mixer_fused, 1, 1, 1, EMULATED},
};
enum { MIXERS = (int)(sizeof mixers / sizeof *mixers) };

typedef struct shape_case {
  int b, L, D, I;
} shape_case;

/* Operands: x [b][L][D], W_gate_up with NaN beyond its columns, W_down with NaN between its rows. */
typedef struct layer {
  shape_case s;
  size_t up_ld, down_ld;
  buffer x, up, down;
} layer;

/* What a run gives. */
typedef struct results {
  buffer out, gu, inv, scale;
} results;

/* rows x cols random numbers, times size, in lines of ld. */
static buffer matrix_new(size_t rows, size_t cols, size_t ld, float size) {
  buffer v = buffer_numbers(TRM_BFLOAT16, (rows - 1) * ld + cols);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) set_at(&v, i * ld + j, to_bf16(size * random_number(TRM_FLOAT32)));
  return v;
}

static layer layer_new(shape_case s) {
  size_t extra = s.b > 1 ? 8 : 0;
  layer l = {.s = s, .up_ld = up8((size_t)s.L) + extra, .down_ld = (size_t)s.I + 2 * extra};
  l.x = matrix_new((size_t)(s.b * s.L), (size_t)s.D, (size_t)s.D, 2);
  l.up = matrix_new(2 * (size_t)s.I, (size_t)s.L, l.up_ld, 3 / sqrtf((float)s.L));
  l.down = matrix_new((size_t)s.L, (size_t)s.I, l.down_ld, 3 / sqrtf((float)s.I));
  buffer_push(&l.x);
  buffer_push(&l.up);
  buffer_push(&l.down);
  return l;
}

static void layer_free(layer *l) {
  buffer_free(&l->x);
  buffer_free(&l->up);
  buffer_free(&l->down);
}

/* What kernels get; NULL where there is none. */
static float *fp32(const buffer *v) {
  return v->at ? (float *)(void *)v->device : NULL;
}

static results results_new(const layer *l, int option) {
  size_t rows = (size_t)(l->s.b * l->s.D);
  results r = {.out = buffer_numbers(TRM_BFLOAT16, l->x.n)};
  if (option & IN_PLACE) memcpy(r.out.at, l->x.at, l->x.bytes);
  if (option & KEEP_GU) r.gu = buffer_numbers(TRM_BFLOAT16, rows * 2 * (size_t)l->s.I);
  if (option & KEEP_INV) r.inv = buffer_numbers(TRM_FLOAT32, rows);
  if (option & KEEP_SCALE) r.scale = buffer_numbers(TRM_FLOAT32, rows);
  buffer_push(&r.out);
  buffer_push(&r.gu);
  buffer_push(&r.inv);
  buffer_push(&r.scale);
  return r;
}

static void results_pull(results *r) {
  buffer_pull(&r->out);
  buffer_pull(&r->gu);
  buffer_pull(&r->inv);
  buffer_pull(&r->scale);
}

static void results_free(results *r) {
  buffer_free(&r->out);
  buffer_free(&r->gu);
  buffer_free(&r->inv);
  buffer_free(&r->scale);
}

static results run_fused(const mixer_variant *v, const layer *l, int option) {
  results r = results_new(l, option);
  trm__cuda_queue q = device_queue();
  q.wgmma = v->wgmma;
  q.sms = v->sms;
  assert_true(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, l->s.L, l->s.D, l->s.I));
  trm__cuda_mixer m = {.b = l->s.b, .L = l->s.L, .D = l->s.D, .I = l->s.I, .eps = 1e-5};
  m.in = option & IN_PLACE ? r.out.device : l->x.device;
  m.out = r.out.device;
  m.gate_up = l->up.device;
  m.gate_up_ld = (ptrdiff_t)l->up_ld;
  m.down = l->down.device;
  m.down_ld = (ptrdiff_t)l->down_ld;
  m.rms_gate = (option & RMS) != 0;
  m.gu = fp32(&r.gu);
  m.inv = fp32(&r.inv);
  m.scale = fp32(&r.scale);
  v->run(&q, &m);
  device_finish(&q);
  results_pull(&r);
  return r;
}

/* The same in two products (and one kernel for the scale), with mma. */
static results run_unfused(const layer *l, int option) {
  shape_case s = l->s;
  ptrdiff_t D = s.D, I = s.I, state = s.L * D;
  size_t rows = (size_t)(s.b * s.D);
  results r = results_new(l, option & ~IN_PLACE);
  buffer act = buffer_numbers(TRM_BFLOAT16, rows * (size_t)s.I);
  buffer squares = buffer_numbers(TRM_FLOAT32, rows * (size_t)(s.I / 64));
  buffer scale = buffer_numbers(TRM_FLOAT32, rows);
  trm__cuda_queue q = device_queue();
  trm__cuda_product p = {.type = TRM_BFLOAT16, .m = s.D, .n = 2 * s.I, .k = s.L, .batches = s.b};
  p.a = (trm__cuda_operand){.x = l->x.device, .ld = D, .batch = state, .layout = TRM__CUDA_OUTER};
  p.b = (trm__cuda_operand){.x = l->up.device, .ld = (ptrdiff_t)l->up_ld};
  p.epilogue = TRM__CUDA_GATE;
  p.gu = fp32(&r.gu);
  p.act = act.device;
  if (option & RMS) p.squares = fp32(&squares);
  trm__cuda_product_mma(&q, &p, 0, NULL, TRM__MMA_LARGE);
  if (option & RMS) trm__cuda_gate_scale(&q, fp32(&scale), fp32(&squares), (int)rows, s.I, 1e-5);
  p = (trm__cuda_product){.type = TRM_BFLOAT16, .m = s.D, .n = s.L, .k = s.I, .batches = s.b, .eps = 1e-5};
  p.a = (trm__cuda_operand){.x = act.device, .ld = I, .batch = D * I};
  p.b = (trm__cuda_operand){.x = l->down.device, .ld = (ptrdiff_t)l->down_ld};
  p.epilogue = TRM__CUDA_RESIDUAL_NORM_T;
  p.c = r.out.device;
  p.c_ld = D;
  p.c_batch = state;
  p.residual = l->x.device;
  p.scale = option & RMS ? fp32(&scale) : NULL;
  p.inv = fp32(&r.inv);
  trm__cuda_product_mma(&q, &p, 0, NULL, TRM__MMA_LARGE);
  device_finish(&q);
  results_pull(&r);
  if (r.scale.at) cuda_ok(cudaMemcpy(r.scale.at, scale.device, scale.bytes, cudaMemcpyDeviceToHost), "scale");
  buffer_free(&act);
  buffer_free(&squares);
  buffer_free(&scale);
  return r;
}

static void same_bits(const mixer_variant *v, const layer *l, const char *what, const buffer *x, const buffer *y) {
  for (size_t i = 0; i < x->n; i++)
    if (memcmp(x->at + i * x->bytes / x->n, y->at + i * y->bytes / y->n, x->bytes / x->n) != 0)
      fail_msg("%s, b %d L %d D %d I %d: %s[%zu] is %.9g, not %.9g", v->name, l->s.b, l->s.L, l->s.D, l->s.I, what, i,
               (double)get_at(x, i), (double)get_at(y, i));
}

static void all_same_bits(const mixer_variant *v, const layer *l, const results *x, const results *y) {
  assert_true(x->gu.bytes == y->gu.bytes && x->inv.bytes == y->inv.bytes && x->scale.bytes == y->scale.bytes);
  same_bits(v, l, "out", &x->out, &y->out);
  same_bits(v, l, "gu", &x->gu, &y->gu);
  same_bits(v, l, "inv", &x->inv, &y->inv);
  same_bits(v, l, "scale", &x->scale, &y->scale);
}

static void near_to(const mixer_variant *v, const layer *l, int option, const char *what, size_t at, double got,
                    double expected, double tolerance) {
  if (!(fabs(got - expected) <= tolerance))
    fail_msg("%s, b %d L %d D %d I %d, option %d: %s[%zu] is %.9g, expected %.9g within %g", v->name, l->s.b, l->s.L,
             l->s.D, l->s.I, option, what, at, got, expected, tolerance);
}

/* One channel in double, rounded nowhere, and how far roundings may take each number. */
typedef struct channel {
  double x[128], g[1024], u[1024], a[1024], sum[128], error[128], gate_error[1024][2], scale, inverse;
} channel;

static const double unit = 1.0 / 256; /* half an ulp of bf16, relative */

static void channel_gates(channel *c, const layer *l, int option) {
  double squares = 0;
  for (size_t i = 0; i < (size_t)l->s.I; i++) {
    double *to[2] = {&c->g[i], &c->u[i]};
    for (size_t h = 0; h < 2; h++) {
      double sum = 0, absolute = 0;
      for (size_t p = 0; p < (size_t)l->s.L; p++) {
        double term = c->x[p] * (double)get_at(&l->up, (i / 8 * 16 + i % 8 + 8 * h) * l->up_ld + p);
        sum += term;
        absolute += fabs(term);
      }
      *to[h] = sum;
      c->gate_error[i][h] = unit * fabs(sum) + 2e-6 * absolute;
    }
    c->a[i] = c->g[i] / (1 + exp(-c->g[i])) * c->u[i];
    squares += c->g[i] * c->g[i] * c->u[i] * c->u[i];
  }
  c->scale = option & RMS ? 1 / sqrt(squares / l->s.I + 1e-5) : 1;
}

/* Roundings of activations are independent: their errors add as squares. */
static void channel_sums(channel *c, const layer *l, int option) {
  double squares = 0, errors = 0, worst = 0;
  for (size_t p = 0; p < (size_t)l->s.L; p++) {
    double sum = 0, absolute = 0, variance = 0;
    for (size_t i = 0; i < (size_t)l->s.I; i++) {
      double w = (double)get_at(&l->down, p * l->down_ld + i), g = fabs(c->g[i]), u = fabs(c->u[i]);
      double silu = fabs(c->g[i]) / (1 + exp(-c->g[i]));
      double error = 2 * unit * fabs(c->a[i]) + 1.1 * c->gate_error[i][0] * u + c->gate_error[i][1] * (silu + 0.01 * g);
      sum += w * c->a[i];
      absolute += fabs(w * c->a[i]);
      variance += w * w * error * error;
    }
    sum *= c->scale;
    double relative = option & RMS ? 4 * unit : 0;
    c->error[p] = 4 * c->scale * sqrt(variance) + (unit + relative) * fabs(sum) + 2e-6 * absolute * c->scale;
    c->sum[p] = c->x[p] + sum;
    c->error[p] += unit * fabs(c->sum[p]);
    squares += c->sum[p] * c->sum[p];
    errors += c->error[p] * c->error[p];
    worst = c->error[p] > worst ? c->error[p] : worst;
  }
  c->inverse = 1 / sqrt(squares / l->s.L + 1e-5);
  double relative = c->inverse * sqrt(errors / l->s.L) + 1e-6;
  for (size_t p = 0; p < (size_t)l->s.L; p++)
    c->error[p] = c->inverse * c->error[p] + (relative + unit) * fabs(c->sum[p] * c->inverse);
}

static void check_channel(const mixer_variant *v, const layer *l, const results *r, int option, size_t b, size_t d) {
  static channel c;
  size_t L = (size_t)l->s.L, D = (size_t)l->s.D, I = (size_t)l->s.I, row = b * D + d;
  for (size_t p = 0; p < L; p++) c.x[p] = (double)get_at(&l->x, (b * L + p) * D + d);
  channel_gates(&c, l, option);
  for (size_t i = 0; i < I && r->gu.at; i++) {
    size_t at = row * 2 * I + i / 8 * 16 + i % 8;
    near_to(v, l, option, "gu", at, (double)get_at(&r->gu, at), c.g[i], c.gate_error[i][0]);
    near_to(v, l, option, "gu", at + 8, (double)get_at(&r->gu, at + 8), c.u[i], c.gate_error[i][1]);
  }
  if (r->scale.at) near_to(v, l, option, "scale", row, (double)get_at(&r->scale, row), c.scale, 4 * unit * c.scale);
  channel_sums(&c, l, option);
  if (r->inv.at) near_to(v, l, option, "inv", row, (double)get_at(&r->inv, row), c.inverse, 4 * unit * c.inverse);
  for (size_t p = 0; p < L; p++)
    near_to(v, l, option, "out", (b * L + p) * D + d, (double)get_at(&r->out, (b * L + p) * D + d),
            c.sum[p] * c.inverse, c.error[p]);
}

/* Every channel in which something may be different: all of narrow layers, some of wide ones. */
static void check_results(const mixer_variant *v, const layer *l, const results *r, int option) {
  size_t step = l->s.D * l->s.I > 1 << 13 ? 13 : 1;
  for (size_t b = 0; b < (size_t)l->s.b; b++)
    for (size_t d = b % step; d < (size_t)l->s.D; d += step) check_channel(v, l, r, option, b, d);
}

static void try_mixer(shape_case s, int option) {
  layer l = layer_new(s);
  results plain = run_unfused(&l, option);
  for (int i = 0; i < MIXERS; i++) {
    if (s.L < mixers[i].least || mixers[i].wgmma > device_queue().wgmma) continue;
    emulate_seed(check_state);
    results r = run_fused(&mixers[i], &l, option);
    check_results(&mixers[i], &l, &r, option);
    if (mixers[i].exact && !(option & RMS)) all_same_bits(&mixers[i], &l, &r, &plain);
    emulate_seed(check_state + 1);
    results again = run_fused(&mixers[i], &l, option);
    all_same_bits(&mixers[i], &l, &again, &r);
    results_free(&again);
    results_free(&r);
  }
  results_free(&plain);
  layer_free(&l);
}

static void short_grids(void **state) {
  (void)state;
  try_mixer((shape_case){3, 16, 64, 64}, KEEP_GU | KEEP_INV);
  try_mixer((shape_case){2, 18, 128, 64}, IN_PLACE);
  try_mixer((shape_case){1, 18, 192, 128}, KEEP_GU | KEEP_INV | RMS | KEEP_SCALE);
  try_mixer((shape_case){1, 1, 64, 64}, KEEP_GU);
  try_mixer((shape_case){2, 33, 64, 64}, KEEP_INV | RMS);
}

static void sudoku(void **state) {
  (void)state;
  try_mixer((shape_case){2, 97, 128, 512}, KEEP_GU | KEEP_INV);
  try_mixer((shape_case){1, 97, 512, 512}, KEEP_GU | IN_PLACE);
  try_mixer((shape_case){1, 97, 64, 256}, KEEP_GU | KEEP_SCALE | RMS | IN_PLACE);
  try_mixer((shape_case){1, 81, 128, 256}, KEEP_INV);
  try_mixer((shape_case){1, 88, 320, 64}, KEEP_GU | RMS);
}

static void long_grids(void **state) {
  (void)state;
  try_mixer((shape_case){2, 104, 64, 256}, KEEP_INV);
  try_mixer((shape_case){1, 105, 128, 64}, KEEP_GU | RMS | KEEP_SCALE);
  try_mixer((shape_case){1, 128, 128, 256}, KEEP_GU | KEEP_INV | IN_PLACE);
  try_mixer((shape_case){3, 128, 64, 64}, RMS);
}

static void supported(void **state) {
  (void)state;
  trm__cuda_queue q = device_queue();
  assert_true(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 97, 512, 512));
  assert_true(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 1, 64, 64));
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_FLOAT32, 97, 512, 512));
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 129, 512, 512));
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 97, 96, 512));
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 97, 512, 96));
  q.shared_per_block = 64 << 10;
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 97, 512, 512));
  q = device_queue();
  q.capability = 75;
  assert_false(trm__cuda_mixer_fused_supported(&q, TRM_BFLOAT16, 97, 512, 512));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(short_grids), cmocka_unit_test(sudoku),
                                     cmocka_unit_test(long_grids), cmocka_unit_test(supported)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
