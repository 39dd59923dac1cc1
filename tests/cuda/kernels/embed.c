/* The embedding against plain loops: rounding as on the CPU, sums of gradients in double. */
#include "cuda/device_check.h"

typedef struct shape {
  int b, S, P, D, V, ndim, positions;
} shape;

typedef struct embed_test {
  trm__cuda_embed e;
  float *table, *positions, *rows, *de, *want, *dtable, *dpositions;
  buffer btokens, btable, bpositions, brows, be, bde, bdtable, bdpositions, bdrows, bpartial;
} embed_test;

/* With the device's addresses. */
static trm__cuda_embed there(const trm__cuda_embed *here) {
  trm__cuda_embed e = *here;
  e.tokens = THERE(e.tokens), e.rows = THERE(e.rows), e.table = THERE(e.table), e.positions = THERE(e.positions);
  e.e = THERE(e.e), e.de = THERE(e.de), e.dtable = THERE(e.dtable), e.dpositions = THERE(e.dpositions);
  e.drows = THERE(e.drows), e.partial = THERE(e.partial);
  return e;
}

static void launch_forward(trm__cuda_queue *q, void *context) {
  trm__cuda_embed e = there(&((embed_test *)context)->e);
  trm__cuda_embed_forward(q, &e);
}

static void launch_backward(trm__cuda_queue *q, void *context) {
  trm__cuda_embed e = there(&((embed_test *)context)->e);
  trm__cuda_embed_backward(q, &e);
}

static size_t state_of(const shape *s) {
  return (size_t)(s->P + s->S) * (size_t)s->D;
}

static void open_test(embed_test *t, const shape *s, trm_dtype type) {
  size_t n = state_of(s), v = (size_t)(s->V * s->D), all = (size_t)s->b * n, tokens = (size_t)(s->b * s->S);
  *t = (embed_test){.table = floats(v),
                    .positions = floats(n),
                    .rows = floats((size_t)(s->b * s->ndim)),
                    .de = floats(all),
                    .want = floats(all),
                    .dtable = floats(v),
                    .dpositions = floats(n)};
  t->btokens = buffer_new(tokens * sizeof(int32_t));
  for (size_t i = 0; i < tokens; i++) ((int32_t *)(void *)t->btokens.at)[i] = random_below(s->V + 2) - 1;
  t->btable = buffer_filled(TRM_FLOAT32, v, t->table, 0);
  t->bpositions = buffer_filled(TRM_FLOAT32, n, t->positions, 0);
  t->brows = buffer_filled(TRM_FLOAT32, (size_t)(s->b * s->ndim), t->rows, 0);
  t->bde = buffer_filled(type, all, t->de, 0);
  t->be = buffer_new(all * type_bytes(type));
  t->bdtable = buffer_filled(TRM_FLOAT32, v, t->dtable, 0);
  t->bdpositions = buffer_filled(TRM_FLOAT32, n, t->dpositions, 0);
  t->bdrows = buffer_new((size_t)(s->b * s->ndim) * sizeof(float));
  t->bpartial = buffer_new(trm__cuda_embed_scratch(s->b, s->S, s->P, s->D, s->V, s->positions) * sizeof(float));
  t->e = (trm__cuda_embed){.type = type, .b = s->b, .S = s->S, .P = s->P, .D = s->D, .V = s->V, .ndim = s->ndim};
  t->e.tokens = (void *)t->btokens.at;
  t->e.rows = s->ndim ? (void *)t->brows.at : NULL;
  t->e.table = (void *)t->btable.at;
  t->e.positions = s->positions ? (void *)t->bpositions.at : NULL;
  t->e.e = t->be.at;
  t->e.de = t->bde.at;
  t->e.dtable = (void *)t->bdtable.at;
  t->e.dpositions = s->positions ? (void *)t->bdpositions.at : NULL;
  t->e.drows = s->ndim ? (void *)t->bdrows.at : NULL;
  t->e.partial = (void *)t->bpartial.at;
}

