/* The kernel of a whole supervision step against the network in plain C, each stored tensor rounded to bf16 as the
 * separate kernels do. Weights are small enough that rounding does not grow from call to call. */
#include "cuda/device_check.h"

#define BF16 TRM_BFLOAT16

/* -- the network in plain C -------------------- */

typedef struct layer {
  float *mix_in, *mix_out, *mlp_in, *mlp_out; /* [2 IL][L], [L][IL], [2 ID][D], [D][ID]; gates above ups */
} layer;

typedef struct network {
  trm__cuda_solve s; /* its shapes */
  layer layer[TRM__CUDA_SOLVE_LAYERS];
  buffer there[TRM__CUDA_SOLVE_LAYERS][4]; /* in the same order */
} network;

/* to = x + swiglu(x), one vector. */
static void swiglu(const trm__cuda_solve *s, const float *in, const float *out, int width, int inner, const float *x,
                   float *to) {
  float *act = malloc(4 * (size_t)inner), squares = 0, scale = 1;
  for (int i = 0; i < inner; i++) {
    float g = 0, u = 0;
    for (int p = 0; p < width; p++) {
      g += in[i * width + p] * x[p];
      u += in[(i + inner) * width + p] * x[p];
    }
    g = to_bf16(g);
    u = to_bf16(u);
    squares += g * u * g * u;
    act[i] = to_bf16(to_bf16(g / (1 + expf(-g))) * u);
  }
  if (s->rms_gate) scale = 1 / sqrtf(squares / (float)inner + (float)s->eps);
  for (int p = 0; p < width; p++) {
    float sum = 0;
    for (int i = 0; i < inner; i++) sum += out[p * inner + i] * act[i];
    to[p] = to_bf16(x[p] + to_bf16(sum * scale));
  }
  free(act);
}

static void norm(float *x, int width, double eps) {
  float squares = 0;
  for (int p = 0; p < width; p++) squares += x[p] * x[p];
  float r = 1 / sqrtf(squares / (float)width + (float)eps);
  for (int p = 0; p < width; p++) x[p] = to_bf16(x[p] * r);
}

static void run_layer(const network *net, const layer *w, float *h) { /* [b][L][D] */
  const trm__cuda_solve *s = &net->s;
  float column[256], result[4096];
  for (int i = 0; i < s->b * s->D; i++) {
    float *at = h + (ptrdiff_t)(i / s->D) * s->L * s->D + i % s->D;
    for (int p = 0; p < s->L; p++) column[p] = at[p * s->D];
    swiglu(s, w->mix_in, w->mix_out, s->L, s->inner_l, column, result);
    norm(result, s->L, s->eps);
    for (int p = 0; p < s->L; p++) at[p * s->D] = result[p];
  }
  for (int i = 0; i < s->b * s->L; i++) {
    swiglu(s, w->mlp_in, w->mlp_out, s->D, s->inner_d, h + i * s->D, result);
    norm(result, s->D, s->eps);
    memcpy(h + i * s->D, result, 4 * (size_t)s->D);
  }
}

static void step_in_c(const network *net, float *y, float *z, const float *e) {
  const trm__cuda_solve *s = &net->s;
  size_t n = (size_t)(s->b * s->L * s->D);
  for (int call = 0; call < s->T * (s->n + 1); call++) {
    int answer = call % (s->n + 1) == s->n;
    float *to = answer ? y : z;
    for (size_t i = 0; i < n; i++) to[i] = to_bf16(answer ? y[i] + z[i] : z[i] + to_bf16(y[i] + e[i]));
    for (int l = 0; l < s->layers; l++) run_layer(net, &net->layer[l], to);
  }
}

/* -- weights on the device -------------------- */

