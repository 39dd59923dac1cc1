/* Golden sets: a set is a folder of tensors that the original model computed. This file opens one and keeps the books:
 * each tensor of each file ends as compared, as an input, or as not compared with a reason, and the worst deviation in
 * units of its bound is remembered.
 *
 * Deviations are relative L2 distances: |ours - theirs| / |theirs|. */
#ifndef GOLDEN_HARNESS_H
#define GOLDEN_HARNESS_H

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/model.h>

#include "base/os/file.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "kernels/kernels.h"
#include "model/file/safetensors.h"

#define IS_DOUBLE (sizeof(trm__real) == sizeof(double))
#define MAX_FILES 48
#define KEY 200

typedef enum mark { UNTOUCHED, INPUT, SKIPPED, COMPARED } mark;

typedef struct golden_file {
  char stem[64]; /* "steps_f32" */
  trm__safetensors st;
  mark *marks;          /* [tensor] */
  const char **reasons; /* [tensor], of SKIPPED; static strings */
} golden_file;

typedef struct golden_set {
  char path[1024];
  const char *name; /* the folder's, inside path */
  json_t *meta;
  golden_file file[MAX_FILES];
  int files;
  trm_model_config config;
  int batch;
  char variant[64]; /* what is being run, for messages */
  int quiet;        /* self-check: failures are wanted and not printed */
  int runs_on;      /* this step started from trm's own carry, because the original's is not stored */
  long checks, failures;
  double worst; /* of deviation / bound */
  char worst_name[KEY + 80];
} golden_set;

static inline void *must(void *p) {
  if (!p) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return p;
}
static inline double *doubles(size_t n) {
  return must(calloc(n ? n : 1, sizeof(double)));
}

static const trm__st_tensor *find(golden_set *g, const char *stem, const char *name);

/* -- opening ----------------------------------------------------------------------------------------------------- */

static int set_open_file(golden_set *g, const char *name) {
  trm_error err;
  char path[1400];
  size_t length = strlen(name) - strlen(".safetensors");
  if (g->files == MAX_FILES || length >= sizeof g->file[0].stem) return 0;
  golden_file *f = &g->file[g->files];
  snprintf(path, sizeof path, "%s/%s", g->path, name);
  if (trm__st_open(&f->st, path, &err)) {
    printf("  FAIL %s: %s\n", err.where, err.message);
    return 0;
  }
  memcpy(f->stem, name, length);
  f->stem[length] = 0;
  f->marks = must(calloc(f->st.count + 1, sizeof *f->marks));
  f->reasons = must(calloc(f->st.count + 1, sizeof *f->reasons));
  g->files++;
  return 1;
}

/* The keys that trm knows; the original's others (H_layers, ...) have no counterpart. */
static int set_read_config(golden_set *g) {
  size_t count;
  trm_error err;
  const trm_option *table = trm_model_options(&count);
  json_t *object = json_object_get(g->meta, "config");
  g->config = trm_model_config_default();
  if (!object || trm__options_from_json(table, count, &g->config, object, 1, "meta.json", &err) ||
      trm_model_config_check(&g->config, &err)) {
    printf("  FAIL %s/meta.json: config: %s\n", g->path, object ? err.message : "is missing");
    return 0;
  }
  return 1;
}

static int set_open(golden_set *g, const char *folder, const char *name) {
  trm_error err;
  char path[1400], **names = NULL;
  size_t count = 0;
  memset(g, 0, sizeof *g);
  snprintf(g->path, sizeof g->path, *name ? "%s/%s" : "%s", folder, name);
  for (size_t n = strlen(g->path); n > 1 && g->path[n - 1] == '/'; n--) g->path[n - 1] = 0;
  const char *slash = strrchr(g->path, '/');
  g->name = slash ? slash + 1 : g->path;
  snprintf(path, sizeof path, "%s/meta.json", g->path);
  if (trm__json_load(&g->meta, path, 64u << 20, &err)) {
    printf("  FAIL %s: %s\n", err.where, err.message);
    return 0;
  }
  if (!set_read_config(g) || trm__dir_list(g->path, &names, &count, &err)) return 0;
  int good = 1;
  for (size_t i = 0; i < count && good; i++) {
    const char *dot = strrchr(names[i], '.');
    if (dot && strcmp(dot, ".safetensors") == 0) good = set_open_file(g, names[i]);
  }
  trm__dir_list_free(names, count);
  const trm__st_tensor *inputs = find(g, "data", "inputs");
  g->batch = (int)json_integer_value(json_object_get(g->meta, "batch"));
  if (inputs && inputs->rank == 2) g->batch = (int)inputs->shape[0];
  return good;
}

