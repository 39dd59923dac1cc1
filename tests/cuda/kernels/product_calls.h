/* A product with all operands and results laid out, NaN around all that may be read and guards around all that may be
 * written, and the check of what comes out. */
#ifndef TRM_TESTS_CUDA_KERNELS_PRODUCT_CALLS_H
#define TRM_TESTS_CUDA_KERNELS_PRODUCT_CALLS_H

#include "cuda/kernels/products.h"

/* One call's operands and results. */
typedef struct call {
  const method *v;
  const problem *p;
  trm__cuda_product product;
  buffer a, b, c, residual, gu, gu_in, act, scale, inv, squares;
  int transposed;
} call;

static const trm__cuda_layout layouts[2] = {TRM__CUDA_INNER, TRM__CUDA_OUTER};

static inline int is_transposed(trm__cuda_epilogue e) {
  return e == TRM__CUDA_RESIDUAL_T || e == TRM__CUDA_RESIDUAL_NORM_T;
}

static inline void fill_numbers(buffer *x) {
  for (size_t i = 0; i < x->n; i++) set_at(x, i, random_number(x->type));
}

/* c and residual: lines of up8(n) + 8, batches 24 apart, unless they are dense; what is between stays NaN. */
static inline void call_results(call *c, int in_place, int is_dense) {
  const problem *p = c->p;
  trm__cuda_product *x = &c->product;
  size_t lines = (size_t)(c->transposed ? p->n : p->m), length = (size_t)(c->transposed ? p->m : p->n);
  size_t ld = is_dense ? length : up8(length) + 8, batch = lines * ld + (is_dense ? 0 : 24);
  size_t all = (size_t)p->batches * batch;
  x->c_ld = (ptrdiff_t)ld;
  x->c_batch = (ptrdiff_t)batch;
  c->c = buffer_numbers(p->type, all);
  x->c = c->c.device;
  if (x->epilogue == TRM__CUDA_STORE) return;
  c->residual = buffer_numbers(p->type, all);
  for (size_t b = 0; b < (size_t)p->batches; b++)
    for (size_t i = 0; i < lines; i++)
      for (size_t j = 0; j < length; j++) {
        float r = random_number(p->type);
        set_at(&c->residual, b * batch + i * ld + j, r);
        if (in_place) set_at(&c->c, b * batch + i * ld + j, r);
      }
  x->residual = in_place ? x->c : c->residual.device;
}

static inline void call_gates(call *c, int option) {
  const problem *p = c->p;
  trm__cuda_product *x = &c->product;
  size_t rows = (size_t)p->batches * (size_t)p->m, n = (size_t)p->n;
  if (x->epilogue == TRM__CUDA_GATE) {
    c->act = buffer_numbers(p->type, rows * n / 2);
    if (!(option & 1)) c->gu = buffer_numbers(p->type, rows * n);
    if (c->v->wide && n % 128 == 0) c->squares = buffer_numbers(TRM_FLOAT32, rows * n / 128);
  } else {
    c->gu = buffer_numbers(p->type, rows * 2 * n);
    c->gu_in = buffer_numbers(p->type, rows * 2 * n);
    fill_numbers(&c->gu_in);
    if (!(option & 1)) c->act = buffer_numbers(p->type, rows * n);
    if (option & 2) memcpy(c->gu.at, c->gu_in.at, c->gu.bytes); /* in place */
  }
  x->gu = c->gu.device;
  x->act = c->act.device;
  x->squares = (float *)(void *)c->squares.device;
  x->gu_in = option & 2 ? c->gu.device : c->gu_in.device;
}

/* option bit 0: leave out what may be, bit 1: in place, bit 2: with scales, bit 3: lines that are not aligned, bit 4:
 * c and residual without gaps. */
