/* What a golden comparison runs on: threads, kernels and backend; and the model of a set, its weights read from
 * weights.safetensors or made by the exact generator that the sets of full size use. What the backend is given and
 * gives lies in its own memory, so that the same comparisons run on a device. */
#ifndef GOLDEN_MACHINE_H
#define GOLDEN_MACHINE_H

#include "backend/backend.h"
#include "base/pool.h"
#include "golden/harness.h"
#include "model/network.h"
#include "model/params.h"
#include "support/isa.h"

typedef struct machine {
  const trm__kernels *kernels; /* for all types */
  trm__pool *pool;
  trm__backend *backend;
  int threads;
} machine;

#ifndef GOLDEN_DEVICE
#define GOLDEN_DEVICE "cpu"
#endif
static const char *golden_device = GOLDEN_DEVICE;

/* The backend of the machine that is open. */
static trm__backend *golden_backend;

static int on_cpu(void) {
  return strcmp(golden_device, "cpu") == 0;
}

/* 0 when this CPU does not run the kernels. */
static int machine_open(machine *m, const char *isa, int threads) {
  memset(m, 0, sizeof *m);
  trm__isa_choice choice;
  m->kernels = isa_choose(&choice, isa) ? isa_kernels(isa) : NULL;
  m->threads = threads;
  if (!m->kernels) return 0;
  if (trm__pool_open(&m->pool, threads, NULL)) exit(1);
  trm_error err;
  if (trm__backend_open(&m->backend, golden_device, &choice, m->pool, &err)) {
    printf("  FAIL %s: %s\n", err.where, err.message);
    exit(1);
  }
  golden_backend = m->backend;
  return 1;
}

static void machine_close(machine *m) {
  trm__backend_close(&m->backend);
  trm__pool_close(&m->pool);
}

/* -- device memory ------------------------------------------------------------------------------------------------- */

static void *device_bytes(size_t bytes) {
  return must(golden_backend->alloc(golden_backend, bytes + 1));
}

/* A copy of host memory; NULL stays NULL. */
static void *to_device(const void *host, size_t bytes) {
  if (!host) return NULL;
  void *p = device_bytes(bytes);
  golden_backend->copy(golden_backend, p, host, bytes, TRM__COPY_TO_DEVICE);
  return p;
}

static void update_device(void *device, const void *host, size_t bytes) {
  golden_backend->copy(golden_backend, device, host, bytes, TRM__COPY_TO_DEVICE);
}

static void from_device(void *host, const void *device, size_t bytes) {
  golden_backend->copy(golden_backend, host, device, bytes, TRM__COPY_TO_HOST);
}

static void drop_device(void *device) {
  golden_backend->free(golden_backend, device);
}

/* -- weights ----------------------------------------------------------------------------------------------------- */

typedef struct subject {
  trm__params params;
  trm__weight_set weights;
} subject;

static uint32_t scale_bits(const json_t *tensor) {
  const char *text = json_string_value(json_object_get(tensor, "scale_float32_bits"));
  return text ? (uint32_t)strtoul(text, NULL, 16) : 0;
}

/* SplitMix64 seeded by the name's FNV-1a hash; the upper 24 bits become a number in [-1, 1) that is scaled. */
static void generate(const char *name, float scale, trm__real *to, size_t n) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char *p = name; *p; p++) hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
  uint64_t state = hash ^ 0x54524D2D474F4C44u;
  for (size_t i = 0; i < n; i++) {
    state += 0x9E3779B97F4A7C15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    float u = (float)(z >> 40) * 0x1p-23f - 1;
    to[i] = (trm__real)(u * scale);
  }
}

