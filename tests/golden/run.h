/* The golden test: every set of a folder (argument or GOLDEN, else shared/golden beside the source), on every kernel
 * variant of this machine, with one and two threads - or on a device (second argument or GOLDEN_DEVICE, such as cuda).
 * Each set is also run with one weight tensor scaled by 1.01 and must then fail. Ends with 77 when the folder is
 * absent, 1 on any failure. A program may define GOLDEN_DEVICE, GOLDEN_SETS (what the names begin with), GOLDEN_NOTICES
 * 0 (without scaled weights) and MOST_UPDATES of a trajectory. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include "golden/gradients.h"
#include "golden/machine.h"
#include "golden/modules.h"
#include "golden/optimizers.h"
#include "golden/steps.h"
#include "golden/trajectory.h"

#ifndef GOLDEN_SETS
#define GOLDEN_SETS ""
#endif
#ifndef GOLDEN_NOTICES
#define GOLDEN_NOTICES 1
#endif

/* Operations (multiply-adds count two) up to which a set is run whole on variants that are not the fastest. */
#define SMALL 2e9
/* Operations that this program spends on a set at most: plain C in double does some 1e9 a second. */
#define MOST (IS_DOUBLE ? 2e10 : 1e13)
#define MOST_FIRST_CALLS(m) (strcmp((m)->kernels->isa, "ref") == 0 ? 1e10 : 1e11)

static double cost_of_step(const golden_set *g) {
  return trm_model_config_cost(&g->config).step * g->batch;
}
static double cost_of_two_calls(const golden_set *g) {
  return 3 * trm_model_config_cost(&g->config).call * g->batch;
}

/* What is an input whichever precision runs. */
static void mark_shared(golden_set *g) {
  static const char *const stems[] = {"steps_f32", "steps_f64", "steps_bf16"};
  static const char *const names[] = {"carry_rows", "step1.L_level_rows", "step1.L_level_call_rel_index"};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) set_mark(g, stems[i], names[k], INPUT, NULL);
  set_mark(g, "data", "puzzle_identifiers", INPUT, NULL);
}

static void skip_all(golden_set *g, const char *prefix, const char *reason) {
  for (int i = 0; i < g->files; i++)
    for (size_t k = 0; k < g->file[i].st.count; k++)
      if (strncmp(g->file[i].stem, prefix, strlen(prefix)) == 0)
        if (g->file[i].marks[k] == UNTOUCHED) skip(g, g->file[i].stem, g->file[i].st.tensor[k].name, reason);
}

static void run_network(golden_set *g, subject *s, machine *m) {
  if (2 * cost_of_step(g) <= MOST) compare_precisions(g, s, m, !IS_DOUBLE);
  else if (cost_of_two_calls(g) <= MOST) compare_first_calls(g, s, m);
  compare_gradients(g, s, m);
}

static void run_all(golden_set *g, subject *s, machine *m) {
  run_network(g, s, m);
  if (IS_DOUBLE) return; /* the rest is stored in float32 */
  compare_modules(g, s, m);
  compare_optimizers(g, s, m);
  compare_trajectory(g, s, m);
}

/* The fastest variant with two threads runs everything. Of a small set every variant runs everything with one thread
 * and the network with two; of a large one the others run what they can in the time. */
static void run_variants(golden_set *g, subject *s, const char *first) {
  int variant = 0;
  machine device;
  if (!on_cpu()) {
    if (!machine_open(&device, first, 1)) exit(1);
    snprintf(g->variant, sizeof g->variant, "%.30s", golden_device);
    run_all(g, s, &device);
    machine_close(&device);
    return;
  }
  for (const char *isa; (isa = isa_at(variant)); variant++) {
    for (int threads = 1; threads <= 2; threads++) {
      machine m;
      if (!machine_open(&m, isa, threads)) continue;
      snprintf(g->variant, sizeof g->variant, "%.20s, %d threads", isa, threads);
      if (strcmp(isa, first) == 0 && threads == 2) run_all(g, s, &m);
      else if (cost_of_step(g) <= SMALL) run_all(g, s, &m);
      else if (!IS_DOUBLE && cost_of_two_calls(g) <= MOST_FIRST_CALLS(&m)) compare_first_calls(g, s, &m);
      machine_close(&m);
    }
  }
}

/* -- a set must notice a wrong weight ------------------------------------------------------------------------------ */

static int notices(golden_set *g, subject *s, machine *m, int i) {
  const trm__param *p = &s->params.item[i];
  size_t n = (size_t)p->rows * (size_t)p->cols;
  trm__real *at = trm__weight_set_tensor(&s->weights, &s->params, i), *kept = must(malloc(n * sizeof *kept));
  memcpy(kept, at, n * sizeof *kept);
  for (size_t k = 0; k < n; k++) at[k] *= (trm__real)1.01;
  golden_set before = *g;
  g->failures = 0;
  g->quiet = 1;
  if (cost_of_step(g) > SMALL && cost_of_two_calls(g) <= MOST) compare_first_calls(g, s, m);
  if (!g->failures && 2 * cost_of_step(g) <= MOST) compare_precisions(g, s, m, 0);
  if (!g->failures) compare_gradients(g, s, m);
  int noticed = g->failures > 0;
  *g = before;
  memcpy(at, kept, n * sizeof *kept);
  free(kept);
  return noticed;
}