static inline call call_new(const method *v, const problem *p, trm__cuda_layout la, trm__cuda_layout lb,
                            trm__cuda_epilogue epilogue, int same_b, int option) {
  call c = {.v = v, .p = p, .transposed = is_transposed(epilogue)};
  c.product = (trm__cuda_product){
      .type = p->type, .m = p->m, .n = p->n, .k = p->k, .batches = p->batches, .epilogue = epilogue, .eps = 1e-5};
  c.product.a = lay_out(&c.a, p->type, p->a, p->batches, p->m, p->k, la, option & 8 ? 3 : 8, 0);
  c.product.b = lay_out(&c.b, p->type, p->b, p->batches, p->n, p->k, lb, 0, same_b);
  size_t rows = (size_t)p->batches * (size_t)p->m;
  if (epilogue == TRM__CUDA_GATE || epilogue == TRM__CUDA_GATE_BACKWARD) call_gates(&c, option);
  else call_results(&c, option & 2, option & 16);
  if ((option & 4) && (epilogue == TRM__CUDA_RESIDUAL || epilogue == TRM__CUDA_RESIDUAL_T)) {
    c.scale = buffer_numbers(TRM_FLOAT32, rows);
    fill_numbers(&c.scale);
    c.product.scale = (const float *)(const void *)c.scale.device;
  }
  if (epilogue == TRM__CUDA_RESIDUAL_NORM_T && !(option & 1)) {
    c.inv = buffer_numbers(TRM_FLOAT32, rows);
    c.product.inv = (float *)(void *)c.inv.device;
  }
  return c;
}

static inline void call_each(call *c, void (*f)(buffer *)) {
  buffer *all[] = {&c->a, &c->b, &c->c, &c->residual, &c->gu, &c->gu_in, &c->act, &c->scale, &c->inv, &c->squares};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) f(all[i]);
}
static inline void push(buffer *x) {
  buffer_push(x);
}
static inline void pull(buffer *x) {
  buffer_pull(x);
}

static inline void near_to(const call *c, const char *what, size_t at, double got, double expected, double tolerance) {
  if (!(fabs(got - expected) <= tolerance))
    fail_msg("%s, m %d n %d k %d, a %d b %d, epilogue %d: %s[%zu] is %.9g, expected %.9g within %g", c->v->name,
             c->p->m, c->p->n, c->p->k, (int)c->product.a.layout, (int)c->product.b.layout, (int)c->product.epilogue,
             what, at, got, expected, tolerance);
}

/* Half an ulp of the type, relative; and the error of a sum. */
static inline double unit(const call *c) {
  return c->p->type == TRM_BFLOAT16 ? 1.0 / 256 : 1e-6;
}
static inline double sum_error(const call *c, size_t at) {
  return 2e-6 * c->p->absolute[at] + 1e-12;
}

static inline void check_rows(const call *c) {
  const problem *p = c->p;
  const trm__cuda_product *x = &c->product;
  size_t lines = (size_t)(c->transposed ? p->n : p->m), length = (size_t)(c->transposed ? p->m : p->n);
  for (size_t at = 0; at < c->c.n; at++) {
    size_t b = at / (size_t)x->c_batch, line = at % (size_t)x->c_batch / (size_t)x->c_ld;
    size_t col = at % (size_t)x->c_batch % (size_t)x->c_ld;
    if (line >= lines || col >= length) {
      assert_true(untouched_at(&c->c, at));
      continue;
    }
    size_t i = b * (size_t)p->m + (c->transposed ? col : line), from = i * (size_t)p->n + (c->transposed ? line : col);
    double scale = c->scale.at ? (double)get_at(&c->scale, i) : 1, acc = p->acc[from] * scale;
    double r = c->residual.at ? (double)get_at(&c->residual, at) : 0;
    near_to(c, "c", at, (double)get_at(&c->c, at), r + acc,
            sum_error(c, from) * fabs(scale) + unit(c) * (fabs(acc) + fabs(r + acc)));
  }
}

static inline void check_normed(const call *c) {
  const problem *p = c->p;
  const trm__cuda_product *x = &c->product;
  for (size_t i = 0; i < (size_t)p->batches * (size_t)p->m; i++) {
    size_t base = i / (size_t)p->m * (size_t)x->c_batch + i % (size_t)p->m;
    double sum[128], error[128], squares = 0, errors = 0;
    for (size_t j = 0; j < (size_t)p->n; j++) {
      size_t from = i * (size_t)p->n + j;
      sum[j] = p->acc[from] + (double)get_at(&c->residual, base + j * (size_t)x->c_ld);
      error[j] = sum_error(c, from) + unit(c) * (fabs(p->acc[from]) + fabs(sum[j]));
      squares += sum[j] * sum[j];
      errors += error[j] * error[j];
    }
    double inverse = 1 / sqrt(squares / p->n + x->eps), relative = 1.5 * inverse * sqrt(errors / p->n) + 1e-6;
    if (c->inv.at) near_to(c, "inv", i, (double)get_at(&c->inv, i), inverse, relative * inverse);
    for (size_t j = 0; j < (size_t)p->n; j++) {
      size_t at = base + j * (size_t)x->c_ld;
      near_to(c, "c", at, (double)get_at(&c->c, at), sum[j] * inverse,
              1.5 * inverse * error[j] + (relative + unit(c)) * fabs(sum[j] * inverse));
    }
  }
}