static void set_close(golden_set *g) {
  for (int i = 0; i < g->files; i++) {
    trm__st_close(&g->file[i].st);
    free(g->file[i].marks);
    free(g->file[i].reasons);
  }
  json_decref(g->meta);
  memset(g, 0, sizeof *g);
}

/* -- finding ----------------------------------------------------------------------------------------------------- */

static golden_file *find_file(golden_set *g, const char *stem) {
  for (int i = 0; i < g->files; i++)
    if (strcmp(g->file[i].stem, stem) == 0) return &g->file[i];
  return NULL;
}

static const trm__st_tensor *find(golden_set *g, const char *stem, const char *name) {
  golden_file *f = find_file(g, stem);
  return f ? trm__st_find(&f->st, name) : NULL;
}

static void set_mark(golden_set *g, const char *stem, const char *name, mark m, const char *reason) {
  golden_file *f = find_file(g, stem);
  const trm__st_tensor *t = f ? trm__st_find(&f->st, name) : NULL;
  if (!t) return;
  size_t i = (size_t)(t - f->st.tensor);
  if (m < f->marks[i]) return; /* compared once is compared */
  f->marks[i] = m;
  f->reasons[i] = reason;
}

static void skip(golden_set *g, const char *stem, const char *name, const char *reason) {
  set_mark(g, stem, name, SKIPPED, reason);
}

/* The tensor's numbers, NULL when absent or not of n numbers (n 0: any); marks nothing. Free with free. */
static double *values(golden_set *g, const char *stem, const char *name, size_t n) {
  const trm__st_tensor *t = find(g, stem, name);
  if (!t || (n && t->elements != n)) return NULL;
  double *v = doubles(t->elements);
  trm__st_read_double(t, v);
  return v;
}

static double *input_values(golden_set *g, const char *stem, const char *name, size_t n) {
  double *v = values(g, stem, name, n);
  if (v) set_mark(g, stem, name, INPUT, NULL);
  return v;
}

static int32_t *input_ints(golden_set *g, const char *stem, const char *name, size_t n) {
  double *v = input_values(g, stem, name, n);
  if (!v) return NULL;
  size_t count = find(g, stem, name)->elements;
  int32_t *out = must(calloc(count + 1, sizeof *out));
  for (size_t i = 0; i < count; i++) out[i] = (int32_t)v[i];
  free(v);
  return out;
}

/* -- comparing --------------------------------------------------------------------------------------------------- */

/* Absolute where theirs is all zero. */
static double distance(const double *ours, const double *theirs, size_t n) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    difference += (ours[i] - theirs[i]) * (ours[i] - theirs[i]);
    size += theirs[i] * theirs[i];
  }
  return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

static void judge(golden_set *g, const char *what, double deviation, double bound) {
  double ratio = bound > 0 ? deviation / bound : deviation > 0 ? (double)INFINITY : deviation;
  g->checks++;
  if (getenv("GOLDEN_VERBOSE") && !g->quiet)
    printf("  %s (%s): deviation %.3g, bound %.3g\n", what, g->variant, deviation, bound);
  if (!(deviation <= bound)) {
    g->failures++;
    if (!g->quiet && g->failures <= 40)
      printf("  FAIL %s/%s (%s): deviation %.3g, bound %.3g\n", g->name, what, g->variant, deviation, bound);
  }
  if (!(ratio <= g->worst)) {
    g->worst = ratio;
    snprintf(g->worst_name, sizeof g->worst_name, "%s, %s, deviation %.2g", what, g->variant, deviation);
  }
}

/* Compares n numbers with a stored tensor, which may be absent. */
static void compare(golden_set *g, const char *stem, const char *name, const double *ours, size_t n, double bound) {
  char what[KEY];
  const trm__st_tensor *t = find(g, stem, name);
  if (!t) return;
  snprintf(what, sizeof what, "%s:%s", stem, name);
  set_mark(g, stem, name, COMPARED, NULL);
  if (t->elements != n) {
    g->failures++;
    printf("  FAIL %s/%s: has %zu numbers, trm computes %zu\n", g->name, what, t->elements, n);
    return;
  }
  double *theirs = values(g, stem, name, n);
  judge(g, what, distance(ours, theirs, n), bound);
  free(theirs);
}

/* -- bounds ------------------------------------------------------------------------------------------------------ */

/* Relative L2 between two stored tensors, NaN when one is absent. */
static double stored_distance(golden_set *g, const char *stem, const char *reference, const char *name) {
  const trm__st_tensor *t = find(g, reference, name);
  double *a = t ? values(g, stem, name, t->elements) : NULL, *b = t ? values(g, reference, name, 0) : NULL;
  double d = a && b ? distance(a, b, t->elements) : (double)NAN;
  free(a);
  free(b);
  return d;
}

