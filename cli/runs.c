/* Reading runs: see runs.h. Nothing is written, and a run at work may be read: its last line may be torn, and is then
 * passed over. */
#include "cli/runs.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file.h"

/* Options that say where files lie; the seed is looked at apart. */
static const char *const places[] = {"run", "data", "valid", "init_from"};

static char *runs_file(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = cli_alloc(size, 1);
  (void)snprintf(path, size, "%s/%s", folder, name);
  return path;
}

static json_t *runs_json(const char *folder) {
  char *path = runs_file(folder, "config.json");
  json_t *config = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  free(path);
  if (json_is_object(json_object_get(config, "train")) && json_is_object(json_object_get(config, "model")))
    return config;
  json_decref(config);
  return NULL;
}

static double runs_real(const json_t *line, const char *key, double absent) {
  const json_t *value = json_object_get(line, key);
  return json_is_number(value) ? json_number_value(value) : absent;
}

/* A line of metrics.jsonl; those about halting thresholds have a model and no loss. */
static void run_read_line(cli_run *run, const json_t *line) {
  double exact = runs_real(line, "valid_exact", NAN);
  run->seconds = runs_real(line, "seconds", run->seconds);
  run->step = json_integer_value(json_object_get(line, "step"));
  run->loss = runs_real(line, "loss", run->loss);
  if (isnan(exact)) return;
  run->valid_exact = exact;
  if (isnan(run->best_exact) || exact > run->best_exact) run->best_exact = exact, run->best_step = run->step;
}

static void run_read_metrics(cli_run *run) {
  char *path = runs_file(run->path, "metrics.jsonl"), *text = NULL;
  size_t room = 0;
  FILE *file = fopen(path, "r");
  free(path);
  while (file && getline(&text, &room, file) > 0) {
    json_t *line = json_loads(text, 0, NULL);
    if (json_is_object(line)) run_read_line(run, line);
    json_decref(line);
  }
  free(text);
  if (file) (void)fclose(file);
}

/* 1 when the folder is a run, which is added. */
static int runs_add(cli_runs *runs, const char *folder) {
  json_t *config = runs_json(folder);
  if (!config) return 0;
  cli_run *grown = cli_alloc(runs->count + 1, sizeof *grown);
  if (runs->count) memcpy(grown, runs->run, runs->count * sizeof *grown);
  free(runs->run);
  runs->run = grown;
  cli_run *run = &runs->run[runs->count++];
  *run = (cli_run){.loss = NAN, .best_exact = NAN, .valid_exact = NAN, .seconds = NAN};
  run->path = cli_alloc(strlen(folder) + 1, 1);
  strcpy(run->path, folder);
  run->options = json_copy(json_object_get(config, "model"));
  (void)json_object_update(run->options, json_object_get(config, "train"));
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) (void)json_object_del(run->options, places[i]);
  json_t *resolved = json_object_get(config, "resolved");
  run->steps = json_integer_value(json_object_get(resolved, "steps"));
  (void)json_object_set(run->options, "train_crc32", json_object_get(resolved, "train_crc32"));
  json_decref(config);
  run_read_metrics(run);
  return 1;
}

static void runs_add_below(cli_runs *runs, const char *folder) {
  glob_t found;
  char *pattern = runs_file(folder, "*/config.json");
  memset(&found, 0, sizeof found);
  if (glob(pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) {
      *strrchr(found.gl_pathv[i], '/') = 0;
      (void)runs_add(runs, found.gl_pathv[i]);
    }
  globfree(&found);
  free(pattern);
}

static void runs_find_differences(cli_runs *runs) {
  const char *name;
  json_t *value;
  runs->differ = json_array();
  for (size_t i = 0; i < runs->count; i++) json_object_foreach(runs->run[i].options, name, value) {
      int known = 0, differs = 0;
      for (size_t k = 0; k < json_array_size(runs->differ); k++)
        known |= !strcmp(json_string_value(json_array_get(runs->differ, k)), name);
      for (size_t k = 0; k < runs->count; k++)
        differs |= !json_equal(value, json_object_get(runs->run[k].options, name));
      if (differs && !known) (void)json_array_append_new(runs->differ, json_string(name));
    }
}

int cli_runs_open(const cli_command *command, const char *const *words, size_t count, cli_runs *runs) {
  *runs = (cli_runs){0};
  for (size_t i = 0; i < count; i++) {
    size_t before = runs->count;
    struct stat info;
    if (stat(words[i], &info) != 0 || !S_ISDIR(info.st_mode))
      return cli_bad_input(command, "%s: no such folder, expected a run directory or a folder of them", words[i]);
    if (!runs_add(runs, words[i])) runs_add_below(runs, words[i]);
    if (runs->count == before)
      return cli_bad_input(command, "%s: no run in it, expected a run directory or a folder of them", words[i]);
  }
  runs_find_differences(runs);
  return CLI_CONTINUE;
}

void cli_runs_close(cli_runs *runs) {
  for (size_t i = 0; i < runs->count; i++) {
    free(runs->run[i].path);
    json_decref(runs->run[i].options);
  }
  free(runs->run);
  json_decref(runs->differ);
  *runs = (cli_runs){0};
}

int cli_runs_are_seeds(const cli_run *a, const cli_run *b) {
  json_t *one = json_copy(a->options), *other = json_copy(b->options);
  (void)json_object_del(one, "seed");
  (void)json_object_del(other, "seed");
  int same = json_equal(one, other);
  json_decref(one);
  json_decref(other);
  return same;
}

cli_spread cli_runs_spread(const cli_runs *runs, size_t first) {
  cli_spread s = {.mean = NAN, .deviation = NAN, .least = NAN, .most = NAN};
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < runs->count; i++) {
      double exact = runs->run[i].best_exact;
      if (isnan(exact) || !cli_runs_are_seeds(&runs->run[first], &runs->run[i])) continue;
      if (pass) {
        squares += (exact - s.mean) * (exact - s.mean);
        continue;
      }
      s.count++;
      sum += exact;
      s.least = fmin(s.least, exact); /* fmin and fmax pass over NaN */
      s.most = fmax(s.most, exact);
    }
    if (!pass && s.count) s.mean = sum / (double)s.count;
  }
  if (s.count > 1) s.deviation = sqrt(squares / (double)(s.count - 1));
  return s;
}