/* Gate and up of activation j of row i among interleaved numbers. */
static inline size_t gate_at(size_t i, size_t j, size_t inner) {
  return i * 2 * inner + j / 8 * 16 + j % 8;
}

static inline void check_gates(const call *c) {
  const problem *p = c->p;
  size_t inner = (size_t)p->n / 2;
  for (size_t i = 0; i < (size_t)p->batches * (size_t)p->m; i++)
    for (size_t j = 0; j < inner; j++) {
      size_t at = gate_at(i, j, inner);
      double error[2] = {sum_error(c, at) + unit(c) * fabs(p->acc[at]),
                         sum_error(c, at + 8) + unit(c) * fabs(p->acc[at + 8])};
      double g = p->acc[at], u = p->acc[at + 8];
      if (c->gu.at) {
        near_to(c, "gu", at, (double)get_at(&c->gu, at), g, error[0]);
        near_to(c, "gu", at + 8, (double)get_at(&c->gu, at + 8), u, error[1]);
        g = (double)get_at(&c->gu, at);
        u = (double)get_at(&c->gu, at + 8);
        error[0] = error[1] = 0;
      }
      double silu = g / (1 + exp(-g));
      near_to(c, "act", i * inner + j, (double)get_at(&c->act, i * inner + j), silu * u,
              2 * unit(c) * fabs(silu * u) + 1.1 * error[0] * fabs(u) + error[1] * (fabs(silu) + error[0]) + 1e-7);
    }
}

static inline void check_squares(const call *c) {
  size_t inner = (size_t)c->p->n / 2;
  if (!c->squares.at || !c->gu.at) return;
  for (size_t at = 0; at < c->squares.n; at++) {
    size_t i = at / (inner / 64), part = at % (inner / 64);
    double sum = 0;
    for (size_t j = 64 * part; j < 64 * part + 64; j++) {
      double g = (double)get_at(&c->gu, gate_at(i, j, inner));
      double u = (double)get_at(&c->gu, gate_at(i, j, inner) + 8);
      sum += g * g * u * u;
    }
    near_to(c, "squares", at, (double)get_at(&c->squares, at), sum, 1e-5 * sum);
  }
}

static inline void check_gate_backward(const call *c) {
  const problem *p = c->p;
  size_t inner = (size_t)p->n;
  for (size_t i = 0; i < (size_t)p->batches * (size_t)p->m; i++)
    for (size_t j = 0; j < inner; j++) {
      size_t at = gate_at(i, j, inner), from = i * inner + j;
      double g = (double)get_at(&c->gu_in, at), u = (double)get_at(&c->gu_in, at + 8), d = p->acc[from];
      double s = 1 / (1 + exp(-g)), error = sum_error(c, from) + unit(c) * fabs(d);
      double dg = u * s * (1 + g * (1 - s)), du = g * s;
      near_to(c, "dg", at, (double)get_at(&c->gu, at), d * dg, error * fabs(dg) + 2 * unit(c) * fabs(d * dg) + 1e-6);
      near_to(c, "du", at, (double)get_at(&c->gu, at + 8), d * du,
              error * fabs(du) + 2 * unit(c) * fabs(d * du) + 1e-6);
      if (c->act.at) near_to(c, "act", from, (double)get_at(&c->act, from), du * u, 2 * unit(c) * fabs(du * u) + 1e-6);
    }
}

static inline void check_call(const call *c) {
  switch (c->product.epilogue) {
  case TRM__CUDA_GATE:
    check_gates(c);
    check_squares(c);
    break;
  case TRM__CUDA_GATE_BACKWARD:
    check_gate_backward(c);
    break;
  case TRM__CUDA_RESIDUAL_NORM_T:
    check_normed(c);
    break;
  default:
    check_rows(c);
    break;
  }
}

#endif