/* [2 inner][width] with gates above ups -> interleaved by eights, rows of ld. */
static buffer upload_gates(const float *w, int inner, int width, int ld) {
  float *packed = calloc((size_t)(2 * inner * ld), 4);
  for (int i = 0; i < inner; i++) {
    int row = i / 8 * 16 + i % 8;
    memcpy(packed + (ptrdiff_t)row * ld, w + (ptrdiff_t)i * width, 4 * (size_t)width);
    memcpy(packed + (ptrdiff_t)(row + 8) * ld, w + (ptrdiff_t)(i + inner) * width, 4 * (size_t)width);
  }
  buffer there = buffer_of(BF16, packed, (size_t)(2 * inner * ld));
  free(packed);
  return there;
}

static size_t padded(int L) {
  return (size_t)(L + 7) / 8 * 8;
}

static void open_network(network *net, float strength) {
  trm__cuda_solve *s = &net->s;
  size_t L = (size_t)s->L, D = (size_t)s->D, il = (size_t)s->inner_l, id = (size_t)s->inner_d;
  for (int l = 0; l < s->layers; l++) {
    uint64_t seed = (uint64_t)(10 * l);
    layer *w = &net->layer[l];
    w->mix_in = random_normals(BF16, 2 * il * L, 1 / sqrtf((float)L), seed + 1);
    w->mix_out = random_normals(BF16, L * il, strength / sqrtf((float)il), seed + 2);
    w->mlp_in = random_normals(BF16, 2 * id * D, 1 / sqrtf((float)D), seed + 3);
    w->mlp_out = random_normals(BF16, D * id, strength / sqrtf((float)id), seed + 4);
    buffer *there = net->there[l];
    there[0] = upload_gates(w->mix_in, s->inner_l, s->L, (int)padded(s->L));
    there[1] = buffer_of(BF16, w->mix_out, L * il);
    there[2] = upload_gates(w->mlp_in, s->inner_d, s->D, s->D);
    there[3] = buffer_of(BF16, w->mlp_out, D * id);
    s->layer[l].mix_in = there[0].device, s->layer[l].mix_out = there[1].device;
    s->layer[l].mlp_in = there[2].device, s->layer[l].mlp_out = there[3].device;
  }
}

static void close_network(network *net) {
  for (int l = 0; l < net->s.layers; l++) {
    for (int i = 0; i < 4; i++) buffer_free(&net->there[l][i]);
    free(net->layer[l].mix_in);
    free(net->layer[l].mix_out);
    free(net->layer[l].mlp_in);
    free(net->layer[l].mlp_out);
  }
}

/* -- steps on the device -------------------- */

/* Supervision steps from y, z in place; the scratch is used again by each as it was left. */
static void steps_on_device(network *net, int steps, float *y, float *z, const float *e) {
  trm__cuda_solve *s = &net->s;
  trm__cuda_queue queue = device_queue();
  size_t n = (size_t)(s->b * s->L * s->D), scratch = trm__cuda_solve_scratch(s);
  if (!trm__cuda_solve_supported(&queue, s)) fail_msg("L %d, D %d is not supported", s->L, s->D);
  buffer there[] = {buffer_of(BF16, y, n), buffer_of(BF16, z, n), buffer_of(BF16, e, n), buffer_new(scratch)};
  s->y = there[0].device, s->z = there[1].device, s->e = there[2].device, s->scratch = there[3].device;
  cuda_ok(cudaMemset(s->scratch, 0, 256), "cudaMemset"); /* the rest may be anything */
  for (int i = 0; i < steps; i++) trm__cuda_solve_step(&queue, s);
  device_finish(&queue);
  buffer_read(&there[0], y);
  buffer_read(&there[1], z);
  for (int i = 0; i < 4; i++) buffer_free(&there[i]);
}

static void near_each_other(const float *got, const float *wanted, size_t n, double tolerance, const char *what) {
  double *reference = malloc(8 * n);
  for (size_t i = 0; i < n; i++) reference[i] = (double)wanted[i];
  check_distance(got, reference, n, tolerance, what);
  free(reference);
}

