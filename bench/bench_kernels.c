/* Speed of each kernel in each variant this machine runs, on one thread: GFLOP/s or GB/s, the share of the multiply-add
 * ceiling, and the ratio to plain C. The ceiling is measured in registers right before every sample of a product, and
 * times are the thread's own processor time, so that a busy machine changes the numbers little. Medians.
 * Usage: bench_kernels [--json [FILE]] [--quick] [--only TEXT]; --json without a file prints JSON instead of text. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../tests/kernels/cases.h"
#include "base/mem.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MAX_SAMPLES = 64, CHAINS = 12, POSITIONS = 97, HIDDEN = 512, HEAD_DIM = 64 };

typedef struct options {
  const char *json; /* a path, "-" for standard output, NULL for none */
  const char *only; /* part of a name */
  int samples;
  double seconds; /* of one sample */
} options;

static int wanted(const options *o, const char *name) {
  return !o->only || strstr(name, o->only);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *x, int n) {
  qsort(x, (size_t)n, sizeof *x, by_value);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* -- the ceiling: independent chains of multiply-adds in registers, operations a call --------------------------------
 */

#if defined(__x86_64__)
/* Written out, so that the chains stay in registers at any optimization level. */
#define EACH_CHAIN(X) X(c0) X(c1) X(c2) X(c3) X(c4) X(c5) X(c6) X(c7) X(c8) X(c9) X(c10) X(c11)

__attribute__((target("avx2,fma"))) static double chains_avx2(int rounds) {
  __m256 x = _mm256_set1_ps(0.999F), y = _mm256_set1_ps(0.001F);
#define START(c) __m256 c = x;
#define STEP(c) __asm__ volatile("vfmadd213ps %2, %1, %0" : "+x"(c) : "x"(x), "x"(y));
  EACH_CHAIN(START)
  for (int r = 0; r < rounds; r++) {
    EACH_CHAIN(STEP)
  }
  return 16.0 * CHAINS * rounds;
#undef START
#undef STEP
}

__attribute__((target("avx512f"))) static double chains_avx512(int rounds) {
  __m512 x = _mm512_set1_ps(0.999F), y = _mm512_set1_ps(0.001F);
#define START(c) __m512 c = x;
#define STEP(c) __asm__ volatile("vfmadd213ps %2, %1, %0" : "+v"(c) : "v"(x), "v"(y));
  EACH_CHAIN(START)
  for (int r = 0; r < rounds; r++) {
    EACH_CHAIN(STEP)
  }
  return 32.0 * CHAINS * rounds;
#undef START
#undef STEP
}
#endif

/* GFLOP/s of the widest multiply-add that this machine has; all variants are judged by it. */
static double ceiling_once(void) {
  double start = seconds_now(), operations = 0;
#if defined(__x86_64__)
  if (trm__kernels_get("avx512")) operations = chains_avx512(60000);
  else if (trm__kernels_get("avx2")) operations = chains_avx2(60000);
#endif
  double time = seconds_now() - start;
  return time > 0 && operations > 0 ? operations / time * 1e-9 : 0;
}

/* -- cases -----------------------------------------------------------------------------------------------------------
 */

typedef struct work {
  const trm__kernels *kernels;
  trm__gemm gemm;
  trm__attention attention;
  trm__adam adam;
  trm__real *x[8];
  int rows, cols;
  size_t n;
} work;

typedef struct bench_result {
  double rate;  /* GFLOP/s or GB/s */
  double share; /* of the ceiling; 0 without one */
} bench_result;

static bench_result measure(const options *o, void (*fn)(const work *), const work *w, double amount, int share) {
  double rates[MAX_SAMPLES], shares[MAX_SAMPLES];
  double start = seconds_now();
  fn(w);
  double once = seconds_now() - start;
  int repeats = once > 0 && once < o->seconds ? (int)(o->seconds / once) + 1 : 1;
  if (repeats > 100000) repeats = 100000;
  for (int s = 0; s < o->samples; s++) {
    double ceiling = share ? ceiling_once() : 0;
    start = seconds_now();
    for (int r = 0; r < repeats; r++) fn(w);
    rates[s] = amount * repeats / (seconds_now() - start) * 1e-9;
    shares[s] = ceiling > 0 ? rates[s] / ceiling : 0;
  }
  return (bench_result){median(rates, o->samples), median(shares, o->samples)};
}

static trm__real *numbers(size_t n, double low, double high) {
  static uint64_t state = 1;
  trm__real *x = trm__calloc(n, sizeof *x);
  if (!x) {
    fprintf(stderr, "bench_kernels: no memory for %zu numbers\n", n);
    exit(4);
  }
  for (size_t i = 0; i < n; i++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    x[i] = (trm__real)(low + (high - low) * (double)(state >> 40) * 0x1p-24);
  }
  return x;
}

static void report(const options *o, json_t *list, const char *name, const char *isa, const char *unit, bench_result r,
                   double ref) {
  char share[32] = "", ratio[32] = "";
  if (r.share > 0) snprintf(share, sizeof share, "%5.1f %% of ceiling", 100 * r.share);
  if (ref > 0) snprintf(ratio, sizeof ratio, "%5.1f x ref", r.rate / ref);
  if (!o->json || strcmp(o->json, "-") != 0)
    printf("%-46s %-7s %8.2f %s  %-20s %s\n", name, isa, r.rate, unit, share, ratio);
  json_array_append_new(list,
                        json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "kernel", name, "isa", isa, "unit", unit, "rate",
                                  r.rate, "share", r.share, "ratio_to_ref", ref > 0 ? r.rate / ref : 1.0));
}

