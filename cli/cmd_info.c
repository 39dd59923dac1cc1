/* trm info: what is in a model file, and its card: what it was trained on and what it is worth. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/puzzles.h"
#include "cli/ui/values.h"

static struct { int tensors, json; } opt;

static const trm_option info_options[] = {
    {.name = "tensors", .type = TRM_OPT_BOOL, FIELD(tensors), .group = "Info", .help = "list every tensor"},
    CLI_JSON_OPTION(.help = "print one JSON object"),
};

static size_t info_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){info_options, sizeof info_options / sizeof *info_options, &opt};
  return 1;
}

/* -- what the file says -------------------------------------------------------------------------------------------- */

static double info_file_bytes(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

/* The task of the metadata as parsed JSON, or null. */
static json_t *info_task_json(const trm_model *model) {
  const char *text = trm_model_get_metadata(model, "trm.task");
  json_t *task = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  return task ? task : json_null();
}

/* What answers are judged by; NULL when the file's task does not say what it is. */
static const char *info_rules(const trm_model *model) {
  trm_task task;
  if (trm_model_task(model, &task, NULL)) return NULL;
  const char *rules = trm_task_rules(&task);
  return rules ? rules : "no rules known";
}

/* Metadata beside what is shown elsewhere: where the model comes from. */
static json_t *info_provenance_json(const trm_model *model) {
  static const char *const shown[] = {"trm.config",    "trm.task",    "trm.variant", "trm.version",
                                      "trm.card",      "trm.format",  "trm.sha256",  "trm.halt_threshold",
                                      "trm.max_steps", "trm.hopeless"};
  json_t *provenance = json_object();
  const char *key;
  for (size_t i = 0; (key = trm_model_metadata_key(model, i)); i++) {
    int known = 0;
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) known |= !strcmp(key, shown[k]);
    if (!known) json_object_set_new(provenance, key, json_string(trm_model_get_metadata(model, key)));
  }
  return provenance;
}

static json_t *info_tensors_json(const trm_model *model) {
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

/* The first digits of the checksum, which name the model; NULL when it has none. */
static const char *info_model_id(const trm_model *model, char id[13]) {
  const char *sum = trm_model_get_checksum(model);
  if (!sum) return NULL;
  (void)snprintf(id, 13, "%.12s", sum);
  return id;
}

/* Whether the file holds what its checksum was made of. */
static int info_is_checked(const trm_model *model) {
  const char *sum = trm_model_get_checksum(model), *recorded = trm_model_get_metadata(model, "trm.sha256");
  return sum && recorded && !strcmp(sum, recorded);
}

static void info_print_id(const trm_model *model) {
  char id[13];
  if (!info_model_id(model, id))
    puts("id          none: no checksum in the file, so damage to its numbers would not be noticed");
  else if (info_is_checked(model)) printf("id          %s (its checksum is right)\n", id);
  else
    printf("id          %s (unchecked: another tool changed the type of the numbers that its checksum was made of)\n",
           id);
}

static json_t *info_text_or_null(const char *text) {
  return text ? json_string(text) : json_null();
}

/* Those in force when nobody gives an option. */
static trm_solver_values info_values(const trm_model *model) {
  trm_solver_values values = {0};
  (void)trm_model_values(model, NULL, &values, NULL); /* without options there is nothing to refuse */
  return values;
}

static void info_print_hopeless(const trm_model *model) {
  trm_hopeless hopeless = trm_model_get_hopeless(model);
  if (!hopeless.count) return;
  printf("hopeless    after step 1, 2, ... when q is under");
  for (int t = 0; t < hopeless.count; t++)
    if (isnan(hopeless.bound[t])) printf(" -");
    else printf(" %g", hopeless.bound[t]);
  puts("");
}

static void info_print_json(const trm_model *model, const char *path) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  const trm_model_config *config = trm_model_get_config(model);
  trm_model_cost cost = trm_model_config_cost(config);
  const char *variant = trm_model_get_metadata(model, "trm.variant");
  const char *version = trm_model_get_metadata(model, "trm.version");
  char id[13];
  trm_solver_values values = info_values(model);
  json_t *o = json_pack(
      "{s:o, s:o, s:o, s:o, s:b, s:s*, s:s*, s:s, s:o, s:s*, s:I, s:I, s:I, s:{s:o, s:o, s:o}, s:o, s:o, s:o}", "model",
      cli_path(path), "bytes", json_integer((json_int_t)info_file_bytes(path)), "id",
      info_text_or_null(info_model_id(model, id)), "sha256", info_text_or_null(trm_model_get_checksum(model)),
      "checked", info_is_checked(model), "variant", variant, "version", version, "loss", trm_model_get_loss(model),
      "task", info_task_json(model), "rules", info_rules(model), "parameters",
      (json_int_t)trm_model_config_parameters(config), "positions", (json_int_t)trm_model_config_positions(config),
      "prefix", (json_int_t)trm_model_config_prefix(config), "flop", "call", cli_real(cost.call), "step",
      cli_real(cost.step), "training_step", cli_real(cost.training_step), "config",
      trm__options_to_json(table, count, config), "values", cli_values_json(&values), "provenance",
      info_provenance_json(model));
  json_t *card = cli_model_card(model, path);
  trm_hopeless hopeless = trm_model_get_hopeless(model);
  if (o) json_object_set_new(o, "hopeless", cli_hopeless_json(&hopeless));
  if (o) json_object_set_new(o, "card", card ? card : json_null());
  if (o && opt.tensors) json_object_set_new(o, "tensors", info_tensors_json(model));
  cli_json_print(o, 0);
}

