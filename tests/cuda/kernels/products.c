/* Matrix products: every method, layout and epilogue against plain C on odd shapes, with NaN around all that may be
 * read and guards around all that may be written, and with the same bits in whatever order threads run. */
#include "cuda/kernels/product_calls.h"

static void same_numbers(const call *c, const char *what, const buffer *x, const buffer *y) {
  if (x->bytes != y->bytes || (x->bytes && memcmp(x->at, y->at, x->bytes) != 0))
    fail_msg("%s, epilogue %d: %s differs in another order of threads", c->v->name, (int)c->product.epilogue, what);
}

/* Twice where the layouts are the same, in another order of threads. */
static void try_product(const method *v, const problem *p, int la, int lb, trm__cuda_epilogue epilogue, int option) {
  uint64_t state = check_state;
  call c[2] = {0};
  int runs = la == lb ? 2 : 1;
  for (int i = 0; i < runs; i++) {
    check_state = state;
    c[i] = call_new(v, p, layouts[la], layouts[lb], epilogue, p->batches > 1 && (option & 1), option);
    emulate_seed(check_state + (uint64_t)i);
    call_each(&c[i], push);
    multiply_with(v, &c[i].product, 0, NULL);
    call_each(&c[i], pull);
  }
  check_call(&c[0]);
  if (runs == 2) {
    same_numbers(&c[0], "c", &c[0].c, &c[1].c);
    same_numbers(&c[0], "gu", &c[0].gu, &c[1].gu);
    same_numbers(&c[0], "act", &c[0].act, &c[1].act);
    same_numbers(&c[0], "inv", &c[0].inv, &c[1].inv);
    same_numbers(&c[0], "squares", &c[0].squares, &c[1].squares);
  }
  call_each(&c[0], buffer_free);
  call_each(&c[1], buffer_free);
}

typedef struct shape_case {
  int m, n, k, batches;
} shape_case;

/* All methods of a type, all layouts. */
static void try_all(trm__cuda_epilogue epilogue, const shape_case *shapes, int count) {
  int option = 0;
  for (int s = 0; s < count; s++) {
    for (int type = 0; type < 2; type++) {
      for (int same = 0; same < 2; same++) {
        const shape_case *x = &shapes[s];
        problem p = problem_new((trm_dtype)type, x->m, x->n, x->k, x->batches, same);
        for (int v = 0; v < METHODS; v++) {
          if ((int)methods[v].type != type || !method_there(&methods[v])) continue;
          int stream = methods[v].kind == 2 && methods[v].shape == TRM__WGMMA_STREAM;
          if (epilogue == TRM__CUDA_RESIDUAL_NORM_T && (!methods[v].wide || stream)) continue;
          for (int l = 0; l < 4; l++, option += 2)
            if (x->batches > 1 || !same) try_product(&methods[v], &p, l & 1, l >> 1, epilogue, (option & 6) | same);
        }
        problem_free(&p);
      }
    }
  }
}

static const shape_case any_shapes[] = {{1, 1, 1, 1},     {7, 7, 7, 2},     {97, 133, 97, 1},
                                        {133, 97, 40, 2}, {130, 260, 8, 1}, {5, 3, 300, 2}};
static const shape_case gate_shapes[] = {
    {1, 16, 1, 1}, {7, 48, 7, 2}, {97, 128, 97, 2}, {133, 256, 72, 1}, {33, 144, 200, 1}};
static const shape_case norm_shapes[] = {{1, 1, 1, 1}, {40, 7, 97, 2}, {133, 97, 72, 1}, {64, 128, 33, 2}};
#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void store(void **state) {
  (void)state;
  try_all(TRM__CUDA_STORE, any_shapes, COUNT(any_shapes));
}
static void residual(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL, any_shapes, COUNT(any_shapes));
}
static void residual_transposed(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL_T, any_shapes, COUNT(any_shapes));
}
static void residual_norm(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL_NORM_T, norm_shapes, COUNT(norm_shapes));
}
static void gate(void **state) {
  (void)state;
  try_all(TRM__CUDA_GATE, gate_shapes, COUNT(gate_shapes));
}
static void gate_backward(void **state) {
  (void)state;
  try_all(TRM__CUDA_GATE_BACKWARD, gate_shapes, COUNT(gate_shapes));
}

/* Operands that tensor cores cannot load, a whole tile and more in every direction; and results that are not aligned.
 */
static void unaligned(void **state) {
  (void)state;
  const method *v = &methods[METHODS - 1];
  problem p = problem_new(TRM_BFLOAT16, 70, 130, 40, 2, 0);
  for (int l = 0; l < 4; l++) try_product(v, &p, l & 1, l >> 1, TRM__CUDA_RESIDUAL, 8);
  problem_free(&p);
  buffer a = buffer_numbers(TRM_BFLOAT16, 256), b = buffer_numbers(TRM_BFLOAT16, 256);
  buffer c = buffer_numbers(TRM_BFLOAT16, 16 * 17 + 1);
  for (size_t i = 0; i < 256; i++) {
    set_at(&a, i, i % 17 ? 0 : 1);
    set_at(&b, i, (float)i);
  }
  trm__cuda_product x = {.type = TRM_BFLOAT16, .m = 16, .n = 16, .k = 16, .batches = 1};
  x.c = c.device + 2;
  x.c_ld = 17;
  x.a = (trm__cuda_operand){.x = a.device, .ld = 16};
  x.b = (trm__cuda_operand){.x = b.device, .ld = 16, .layout = TRM__CUDA_OUTER};
  trm__cuda_queue q = device_queue();
  buffer_push(&a);
  buffer_push(&b);
  buffer_push(&c);
  trm__cuda_multiply(&q, &x);
  device_finish(&q);
  buffer_pull(&c);
  for (size_t i = 0; i < c.n; i++) {
    if (i % 17 == 0) assert_true(untouched_at(&c, i));
    else assert_true(get_at(&c, i) == (float)((i / 17) * 16 + i % 17 - 1));
  }
  buffer_free(&a);
  buffer_free(&b);
  buffer_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(store),         cmocka_unit_test(residual), cmocka_unit_test(residual_transposed),
      cmocka_unit_test(residual_norm), cmocka_unit_test(gate),     cmocka_unit_test(gate_backward),
      cmocka_unit_test(unaligned)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
