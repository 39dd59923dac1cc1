/* `make bench`: one table of what this machine can do, what trm's kernels, networks and engine reach of it, and how
 * that compares with plain C, oneDNN and PyTorch, all in one call. tools/run_bench starts it.
 *
 * bench [--quick | --tiny] [--json FILE] [--threads N] [--isa MASK] [--only SECTION,...] [--presets NAME,...]
 *       [--python PROGRAM --script FILE] [--original FOLDER] [--device cuda [--compile model|layers|none]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "onednn.h"

typedef struct arguments {
  const char *json, *isa, *only, *presets, *python, *script, *original, *device, *compile;
  int threads;
  bench_mode mode;
} arguments;

static int parse(arguments *a, int argc, char **argv) {
  *a = (arguments){0};
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(word, "--quick") == 0) a->mode = MODE_QUICK;
    else if (strcmp(word, "--tiny") == 0) a->mode = MODE_TINY;
    else if (!value) return 0;
    else if (strcmp(word, "--json") == 0) a->json = argv[++i];
    else if (strcmp(word, "--threads") == 0) a->threads = atoi(argv[++i]);
    else if (strcmp(word, "--isa") == 0) a->isa = argv[++i];
    else if (strcmp(word, "--only") == 0) a->only = argv[++i];
    else if (strcmp(word, "--python") == 0) a->python = argv[++i];
    else if (strcmp(word, "--script") == 0) a->script = argv[++i];
    else if (strcmp(word, "--original") == 0) a->original = argv[++i];
    else if (strcmp(word, "--presets") == 0) a->presets = argv[++i];
    else if (strcmp(word, "--device") == 0) a->device = argv[++i];
    else if (strcmp(word, "--compile") == 0) a->compile = argv[++i];
    else return 0;
  }
  return a->threads >= 0;
}

static void set_mode(bench *b, bench_mode mode) {
  static const struct {
    measure_budget kernel, network;
    double run, engine;
  } modes[] = {
      [MODE_FULL] = {{0.01, 0.5, 5, 31}, {0.2, 6, 3, 15}, 1, 20},
      [MODE_QUICK] = {{0.002, 0.06, 3, 15}, {0.05, 0.5, 3, 7}, 0.2, 2},
      [MODE_TINY] = {{0, 0, 5, 5}, {0, 0, 3, 3}, 1, 0.1},
  };
  b->mode = mode;
  b->kernel_budget = modes[mode].kernel;
  b->network_budget = modes[mode].network;
  b->run_seconds = b->device && mode == MODE_QUICK ? 1 : modes[mode].run; /* whole steps: a card takes less than that */
  b->engine_seconds = modes[mode].engine;
}

#define A_CARD 3e14 /* bf16 operations a second, for plans of how much to measure */

static trm_status open_runtimes(bench *b, const arguments *a, trm_error *err) {
  trm_runtime_config config = trm_runtime_config_default();
  config.isa = a->isa && *a->isa ? a->isa : NULL;
  config.threads = a->threads;
  config.device = b->device = a->device && *a->device ? a->device : NULL;
  trm_status status = trm_runtime_open(&b->all, &config, err);
  config.threads = 1;
  if (!status && !b->device) status = trm_runtime_open(&b->one, &config, err);
  if (status) return status;
  static trm__kernels kernels;
  trm__isa_kernels(&kernels, &b->all->choice, TRM__ISA_ALL_TYPES);
  b->kernels = &kernels;
  b->threads = trm__pool_threads(b->all->pool);
  b->ceiling_rate = A_CARD;
  if (b->device && strcmp(b->device, "cpu") != 0) return TRM_OK;
  b->ceiling_rate = 0;
  ceiling_run run; /* the best of some runs: what the plans below should not depend on is how busy the machine is */
  contestant c = ceiling_contestant(&run, ceiling_of(TYPE_FLOAT32, b->kernels), b->all->pool);
  for (int i = 0; i < 50; i++) {
    double rate = c.amount / c.seconds(c.context, 1);
    if (rate > b->ceiling_rate) b->ceiling_rate = rate;
  }
  return TRM_OK;
}