/* A text of the file's, at most a line. */
static void info_print_foreign(const char *format, const char *text) {
  char line[400];
  (void)snprintf(line, sizeof line, "%s", text);
  printf(format, cli_plain(line));
}

static void info_print_task(const trm_model *model) {
  json_t *task = info_task_json(model);
  const char *kind = json_string_value(json_object_get(task, "kind"));
  const char *alphabet = json_string_value(json_object_get(task, "alphabet"));
  if (kind) {
    info_print_foreign("task        %s", kind);
    printf(" %dx%d", (int)json_integer_value(json_object_get(task, "width")),
           (int)json_integer_value(json_object_get(task, "height")));
    info_print_foreign(", symbols \"%s\"\n", alphabet ? alphabet : "");
  } else {
    puts("task        not named in the file");
  }
  json_decref(task);
  if (info_rules(model)) printf("rules       %s\n", info_rules(model));
}

static void info_print_config(const trm_model_config *config) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  char text[80];
  puts("\nconfiguration:");
  for (size_t i = 0; i < count; i++) {
    (void)trm_options_get(table, count, config, table[i].name, text, sizeof text);
    printf("  %-24s %s\n", table[i].name, text);
  }
}

static void info_print_tensors(const trm_model *model) {
  puts("\ntensors:");
  for (size_t i = 0; i < trm_model_tensors(model); i++) {
    trm_tensor_info t = trm_model_tensor(model, i);
    char shape[100] = "";
    for (int d = 0; d < t.rank; d++)
      (void)snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%lld", d ? " x " : "",
                     (long long)t.shape[d]);
    info_print_foreign("  %-48s", t.name);
    printf(" %-5s %s\n", t.dtype, shape);
  }
}

/* -- the card ------------------------------------------------------------------------------------------------------ */

/* One value on one line; objects inside lists as well. */
static void info_print_value(const json_t *value) {
  char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
  info_print_foreign("%s\n", json_is_string(value) ? json_string_value(value) : text ? text : "");
  free(text);
}

/* "0-10  571 puzzles, 540 exact, 94.6 %" */
static void info_print_bands(const json_t *bands, int indent) {
  char a[32], b[32], c[32], range[64];
  size_t i;
  json_t *band;
  json_array_foreach(bands, i, band) {
    const json_t *low = json_object_get(band, "low"), *high = json_object_get(band, "high");
    double puzzles = json_number_value(json_object_get(band, "puzzles"));
    double exact = json_number_value(json_object_get(band, "exact"));
    if (!json_is_number(low) || !(puzzles > 0 && puzzles < 1e15 && exact >= 0 && exact <= puzzles)) continue;
    if (json_is_number(high))
      (void)snprintf(range, sizeof range, "%g-%g", json_number_value(low), json_number_value(high));
    else (void)snprintf(range, sizeof range, "from %g", json_number_value(low));
    printf("%*s%-12s %s of %s puzzles, %s\n", indent, "", range, cli_thousands((int64_t)exact, a),
           cli_thousands((int64_t)puzzles, b), cli_percent(exact / puzzles, c));
  }
}