/* [max abs, relative L2] under deviation.<tensor>.<kind>; NaN when not recorded. */
static double meta_deviation(golden_set *g, const char *name, const char *kind) {
  json_t *entry = json_object_get(json_object_get(g->meta, "deviation"), name);
  json_t *value = json_array_get(json_object_get(entry, kind), 1);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* The worst that is recorded for tensors whose name begins with these letters. */
static double worst_deviation(golden_set *g, const char *name, size_t letters, const char *kind) {
  const char *key;
  json_t *value;
  double worst = 0;
  json_object_foreach(json_object_get(g->meta, "deviation"), key, value) {
    double d = strncmp(key, name, letters) == 0 ? meta_deviation(g, key, kind) : 0;
    if (d > worst) worst = d;
  }
  return worst;
}

/* Where a set records nothing: what float32 and bfloat16 lose in some ten calls. */
static double usual_deviation(const char *precision) {
  return strcmp(precision, "f32") == 0 ? 1e-5 : 0.05;
}

/* The original's own deviation from its float64 run, for precision "f32" or "bf16": recorded, else from the stored
 * tensors, else the worst that is recorded for the same step or for any. */
static double recorded(golden_set *g, const char *name, const char *precision) {
  char kind[40], stem[32];
  size_t step = strcspn(name, ".") + 1;
  if (g->runs_on) {
    snprintf(kind, sizeof kind, "freerun_%s_vs_f64", precision);
    double d = meta_deviation(g, name, kind);
    if (isnan(d)) d = worst_deviation(g, name, step, kind);
    if (d > 0) return d;
  }
  snprintf(kind, sizeof kind, "%s_vs_f64", precision);
  snprintf(stem, sizeof stem, "steps_%s", precision);
  double d = meta_deviation(g, name, kind);
  if (isnan(d)) d = stored_distance(g, stem, "steps_f64", name);
  if (isnan(d)) d = worst_deviation(g, name, step, kind);
  if (!(d > 0)) d = fmax(d, worst_deviation(g, name, 0, kind) > 0 ? 0 : usual_deviation(precision));
  return d;
}

static double bound_f32(double record) {
  return fmax(10 * record, 2e-6);
}
static double bound_bf16(double record) {
  return fmin(3 * record, 0.15);
}

/* growth_<precision>_vs_f64_per_L_level_call_relL2_step1[call]; NaN when absent. */
static double growth(golden_set *g, const char *precision, int call) {
  char key[80];
  snprintf(key, sizeof key, "growth_%s_vs_f64_per_L_level_call_relL2_step1", precision);
  json_t *list = json_object_get(json_object_get(g->meta, "deviation"), key);
  if (!list) list = json_object_get(g->meta, key);
  json_t *value = json_array_get(list, (size_t)call);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* -- the summary ------------------------------------------------------------------------------------------------- */

static void print_skipped(const golden_set *g, const char *reason) {
  long count = 0;
  for (int i = 0; i < g->files; i++)
    for (size_t k = 0; k < g->file[i].st.count; k++)
      count += g->file[i].marks[k] == SKIPPED && g->file[i].reasons[k] == reason;
  printf("    %ld because %s:\n", count, reason);
  for (int i = 0; i < g->files; i++)
    for (size_t k = 0; k < g->file[i].st.count; k++)
      if (g->file[i].marks[k] == SKIPPED && g->file[i].reasons[k] == reason)
        printf("      %s:%s\n", g->file[i].stem, g->file[i].st.tensor[k].name);
}

/* Returns the number of tensors compared. */
static long print_summary(golden_set *g, int list) {
  static const char unknown[] = "this test knows no tensor of this name";
  long compared = 0, inputs = 0, skipped = 0;
  for (int i = 0; i < g->files; i++)
    for (size_t k = 0; k < g->file[i].st.count; k++) {
      if (g->file[i].marks[k] == UNTOUCHED) skip(g, g->file[i].stem, g->file[i].st.tensor[k].name, unknown);
      compared += g->file[i].marks[k] == COMPARED;
      inputs += g->file[i].marks[k] == INPUT;
      skipped += g->file[i].marks[k] == SKIPPED;
    }
  printf("  %s: %ld tensors compared (%ld comparisons), %ld inputs, %ld not compared, %ld failures; worst %.2f of its "
         "bound (%s)\n",
         g->name, compared, g->checks, inputs, skipped, g->failures, g->worst, g->worst_name);
  const char *done[64];
  int reasons = 0;
  for (int i = 0; i < g->files && list; i++)
    for (size_t k = 0; k < g->file[i].st.count; k++) {
      const char *reason = g->file[i].marks[k] == SKIPPED ? g->file[i].reasons[k] : NULL;
      int known = !reason || reasons == 64;
      for (int r = 0; r < reasons; r++) known = known || done[r] == reason;
      if (known) continue;
      done[reasons++] = reason;
      print_skipped(g, reason);
    }
  return compared;
}

#endif