/* The generated numbers against what meta.json says of them. */
static int generated_right(golden_set *g, const json_t *tensor, const char *name, const trm__real *v, size_t n) {
  double sum = 0, size = 0;
  for (size_t i = 0; i < n; i++) sum += (double)v[i], size += fabs((double)v[i]);
  int right = 1;
  for (size_t i = 0; i < 2 && i < n; i++) {
    const char *text = json_string_value(json_array_get(json_object_get(tensor, "first2"), i));
    if (text && strtod(text, NULL) != (double)v[i]) right = 0;
  }
  json_t *stored = json_object_get(tensor, "sum_f64");
  if (json_is_number(stored) && !(fabs(json_number_value(stored) - sum) <= 1e-12 * size)) right = 0;
  if (!right) printf("  FAIL %s: the generated %s is not the one meta.json describes\n", g->name, name);
  return right;
}

static int fill_tensor(golden_set *g, subject *s, int i) {
  const trm__param *p = &s->params.item[i];
  size_t n = (size_t)p->rows * (size_t)p->cols;
  trm__real *to = trm__weight_set_tensor(&s->weights, &s->params, i);
  const trm__st_tensor *t = find(g, "weights", p->name);
  if (t && t->elements == n) {
    trm__st_read_real(t, to);
    set_mark(g, "weights", p->name, INPUT, NULL);
    return 1;
  }
  json_t *tensor = json_object_get(json_object_get(g->meta, "tensors"), p->name);
  uint32_t bits = scale_bits(tensor);
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  if (t || !bits) {
    printf("  FAIL %s: weight %s is %s\n", g->name, p->name, t ? "of another shape" : "neither stored nor described");
    return 0;
  }
  generate(p->name, scale, to, n);
  return generated_right(g, tensor, p->name, to, n);
}

static int subject_open(golden_set *g, subject *s) {
  trm_error err;
  if (trm__params_open(&s->params, &g->config, &err) || trm__weight_set_open(&s->weights, &s->params, &err)) {
    printf("  FAIL %s: %s: %s\n", g->name, err.where, err.message);
    return 0;
  }
  int good = 1;
  for (int i = 0; i < s->params.count; i++) good = fill_tensor(g, s, i) && good;
  return good;
}

static void subject_close(subject *s) {
  trm__weight_set_close(&s->weights);
  trm__params_close(&s->params);
}

/* -- a network with its buffers ---------------------------------------------------------------------------------- */

typedef struct bench {
  machine *m;
  subject *s;
  trm__network *net;
  trm__dims dims;
  int B;
  size_t act, L, D, S, V, ndim; /* act: numbers of a state, B * L * D */
  int32_t *ids;                 /* host */
  /* On the device. */
  int32_t *inputs, *labels;
  trm__real *flat, *start; /* weights; the carry's start */
  trm__real *rows;         /* [B][ndim] */
  trm__act *y, *z;         /* [B][L][D] */
  trm__real *logits, *q;   /* [B][S][V], [B][2] */
} bench;

/* Rows of a table of puzzle rows (host) for these identifiers. */
static void gather_rows(bench *b, const trm__real *table, const int32_t *ids) {
  for (size_t i = 0; b->rows && i < (size_t)b->B; i++)
    update_device(b->rows + i * b->ndim, table + (size_t)ids[i] * b->ndim, b->ndim * sizeof(trm__real));
}

/* A set's integers on the device. */
static int32_t *device_ints(golden_set *g, const char *name, size_t n) {
  int32_t *host = input_ints(g, "data", name, n), *device = to_device(host, n * sizeof *host);
  free(host);
  return device;
}