static void info_print_card(const json_t *card, int indent) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)card, key, value) {
    printf("%*s", indent, "");
    info_print_foreign("%-16s ", key);
    if (json_is_object(value) && indent < 8) {
      printf("\n");
      info_print_card(value, indent + 2);
    } else if (json_is_array(value) && json_is_object(json_array_get(value, 0)) && !strcmp(key, "bands")) {
      printf("\n");
      info_print_bands(value, indent + 2);
    } else {
      info_print_value(value);
    }
  }
}

static void info_print(const trm_model *model, const char *path) {
  const trm_model_config *c = trm_model_get_config(model);
  trm_model_cost cost = trm_model_config_cost(c);
  const char *variant = trm_model_get_metadata(model, "trm.variant"), *key;
  const char *version = trm_model_get_metadata(model, "trm.version");
  char a[32], b[32], line[CLI_VALUES];
  printf("model       %s, %s", path, cli_bytes(info_file_bytes(path), a));
  info_print_foreign(variant ? ", %s\n" : "%s\n", variant ? variant : "");
  info_print_id(model);
  info_print_task(model);
  printf("network     %lld %s layer%s, width %lld, %lld + %lld positions\n", (long long)c->L_layers,
         c->mlp_t ? "mixer" : "attention", c->L_layers == 1 ? "" : "s", (long long)c->hidden_size,
         (long long)trm_model_config_prefix(c), (long long)c->seq_len);
  if (c->recursion == TRM_RECURSION_LATTICE)
    printf("recursion   lattice: candidate sets in %lld loops a pass, in training\n", (long long)c->L_cycles);
  else
    printf("recursion   T = %lld recursions of n = %lld latent cycles, in training at most %lld steps\n",
           (long long)c->H_cycles, (long long)c->L_cycles, (long long)c->halt_max_steps);
  trm_solver_values values = info_values(model);
  printf("values      %s\n", cli_values_text(&values, line));
  info_print_hopeless(model);
  printf("loss        %s, also of its probabilities\n", trm_model_get_loss(model));
  printf("parameters  %s\n", cli_thousands(trm_model_config_parameters(c), b));
  printf("cost        %.4g GFLOP a call, %.4g a step, %.4g a training step\n", cost.call / 1e9, cost.step / 1e9,
         cost.training_step / 1e9);
  json_t *provenance = info_provenance_json(model), *value;
  if (version) info_print_foreign("written by  trm %s\n", version);
  json_object_foreach(provenance, key, value) {
    info_print_foreign("%-11s ", key);
    info_print_foreign("%s\n", json_string_value(value));
  }
  json_decref(provenance);
  json_t *card = cli_model_card(model, path);
  if (card) {
    puts("\ncard:");
    info_print_card(card, 2);
  }
  json_decref(card);
  info_print_config(c);
  if (opt.tensors) info_print_tensors(model);
}

static int info_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_model *model = NULL;
  char path[1100] = "";
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 1, "a model file");
  if (code == CLI_CONTINUE) {
    (void)snprintf(path, sizeof path, "%s", a.positionals ? a.positional[0] : "");
    code = cli_model_open(self, path, NULL, &model);
  }
  if (code == CLI_CONTINUE) {
    (opt.json ? info_print_json : info_print)(model, path);
    code = CLI_OK;
  }
  trm_model_close(&model);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_info = {
    .name = "info",
    .synopsis = "[MODEL] [--tensors] [--json]",
    .summary = "show what is in a model file",
    .description =
        "Shows a model's task, shape, number of parameters, cost in operations (two a multiply-add, matrix "
        "products and attention only), configuration and provenance. The file is checked completely first: "
        "one whose checksum is wrong is damaged and refused. The id is the first 12 digits of that checksum, "
        "so models of the same id give the same answers; a file without a checksum has none. A file whose numbers "
        "another tool saved in another type (float16, float64, bfloat16) is taken, but nothing tells damage to it. The "
        "values are those with which the model solves when no option says otherwise, and where each comes from. "
        "A run directory stands for its best model, or the last one without validation. Without MODEL: the "
        "installed model for 9x9 Sudoku.\n\n"
        "A model's card says what it was trained on, how, and how accurate it is; it is in the file (trm "
        "convert --card) or beside it as NAME.json.",
    .examples = "trm info runs/4x4\ntrm info best.safetensors --tensors --json\n",
    .tables = info_tables,
    .run = info_run,
};