static const trm__kernels *variant_at(int i) {
  static const char *const names[] = {"ref", "avx2", "avx512"};
  int seen = 0;
  for (int n = 0; n < 3; n++) {
    const trm__kernels *k = trm__kernels_get(names[n]);
    if (k && seen++ == i) return k;
  }
  return NULL;
}

static void run_gemm(const work *w) {
  w->kernels->product[TRM__F32]->gemm(&w->gemm);
}

static void bench_gemm(const options *o, json_t *list, const gemm_case *c, int batch) {
  if (!wanted(o, c->name)) return;
  size_t m = (size_t)case_size(c->m, batch), n = (size_t)c->n, k = (size_t)case_size(c->k, batch);
  int gate = c->epilogue == TRM__EPI_GATE_N;
  trm__real *a = numbers(m * k, -1, 1), *b = numbers(k * n, -0.05, 0.05), *out = numbers(m * n, -1, 1);
  double ref = 0;
  char name[128];
  snprintf(name, sizeof name, "%s %zux%zux%zu", c->name, m, n, k);
  for (int v = 0; variant_at(v); v++) {
    work w = {.kernels = variant_at(v)};
    trm__real *packed = numbers(w.kernels->product[TRM__F32]->packed_size((int)k, (int)n, gate), 0, 0);
    w.kernels->product[TRM__F32]->pack_b(packed, b, (ptrdiff_t)n, 1, (int)k, (int)n, gate, 0,
                                         case_panels(w.kernels, c));
    w.gemm = case_gemm(c, batch, a, packed, out, out);
    bench_result r = measure(o, run_gemm, &w, 2.0 * (double)m * (double)n * (double)k, 1);
    report(o, list, name, w.kernels->isa, "GFLOP/s", r, ref);
    if (v == 0) ref = r.rate;
    trm__free(packed);
  }
  trm__free(a);
  trm__free(b);
  trm__free(out);
}

static void run_attention(const work *w) {
  w->kernels->attention(&w->attention);
}
static void run_attention_backward(const work *w) {
  w->kernels->attention_backward(&w->attention);
}

/* Operations: two products of rows x rows x head_dim forward, five backward (the weights are computed again). */
static void bench_attention(const options *o, json_t *list, int rows) {
  if (!wanted(o, "attention head")) return;
  size_t n = (size_t)rows * HEAD_DIM;
  trm__real *x[8];
  double pairs = 2.0 * (double)rows * (double)rows * HEAD_DIM, ref[2] = {0, 0};
  for (int i = 0; i < 8; i++) x[i] = numbers(n, -1, 1);
  for (int v = 0; variant_at(v); v++) {
    work w = {.kernels = variant_at(v)};
    trm__real *scratch = numbers(w.kernels->attention_scratch(rows, HEAD_DIM), 0, 0);
    w.attention = (trm__attention){.rows = rows,
                                   .head_dim = HEAD_DIM,
                                   .scale = (trm__real)0.125,
                                   .q = x[0],
                                   .k = x[1],
                                   .v = x[2],
                                   .ld = HEAD_DIM,
                                   .out = x[3],
                                   .out_ld = HEAD_DIM,
                                   .dout = x[4],
                                   .dq = x[5],
                                   .dk = x[6],
                                   .dv = x[7],
                                   .scratch = scratch};
    for (int backward = 0; backward < 2; backward++) {
      char name[64];
      snprintf(name, sizeof name, "attention head %s%dx%d", backward ? "backward " : "", rows, HEAD_DIM);
      bench_result r = measure(o, backward ? run_attention_backward : run_attention, &w, pairs * (backward ? 5 : 2), 1);
      report(o, list, name, w.kernels->isa, "GFLOP/s", r, ref[backward]);
      if (v == 0) ref[backward] = r.rate;
    }
    trm__free(scratch);
  }
  for (int i = 0; i < 8; i++) trm__free(x[i]);
}