static void bench_open(bench *b, golden_set *g, subject *s, machine *m, int bf16, int training) {
  trm_error err;
  trm_model_config config = g->config;
  trm__network_plan plan = {.max_batch = g->batch, .training = training};
  memset(b, 0, sizeof *b);
  config.forward_dtype = bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  b->m = m;
  b->s = s;
  b->B = g->batch;
  b->L = (size_t)s->params.dims.L;
  b->D = (size_t)s->params.dims.D;
  b->S = (size_t)s->params.dims.S;
  b->V = (size_t)s->params.dims.V;
  b->ndim = (size_t)s->params.dims.emb_ndim;
  b->act = (size_t)b->B * b->L * b->D;
  if (trm__network_open(&b->net, &config, &s->params, m->backend, &plan, &err)) {
    printf("  FAIL %s: %s: %s\n", g->name, err.where, err.message);
    exit(1);
  }
  b->dims = s->params.dims;
  b->dims.bf16 = bf16;
  b->flat = to_device(s->weights.flat, s->params.trained * sizeof(trm__real));
  b->start = to_device(s->weights.start, 2 * b->D * sizeof(trm__real));
  trm__network_prepare(b->net, b->flat);
  b->inputs = device_ints(g, "inputs", (size_t)b->B * b->S);
  b->labels = device_ints(g, "labels", (size_t)b->B * b->S);
  b->ids = input_ints(g, "data", "puzzle_identifiers", (size_t)b->B);
  if (b->ndim) b->rows = device_bytes((size_t)b->B * b->ndim * sizeof(trm__real));
  if (b->ids) gather_rows(b, s->weights.puzzle, b->ids);
  b->y = device_bytes(b->act * m->backend->act_bytes(m->backend, &b->dims));
  b->z = device_bytes(b->act * m->backend->act_bytes(m->backend, &b->dims));
  b->logits = device_bytes((size_t)b->B * b->S * b->V * sizeof(trm__real));
  b->q = device_bytes((size_t)b->B * 2 * sizeof(trm__real));
}

static void bench_close(bench *b) {
  void *device[] = {b->flat, b->start, b->inputs, b->labels, b->rows, b->y, b->z, b->logits, b->q};
  trm__network_close(&b->net);
  for (size_t i = 0; i < sizeof device / sizeof *device; i++) drop_device(device[i]);
  free(b->ids);
}

/* A state in doubles; free with free. */
static double *act_values(const bench *b, const trm__act *from, size_t n) {
  trm__real *real = must(malloc(n * sizeof *real));
  double *out = doubles(n);
  b->m->backend->act_read(b->m->backend, &b->dims, real, from, n);
  for (size_t i = 0; i < n; i++) out[i] = (double)real[i];
  free(real);
  return out;
}

static double *real_values(const trm__real *from, size_t n) {
  double *out = doubles(n);
  for (size_t i = 0; i < n; i++) out[i] = (double)from[i];
  return out;
}

/* Of numbers on the device. */
static double *device_values(const trm__real *device, size_t n) {
  trm__real *host = must(malloc(n * sizeof *host));
  from_device(host, device, n * sizeof *host);
  double *out = real_values(host, n);
  free(host);
  return out;
}

/* The carry that step k (from 1) starts from: the fixed start, or what steps_f32 stores of the step before. 0 when the
 * set does not have it. */
static int load_carry(bench *b, golden_set *g, int k) {
  trm__backend *be = b->m->backend;
  if (k == 1) {
    uint8_t *all = must(malloc((size_t)b->B));
    memset(all, 1, (size_t)b->B);
    uint8_t *halted = to_device(all, (size_t)b->B);
    trm__network_refill(b->net, b->B, halted, b->start, b->y, b->z);
    drop_device(halted);
    free(all);
    return 1;
  }
  char name[64];
  trm__act *state[2] = {b->y, b->z};
  for (int i = 0; i < 2; i++) {
    snprintf(name, sizeof name, "step%d.carry_out.%s", k - 1, i ? "z_L" : "z_H");
    double *stored = values(g, "steps_f32", name, b->act);
    if (!stored) return 0;
    trm__real *real = must(malloc(b->act * sizeof *real));
    for (size_t n = 0; n < b->act; n++) real[n] = (trm__real)stored[n];
    be->act_write(be, &b->dims, state[i], real, b->act);
    free(real);
    free(stored);
  }
  return 1;
}

#endif