static void compare(trm__cuda_solve shapes, float strength, int steps, double tolerance) {
  network net = {.s = shapes};
  net.s.eps = 1e-5;
  open_network(&net, strength);
  size_t n = (size_t)(net.s.b * net.s.L * net.s.D);
  float *state[3][2];
  const float *e = random_normals(BF16, n, 1, 90);
  for (int i = 0; i < 3; i++) {
    state[i][0] = random_normals(BF16, n, 1, 91);
    state[i][1] = random_normals(BF16, n, 1, 92);
  }
  for (int i = 0; i < steps; i++) step_in_c(&net, state[0][0], state[0][1], e);
  steps_on_device(&net, steps, state[1][0], state[1][1], e);
  near_each_other(state[1][0], state[0][0], n, tolerance, "y");
  near_each_other(state[1][1], state[0][1], n, tolerance, "z");
  if (net.s.D < 512) { /* the same bits in another order, where it is quick */
    emulate_seed(77);
    steps_on_device(&net, steps, state[2][0], state[2][1], e);
    emulate_seed(1);
    for (int i = 0; i < 2; i++) assert_memory_equal(state[1][i], state[2][i], 4 * n);
  }
  for (int i = 0; i < 6; i++) free(state[i / 2][i % 2]);
  free((void *)(uintptr_t)e);
  close_network(&net);
}

/* One call of one layer, both kinds of input, at lengths around the edges of steps, with few and many items a block. */
static void test_calls(void **state) {
  (void)state;
  const int length[] = {1, 8, 18, 97, 112};
  for (int i = 0; i < 5; i++) {
    device_multiprocessors(3 + 4 * i);
    trm__cuda_solve s = {.b = 1 + (i == 2), .L = length[i], .D = 128, .inner_l = i == 3 ? 512 : 256, .inner_d = 256};
    s.layers = 1, s.n = 1, s.T = 1, s.rms_gate = i % 2;
    compare(s, 0.4F, 1, 3e-3);
  }
  device_multiprocessors(70); /* sudoku-mlp */
  compare((trm__cuda_solve){.b = 1, .L = 97, .D = 512, .inner_l = 512, .inner_d = 1536, .layers = 1, .T = 1}, 0.4F, 1,
          3e-3);
}

static void test_steps(void **state) {
  (void)state;
  device_multiprocessors(8);
  compare(
      (trm__cuda_solve){
          .b = 2, .L = 18, .D = 128, .inner_l = 256, .inner_d = 512, .layers = 2, .n = 2, .T = 2, .rms_gate = 1},
      0.2F, 2, 4e-2);
  device_multiprocessors(5);
  compare((trm__cuda_solve){.b = 1, .L = 9, .D = 256, .inner_l = 256, .inner_d = 256, .layers = 3, .n = 0, .T = 2},
          0.2F, 1, 4e-2);
}

static void test_support(void **state) {
  (void)state;
  trm__cuda_queue queue = device_queue();
  trm__cuda_solve good = {.b = 1, .L = 97, .D = 512, .inner_l = 512, .inner_d = 1536, .layers = 2, .n = 6, .T = 3},
                  s = good;
  queue.capability = 90;
  queue.shared_per_block = 227 * 1024;
  assert_true(trm__cuda_solve_supported(&queue, &s));
  s.L = 113;
  assert_false(trm__cuda_solve_supported(&queue, &s));
  s = good, s.D = 448;
  assert_false(trm__cuda_solve_supported(&queue, &s));
  s = good, s.inner_d = 4096;
  assert_false(trm__cuda_solve_supported(&queue, &s));
  s = good, s.layers = 5;
  assert_false(trm__cuda_solve_supported(&queue, &s));
  queue.capability = 80;
  queue.shared_per_block = 163 * 1024;
  assert_true(trm__cuda_solve_supported(&queue, &good));
  queue.capability = 86;
  queue.shared_per_block = 99 * 1024;
  assert_false(trm__cuda_solve_supported(&queue, &good));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls), cmocka_unit_test(test_steps),
                                     cmocka_unit_test(test_support)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