static void run_pack(const work *w) {
  int panels = (int)(w->kernels->product[TRM__F32]->packed_size(1, w->cols, 0) / (size_t)w->kernels->nr);
  w->kernels->product[TRM__F32]->pack_b(w->x[0], w->x[1], w->cols, 1, w->rows, w->cols, 0, 0, panels);
}
static void run_pack_transposed(const work *w) {
  int panels = (int)(w->kernels->product[TRM__F32]->packed_size(1, w->cols, 0) / (size_t)w->kernels->nr);
  w->kernels->product[TRM__F32]->pack_b(w->x[0], w->x[1], 1, w->rows, w->rows, w->cols, 0, 0, panels);
}
static void run_swiglu_backward(const work *w) {
  w->kernels->swiglu_backward(w->x[0], w->x[1], w->x[2], w->x[3], w->rows, w->cols);
}
static void run_rms_rows(const work *w) {
  w->kernels->rms_rows(w->x[0], w->x[4], w->x[1], w->rows, w->cols, 1e-5, 0);
}
static void run_rms_rows_round(const work *w) {
  w->kernels->rms_rows(w->x[0], w->x[4], w->x[1], w->rows, w->cols, 1e-5, 1);
}
static void run_rms_rows_backward(const work *w) {
  w->kernels->rms_rows_backward(w->x[0], w->x[1], w->x[2], w->x[4], w->rows, w->cols);
}
static void run_rms_cols(const work *w) {
  w->kernels->rms_cols(w->x[0], w->x[4], w->x[1], w->rows, w->cols, 1e-5, 0, 0, w->cols);
}
static void run_rms_cols_backward(const work *w) {
  w->kernels->rms_cols_backward(w->x[0], w->x[1], w->x[2], w->x[4], w->rows, w->cols, 0, w->cols);
}
static void run_inject(const work *w) {
  w->kernels->inject(w->x[0], w->x[1], w->x[2], w->n, 0);
}
static void run_sum_squares(const work *w) {
  volatile double keep = w->kernels->sum_squares(w->x[1], w->n);
  (void)keep;
}
static void run_rope(const work *w) {
  w->kernels->rope(w->x[0], w->cols, w->x[1], w->x[2], w->rows, w->cols / HEAD_DIM, HEAD_DIM, 0, 0);
}
static void run_adam_atan2(const work *w) {
  w->kernels->adam_atan2(w->x[0], w->x[1], w->x[4], w->x[3], w->n, &w->adam);
}
static void run_adamw(const work *w) {
  w->kernels->adamw(w->x[0], w->x[1], w->x[4], w->x[3], w->n, &w->adam);
}
static void run_ema(const work *w) {
  w->kernels->ema(w->x[0], w->x[1], w->n, 0.999);
}

/* Kernels that stream: passes counts how many times each number is read or written. */
typedef struct stream_case {
  const char *name;
  void (*fn)(const work *);
  int rows, cols, passes;
} stream_case;