static void check_notices(golden_set *g, subject *s, const char *isa) {
  machine m;
  int tried = 0, missed = 0, heavy = cost_of_step(g) > 1e11;
  /* Small products gain nothing from a second thread. */
  if (!machine_open(&m, isa, cost_of_step(g) > SMALL ? 2 : 1)) return;
  for (int i = 0; i < s->params.count; i++) {
    const char *name = s->params.item[i].name;
    int layer = strstr(name, ".layers.") != NULL;
    int embed = strstr(name, "embed_tokens") != NULL, head = strstr(name, "lm_head") != NULL;
    /* A wrong head shows only after a whole step, a wrong layer in its first call. */
    if (!layer && !embed && !(head && !heavy)) continue;
    tried++;
    if (notices(g, s, &m, i)) continue;
    missed++;
    printf("  FAIL %s: %s times 1.01 was not noticed\n", g->name, name);
  }
  if (!missed) printf("  %s: each of %d weight tensors times 1.01 makes it fail\n", g->name, tried);
  g->failures += missed;
  machine_close(&m);
}

static void explain_rest(golden_set *g) {
  mark_shared(g);
  if (IS_DOUBLE) {
    skip_all(g, "steps_bf16", "bfloat16 is compared by the float program");
    skip_all(g, "trace", "it is compared by the float program");
    skip_all(g, "optim", "it is compared by the float program");
    skip_all(g, "trajectory", "it is compared by the float program");
    if (2 * cost_of_step(g) > MOST)
      skip_all(g, "steps", "plain C in double would take minutes for it; the float program compares it");
  }
}

static int run_set(const char *folder, const char *name, const char *isa) {
  golden_set g;
  subject s;
  if (!set_open(&g, folder, name) || g.batch < 1 || !subject_open(&g, &s)) return 0;
  run_variants(&g, &s, isa);
  explain_rest(&g);
  long compared = print_summary(&g, 1);
  /* What is too large for plain C in double is the float program's to compare. */
  int left_out = IS_DOUBLE && compared == 0 && 2 * cost_of_step(&g) > MOST;
  if (compared == 0 && !left_out) {
    printf("  FAIL %s: nothing was compared\n", g.name);
    g.failures++;
  }
  if (GOLDEN_NOTICES && compared > 0 && !(IS_DOUBLE && cost_of_step(&g) > SMALL)) check_notices(&g, &s, isa);
  int good = g.failures == 0;
  subject_close(&s);
  set_close(&g);
  return good;
}

static int is_set(const char *folder, const char *name) {
  char path[1400];
  snprintf(path, sizeof path, "%s/%s/meta.json", folder, name);
  return trm__path_exists(path);
}

static int run_folder(const char *folder) {
  trm_error err;
  char **names = NULL;
  size_t count = 0, sets = 0;
  int good = 1;
  const char *isa = "ref";
  for (int i = 0; isa_at(i); i++) isa = isa_at(i);
  if (is_set(folder, "")) return run_set(folder, "", isa);
  if (trm__dir_list(folder, &names, &count, &err)) {
    printf("FAIL %s: %s\n", err.where, err.message);
    return 0;
  }
  printf("golden sets of %s in %s on %s\n", folder, IS_DOUBLE ? "double" : "float", golden_device);
  for (size_t i = 0; i < count; i++) {
    if (!is_set(folder, names[i]) || strncmp(names[i], GOLDEN_SETS, strlen(GOLDEN_SETS)) != 0) continue;
    sets++;
    good = run_set(folder, names[i], isa) && good;
    fflush(stdout);
  }
  trm__dir_list_free(names, count);
  if (sets == 0) printf("FAIL %s holds no golden set (a folder with a meta.json)\n", folder);
  printf("%s: %zu sets\n", good && sets ? "passed" : "FAILED", sets);
  return good && sets > 0;
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : getenv("GOLDEN");
  int asked = folder && *folder;
  const char *device = argc > 2 ? argv[2] : getenv("GOLDEN_DEVICE");
  if (device && *device) golden_device = device;
  if (!asked) folder = TRM_SOURCE_DIR "/../shared/golden";
  if (!trm__path_is_dir(folder)) {
    printf("%s: no golden tensors in %s; set GOLDEN to their folder\n", asked ? "FAIL" : "skipped", folder);
    return asked ? 1 : 77;
  }
  return run_folder(folder) ? 0 : 1;
}

#endif