static void open_peers(bench *b, const arguments *a) {
  char why[300];
  if (!a->python || !*a->python || !a->script) return;
  table_progress(&b->table, "starting PyTorch");
  const pytorch_start how = {a->python, a->script, a->original, a->device, a->compile};
  b->torch = pytorch_open(&how, why, sizeof why);
  if (!b->torch) fprintf(stderr, "bench: no PyTorch: %s\n", why);
}

static int wanted(const bench *b, const char *section) {
  return !b->only || strstr(b->only, section);
}

/* Rows of a device: what is not its own is left out. */
static int run_device(bench *b) {
  if (wanted(b, "ceilings")) bench_device_ceilings(b);
  if (wanted(b, "networks") && !bench_networks(b)) return 0;
  return !wanted(b, "solving") || bench_engine(b);
}

static int run(bench *b) {
  if (b->device) return run_device(b);
  if (wanted(b, "ceilings")) bench_ceilings(b);
  if (wanted(b, "forkjoin")) bench_forkjoin(b);
  if (wanted(b, "products")) bench_products(b);
  if (wanted(b, "streams")) bench_streams(b);
  if (wanted(b, "networks") && !bench_networks(b)) return 0;
  return !wanted(b, "solving") || bench_engine(b);
}

/* The whole report as a file; 0 when it cannot be written. */
static int save(const char *path, json_t *report) {
  int ok = json_dump_file(report, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
  if (!ok) fprintf(stderr, "bench: cannot write %s\n", path);
  return ok;
}

/* A machine without the card, or a build without its kernels, has nothing to say about it, which is no failure. */
static int no_device(const bench *b, const arguments *a, const trm_error *err) {
  int absent = b->device && (err->code == TRM_E_UNSUPPORTED || strncmp(b->device, "cuda", 4) == 0);
  if (!absent) return fprintf(stderr, "bench: %s: %s\n", err->where, err->message), 4;
  printf("device %s: nothing measured: %s\n", b->device, err->message);
  json_t *report = json_pack("{s:s, s:s, s:[]}", "device", b->device, "absent", err->message, "sections");
  int ok = !a->json || !*a->json || save(a->json, report);
  json_decref(report);
  return ok ? 0 : 4;
}

int main(int argc, char **argv) {
  arguments a;
  bench b = {0};
  trm_error err = {0};
  if (!parse(&a, argc, argv)) {
    fprintf(stderr,
            "usage: bench [--quick | --tiny] [--json FILE] [--threads N] [--isa MASK] [--only SECTION,...]\n"
            "             [--presets NAME,...] [--python PROGRAM --script bench/network.py] [--original FOLDER]\n"
            "             [--device cuda [--compile model|layers|none]]\n"
            "sections: ceilings forkjoin products streams networks solving\n");
    return 2;
  }
  if (open_runtimes(&b, &a, &err)) return no_device(&b, &a, &err);
  set_mode(&b, a.mode);
  b.presets = a.presets && *a.presets ? a.presets : NULL;
  b.only = a.only && *a.only ? a.only : NULL;
  table_open(&b.table);
  open_peers(&b, &a);
  b.network_clock = b.threads == 1 && !b.torch && !b.device ? measure_thread_clock : measure_wall_clock;
  char title[1200];
  bench_title(&b, title, sizeof title);
  table_title(&b.table, title);
  json_t *report = bench_machine(&b);
  int ok = run(&b);
  json_object_set_new(report, "sections", table_close(&b.table));
  if (ok && a.json && *a.json) ok = save(a.json, report);
  json_decref(report);
  pytorch_close(&b.torch);
  trm_runtime_close(&b.one);
  trm_runtime_close(&b.all);
  return ok ? 0 : 4;
}
