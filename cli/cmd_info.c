/* trm info: what is in a model file. */
#include <string.h>
#include <sys/stat.h>

#include "grid.h"
#include "puzzles.h"

static struct { int tensors, json; } opt;

#define FIELD(name) .offset = offsetof(__typeof__(opt), name)
static const trm_option own[] = {
    {.name = "tensors", .type = TRM_OPT_BOOL, FIELD(tensors), .group = "Info", .help = "list every tensor"},
    {.name = "json", .type = TRM_OPT_BOOL, FIELD(json), .help = "print one JSON object"},
};

static size_t tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){own, sizeof own / sizeof *own, &opt};
  return 1;
}

/* -- what the file says -------------------------------------------------------------------------------------------- */

static double file_bytes(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

/* The task of the metadata as parsed JSON, or null. */
static json_t *task_json(const trm_model *model) {
  const char *text = trm_model_get_metadata(model, "trm.task");
  json_t *task = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  return task ? task : json_null();
}

/* Metadata beside what is shown elsewhere: where the model comes from. */
static json_t *provenance_json(const trm_model *model) {
  static const char *const shown[] = {"trm.config", "trm.task", "trm.variant", "trm.version"};
  json_t *provenance = json_object();
  const char *key;
  for (size_t i = 0; (key = trm_model_metadata_key(model, i)); i++) {
    int known = 0;
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) known |= !strcmp(key, shown[k]);
    if (!known) json_object_set_new(provenance, key, json_string(trm_model_get_metadata(model, key)));
  }
  return provenance;
}

static json_t *tensors_json(const trm_model *model) {
  json_t *list = json_array();
  for (size_t i = 0; i < trm_model_tensors(model); i++) {
    trm_tensor_info t = trm_model_tensor(model, i);
    json_t *shape = json_array();
    for (int d = 0; d < t.rank; d++) json_array_append_new(shape, json_integer(t.shape[d]));
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "name", t.name, "dtype", t.dtype, "shape", shape,
                                          "bytes", (json_int_t)t.bytes));
  }
  return list;
}

static void print_json(const trm_model *model, const char *path) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  const trm_model_config *config = trm_model_get_config(model);
  trm_model_cost cost = trm_model_config_cost(config);
  const char *variant = trm_model_get_metadata(model, "trm.variant");
  const char *version = trm_model_get_metadata(model, "trm.version");
  json_t *o = json_pack("{s:s, s:o, s:s*, s:s*, s:o, s:I, s:I, s:I, s:{s:o, s:o, s:o}, s:o, s:o}", "model", path,
                        "bytes", json_integer((json_int_t)file_bytes(path)), "variant", variant, "version", version,
                        "task", task_json(model), "parameters", (json_int_t)trm_model_config_parameters(config),
                        "positions", (json_int_t)trm_model_config_positions(config), "prefix",
                        (json_int_t)trm_model_config_prefix(config), "flop", "call", cli_real(cost.call), "step",
                        cli_real(cost.step), "training_step", cli_real(cost.training_step), "config",
                        trm__options_to_json(table, count, config), "provenance", provenance_json(model));
  if (o && opt.tensors) json_object_set_new(o, "tensors", tensors_json(model));
  cli_json_print(o, 0);
}

/* A text of the file's, at most a line. */
static void print_foreign(const char *format, const char *text) {
  char line[400];
  (void)snprintf(line, sizeof line, "%s", text);
  printf(format, cli_plain(line));
}

static void print_task(const trm_model *model) {
  json_t *task = task_json(model);
  const char *kind = json_string_value(json_object_get(task, "kind"));
  const char *alphabet = json_string_value(json_object_get(task, "alphabet"));
  if (kind) {
    print_foreign("task        %s", kind);
    printf(" %dx%d", (int)json_integer_value(json_object_get(task, "width")),
           (int)json_integer_value(json_object_get(task, "height")));
    print_foreign(", symbols \"%s\"\n", alphabet ? alphabet : "");
  } else {
    puts("task        not named in the file");
  }
  json_decref(task);
}

static void print_config(const trm_model_config *config) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  char text[80];
  puts("\nconfiguration:");
  for (size_t i = 0; i < count; i++) {
    (void)trm_options_get(table, count, config, table[i].name, text, sizeof text);
    printf("  %-24s %s\n", table[i].name, text);
  }
}

static void print_tensors(const trm_model *model) {
  puts("\ntensors:");
  for (size_t i = 0; i < trm_model_tensors(model); i++) {
    trm_tensor_info t = trm_model_tensor(model, i);
    char shape[100] = "";
    for (int d = 0; d < t.rank; d++)
      (void)snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%lld", d ? " x " : "",
                     (long long)t.shape[d]);
    print_foreign("  %-48s", t.name);
    printf(" %-5s %s\n", t.dtype, shape);
  }
}

static void print_text(const trm_model *model, const char *path) {
  const trm_model_config *c = trm_model_get_config(model);
  trm_model_cost cost = trm_model_config_cost(c);
  const char *variant = trm_model_get_metadata(model, "trm.variant"), *key;
  const char *version = trm_model_get_metadata(model, "trm.version");
  char a[32], b[32];
  printf("model       %s, %s", path, cli_bytes(file_bytes(path), a));
  print_foreign(variant ? ", %s\n" : "%s\n", variant ? variant : "");
  print_task(model);
  printf("network     %lld %s layer%s, width %lld, %lld + %lld positions\n", (long long)c->L_layers,
         c->mlp_t ? "mixer" : "attention", c->L_layers == 1 ? "" : "s", (long long)c->hidden_size,
         (long long)trm_model_config_prefix(c), (long long)c->seq_len);
  printf("recursion   T = %lld recursions of n = %lld latent cycles, at most %lld steps\n", (long long)c->H_cycles,
         (long long)c->L_cycles, (long long)c->halt_max_steps);
  printf("parameters  %s\n", cli_thousands(trm_model_config_parameters(c), b));
  printf("cost        %.4g GFLOP a call, %.4g a step, %.4g a training step\n", cost.call / 1e9, cost.step / 1e9,
         cost.training_step / 1e9);
  json_t *provenance = provenance_json(model), *value;
  if (version) print_foreign("written by  trm %s\n", version);
  json_object_foreach(provenance, key, value) {
    print_foreign("%-11s ", key);
    print_foreign("%s\n", json_string_value(value));
  }
  json_decref(provenance);
  print_config(c);
  if (opt.tensors) print_tensors(model);
}

static int run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_model *model = NULL;
  char path[1100] = "";
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, "a model file");
  if (code == CLI_CONTINUE) {
    (void)snprintf(path, sizeof path, "%s", a.positional[0]);
    code = cli_model_open(self, path, 0, &model);
  }
  if (code == CLI_CONTINUE) {
    (opt.json ? print_json : print_text)(model, path);
    code = CLI_OK;
  }
  trm_model_close(&model);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_info = {
    .name = "info",
    .synopsis = "MODEL [--tensors] [--json]",
    .summary = "show what is in a model file",
    .description = "Shows a model's task, shape, number of parameters, cost in operations (two a multiply-add, matrix "
                   "products and attention only), configuration and provenance. The file is checked completely first. "
                   "A run directory stands for its best model, or the last one without validation.",
    .examples = "trm info runs/4x4\ntrm info best.safetensors --tensors --json\n",
    .tables = tables,
    .run = run,
};