static const stream_case streams[] = {
    {"pack B", run_pack, HIDDEN, 3072, 2},
    {"pack B, transposed", run_pack_transposed, HIDDEN, 3072, 2},
    {"gate backward", run_swiglu_backward, POSITIONS, 1536, 6},
    {"norm of rows", run_rms_rows, POSITIONS, HIDDEN, 3},
    {"norm of rows, bf16", run_rms_rows_round, POSITIONS, HIDDEN, 3},
    {"norm of rows, backward", run_rms_rows_backward, POSITIONS, HIDDEN, 5},
    {"norm of columns", run_rms_cols, POSITIONS, HIDDEN, 3},
    {"norm of columns, backward", run_rms_cols_backward, POSITIONS, HIDDEN, 5},
    {"inject", run_inject, POSITIONS, HIDDEN, 4},
    {"sum of squares", run_sum_squares, POSITIONS, HIDDEN, 1},
    {"rotary positions", run_rope, POSITIONS, 1024, 2},
    {"Adam-atan2", run_adam_atan2, 1024, 1024, 7},
    {"AdamW", run_adamw, 1024, 1024, 7},
    {"EMA", run_ema, 1024, 1024, 3},
};

static void bench_stream(const options *o, json_t *list, const stream_case *c) {
  if (!wanted(o, c->name)) return;
  size_t n = (size_t)c->rows * (size_t)c->cols;
  work w = {.rows = c->rows, .cols = c->cols, .n = n};
  w.adam = (trm__adam){.lr = 1e-4, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 1, .eps = 1e-8, .t = 10};
  for (int i = 0; i < 5; i++) w.x[i] = numbers(2 * n + 4096, i == 4 ? 0.5 : -1, 1);
  double ref = 0;
  for (int v = 0; variant_at(v); v++) {
    w.kernels = variant_at(v);
    bench_result r = measure(o, c->fn, &w, (double)n * c->passes * sizeof(trm__real), 0);
    report(o, list, c->name, w.kernels->isa, "GB/s   ", r, ref);
    if (v == 0) ref = r.rate;
  }
  for (int i = 0; i < 5; i++) trm__free(w.x[i]);
}

static void machine_name(char *name, size_t size) {
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "r");
  snprintf(name, size, "unknown processor");
  while (f && fgets(line, sizeof line, f)) {
    char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !value) continue;
    snprintf(name, size, "%s", value + 2);
    name[strcspn(name, "\n")] = 0;
    break;
  }
  if (f) fclose(f);
}

static int parse(options *o, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) o->json = i + 1 < argc && argv[i + 1][0] != '-' ? argv[++i] : "-";
    else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) o->only = argv[++i];
    else if (strcmp(argv[i], "--quick") == 0) o->samples = 5, o->seconds = 0.002;
    else return 0;
  }
  return 1;
}

int main(int argc, char **argv) {
  options o = {.samples = 21, .seconds = 0.01};
  if (!parse(&o, argc, argv)) {
    fprintf(stderr, "usage: bench_kernels [--json [FILE]] [--quick] [--only TEXT]\n");
    return 2;
  }
  char machine[200];
  double ceilings[MAX_SAMPLES];
  machine_name(machine, sizeof machine);
  for (int i = 0; i < o.samples; i++) ceilings[i] = ceiling_once();
  double ceiling = median(ceilings, o.samples);
  int text = !o.json || strcmp(o.json, "-") != 0;
  if (text)
    printf("machine: %s; compiler: %s; one thread; kernels: %s\n", machine, __VERSION__, trm__kernels_available());
  if (text)
    printf("multiply-add ceiling in registers: %.1f GFLOP/s; medians of %d samples of %.0f ms or more\n\n", ceiling,
           o.samples, 1e3 * o.seconds);
  json_t *list = json_array();
  for (int batch = 1; batch <= 8; batch += 7) {
    for (int i = 0; i < GEMM_CASES; i++) {
      int varies = gemm_cases[i].m == CASE_ROWS || gemm_cases[i].k == CASE_ROWS;
      if (batch == 1 || varies) bench_gemm(&o, list, &gemm_cases[i], batch);
    }
  }
  bench_attention(&o, list, POSITIONS);
  bench_attention(&o, list, 916);
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) bench_stream(&o, list, &streams[i]);
  json_t *root = json_pack("{s:s, s:s, s:f, s:i, s:o}", "machine", machine, "compiler", __VERSION__, "ceiling_gflops",
                           ceiling, "samples", o.samples, "results", list);
  int failed = text ? o.json && json_dump_file(root, o.json, JSON_INDENT(2)) != 0
                    : json_dumpf(root, stdout, JSON_INDENT(2)) != 0;
  if (failed) fprintf(stderr, "bench_kernels: %s cannot be written\n", o.json);
  json_decref(root);
  return failed ? 4 : 0;
}