static void close_test(embed_test *t) {
  buffer *all[] = {&t->btokens, &t->btable,  &t->bpositions,  &t->brows,  &t->be,
                   &t->bde,     &t->bdtable, &t->bdpositions, &t->bdrows, &t->bpartial};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) buffer_free(all[i]);
  float *arrays[] = {t->table, t->positions, t->rows, t->de, t->want, t->dtable, t->dpositions};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

static size_t token_of(const embed_test *t, const shape *s, size_t at) {
  int32_t token = t->e.tokens[at];
  return token < 0 || token >= s->V ? 0 : (size_t)token;
}

static float expect_e(const embed_test *t, const shape *s, size_t example, size_t at) {
  trm_dtype type = t->e.type;
  size_t D = (size_t)s->D, prefix = (size_t)s->P * D, ndim = (size_t)s->ndim;
  float x = 0;
  if (at >= prefix) x = t->table[token_of(t, s, example * (size_t)s->S + at / D - (size_t)s->P) * D + at % D];
  else if (at < ndim) x = t->rows[example * ndim + at];
  x = rounded(x, type);
  if (s->positions) {
    x = rounded(x + rounded(t->positions[at], type), type);
    x = rounded(x * 0.707106781F, type);
  }
  return rounded(x * (float)sqrt(s->D), type);
}

static void check_forward(embed_test *t, const shape *s) {
  size_t n = state_of(s);
  run_twice(launch_forward, t, (buffer *[]){&t->be}, 1);
  for (size_t i = 0; i < (size_t)s->b * n; i++) {
    float want = expect_e(t, s, i / n, i % n), got = get_number(t->be.at, t->e.type, i);
    if (!(got == want)) fail_msg("e [%zu]: %g, expected %g", i, (double)got, (double)want);
  }
}

static void check_backward(embed_test *t, const shape *s) {
  size_t n = state_of(s), D = (size_t)s->D, b = (size_t)s->b, S = (size_t)s->S, v = (size_t)s->V * D;
  double scale = sqrt(s->D) * (s->positions ? 0.707106781 : 1), *sum = calloc(v + n, sizeof *sum);
  for (size_t i = 0; i < b * n; i++) {
    size_t example = i / n, p = i % n / D, c = i % D;
    sum[v + i % n] += scale * (double)t->de[i];
    if (p >= (size_t)s->P) sum[token_of(t, s, example * S + p - (size_t)s->P) * D + c] += scale * (double)t->de[i];
  }
  for (size_t i = 0; i < v; i++) t->dtable[i] += (float)sum[i];
  for (size_t i = 0; s->positions && i < n; i++) t->dpositions[i] += (float)sum[v + i];
  run_twice(launch_backward, t, (buffer *[]){&t->bdtable, &t->bdpositions, &t->bdrows, &t->bpartial}, 4);
  double absolute = 2e-6 * scale * sqrt((double)(b * S));
  check_numbers(&t->bdtable, TRM_FLOAT32, t->dtable, v, 1e-6, absolute, "gradient of the table");
  check_numbers(&t->bdpositions, TRM_FLOAT32, t->dpositions, n, 1e-6, absolute, "gradient of positions");
  for (size_t i = 0; i < b * (size_t)s->ndim; i++) {
    double want = scale * (double)t->de[i / (size_t)s->ndim * n + i % (size_t)s->ndim];
    CHECK_CLOSE((double)t->e.drows[i], want, 1e-6 * fabs(want), "gradient of rows [%zu]", i);
  }
  free(sum);
}

static void embeddings(void **state) {
  (void)state;
  static const shape shapes[] = {{1, 1, 0, 1, 1, 0, 0},      {3, 5, 2, 7, 4, 9, 1},      {4, 9, 1, 16, 11, 16, 0},
                                 {2, 40, 3, 72, 11, 100, 1}, {70, 3, 1, 8, 5, 5, 1},     {2, 33, 0, 520, 12, 0, 1},
                                 {1, 300, 2, 24, 150, 0, 0}, {5, 81, 16, 64, 11, 64, 0}, {2, 70, 1, 33, 250, 33, 1}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int type = 0; type < TYPES; type++) {
      embed_test t;
      open_test(&t, &shapes[i], both_types[type]);
      check_forward(&t, &shapes[i]);
      check_backward(&t, &shapes[i]);
      close_test(&t);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(embeddings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
