/* trm import: a checkpoint of the original implementation becomes a model file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/puzzles.h"

static struct {
  char out[1024], config[1024], ema[1024], prefix[128];
  int dtype, force, json;
} opt;
static trm_model_config torch_import_config; /* what the options say */

static const trm_option torch_import_options[] = {
    CLI_OUT_OPTION(.group = "Import", .help = "model file to write (also -o FILE)"),
    {.name = "config",
     .type = TRM_OPT_STRING,
     FIELD(config),
     .size = sizeof opt.config,
     .default_text = "",
     .metavar = "FILE",
     .help = "the run's all_config.yaml; default: the one beside the checkpoint, if there is one; none: no file"},
    {.name = "ema",
     .type = TRM_OPT_STRING,
     FIELD(ema),
     .size = sizeof opt.ema,
     .default_text = "",
     .metavar = "FILE",
     .help = "a file of averaged parameters of the same run, which take the place of the checkpoint's"},
    {.name = "prefix",
     .type = TRM_OPT_STRING,
     FIELD(prefix),
     .size = sizeof opt.prefix,
     .default_text = "",
     .metavar = "TEXT",
     .help = "what the names of the network's tensors begin with, before inner., in a file of several networks"},
    {.name = "dtype",
     .type = TRM_OPT_ENUM,
     FIELD(dtype),
     .default_text = "keep",
     .choices = "keep|float32|bfloat16", /* in the order of trm_weights */
     .help = "number type of the weights in the file"},
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace FILE"},
    CLI_JSON_OPTION(.help = "print one JSON object: where each value of the configuration comes from"),
};

static size_t torch_import_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){torch_import_options, sizeof torch_import_options / sizeof *torch_import_options, &opt};
  t[1].items = trm_model_options(&t[1].count);
  t[1].config = &torch_import_config;
  return 2;
}

/* -- what is known ------------------------------------------------------------------------------------------------- */

/* The file to read the configuration from; "": none. */
static void torch_import_find_config(const char *checkpoint, char path[1200]) {
  const char *slash = strrchr(checkpoint, '/');
  (void)snprintf(path, 1200, "%s", strcmp(opt.config, "none") ? opt.config : "");
  if (opt.config[0]) return;
  (void)snprintf(path, 1200, "%.*sall_config.yaml", slash ? (int)(slash + 1 - checkpoint) : 0, checkpoint);
  if (access(path, F_OK) != 0) path[0] = 0;
}

/* Options go before the file. */
static int torch_import_apply_options(const cli_command *self, const cli_arguments *a, trm_original_config *known) {
  trm_error error = {0};
  size_t count;
  const trm_option *table = trm_model_options(&count);
  for (size_t i = 0; i < a->givens; i++) {
    char text[64];
    const char *name = a->given[i].option->name;
    size_t used = strlen(known->known);
    if (a->given[i].table->config != &torch_import_config) continue;
    (void)trm_options_get(table, count, &torch_import_config, name, text, sizeof text);
    if (trm_options_set(table, count, &known->config, name, text, &error)) return cli_error(self, &error);
    (void)snprintf(known->known + used, sizeof known->known - used, " %s", name);
  }
  return CLI_CONTINUE;
}

/* -- what is said -------------------------------------------------------------------------------------------------- */

static trm_adoption_report report;
static char torch_import_config_path[1200];

static void torch_import_say(const char *path) {
  cli_note("%s: %s%s", path, report.form, report.skipped ? ", some of whose tensors are not the network's" : "");
  cli_note("from the tensors: %s", report.shapes);
  if (report.known[0])
    cli_note("from %s: %s", torch_import_config_path[0] ? torch_import_config_path : "the options", report.known);
  if (report.supposed[0]) cli_note("supposed, as nothing says it: %s", report.supposed);
  if (report.defaults[0]) cli_note("by default, as nothing says it: %s", report.defaults);
}

static void torch_import_print_json(void) {
  cli_json_print(json_pack("{s:o, s:s, s:I, s:o, s:s, s:s, s:s, s:s}", "model", cli_path(opt.out), "form", report.form,
                           "skipped", (json_int_t)report.skipped, "config",
                           torch_import_config_path[0] ? cli_path(torch_import_config_path) : json_null(), "tensors",
                           report.shapes, "known", report.known, "supposed", report.supposed, "defaults",
                           report.defaults),
                 0);
}

/* -- the command --------------------------------------------------------------------------------------------------- */

static int torch_import_open(const cli_command *self, char path[1100], const cli_arguments *a, trm_model **model) {
  trm_error error = {0};
  trm_original_config known = {.config = trm_model_config_default()};
  trm_adoption how = trm_adoption_default();
  torch_import_find_config(path, torch_import_config_path);
  if (torch_import_config_path[0] && trm_original_config_read(&known, torch_import_config_path, &error))
    return cli_error(self, &error);
  int code = torch_import_apply_options(self, a, &known);
  if (code != CLI_CONTINUE) return code;
  how.config = &known.config;
  how.known = known.known;
  how.ema = known.ema;
  how.loss = known.loss[0] ? known.loss : NULL;
  how.prefix = cli_is_given(a, "prefix") ? opt.prefix : NULL;
  how.averaged = opt.ema[0] ? opt.ema : NULL;
  if (trm_model_adopt(model, path, &how, &report, &error)) return cli_error(self, &error);
  torch_import_say(path);
  return CLI_CONTINUE;
}

static int torch_import_write(const cli_command *self, const trm_model *model) {
  trm_error error = {0};
  trm_model_conversion what = trm_model_conversion_default();
  what.weights = opt.dtype;
  if (trm_model_convert(model, opt.out, &what, &error)) return cli_error(self, &error);
  if (opt.json) torch_import_print_json();
  else cli_print_written(opt.out);
  return CLI_OK;
}

static int torch_import_run(const cli_command *self, int argc, char **argv) {
  return cli_rewrite(self, argc, argv, opt.out, &opt.force, torch_import_open, torch_import_write);
}

const cli_command cli_import = {
    .name = "import",
    .synopsis = "CHECKPOINT -o FILE [--config all_config.yaml]",
    .summary = "make a model of a PyTorch checkpoint of the original TRM",
    .description =
        "Reads what the original's trainer wrote with torch.save (a zip archive or, of older versions, a pickle; fp32, "
        "bf16, "
        "fp16 or fp64; a compiled model or not; alone or within other dicts), or the same tensors as safetensors, and "
        "writes a "
        "model file. Nothing in the checkpoint is run: classes and functions other than those of tensors are refused "
        "by "
        "name. Weights are mapped, not loaded, so that tables of puzzle embeddings may be larger than the memory.\n\n"
        "What network it is say the tensors' shapes, then the options of the group Model, then the run's "
        "all_config.yaml. "
        "What none of them says is supposed from the number of tokens (11: Sudoku, 6: mazes, 12: ARC) or has its "
        "published "
        "value, and is said: a wrong number of cycles gives wrong answers. Values that contradict one another are "
        "refused.\n\n"
        "A run with ema=True saves averaged weights as its checkpoint, and needs no --ema: that is for files of "
        "EMAHelper, "
        "which hold the averaged parameters alone. HRM and the variants of TRM with one state or several latents are "
        "other "
        "networks, and are refused by name. The way back is trm export." CLI_OUT_NOTE,
    .examples = "trm import step_65000 -o maze.safetensors\ntrm import step_65000 -o sudoku.safetensors --config none "
                "--L-cycles 6\ntrm import run.pt -o ema.safetensors --prefix ema. --dtype bfloat16\n",
    .usual = "out config ema prefix force json H_cycles L_cycles",
    .tables = torch_import_tables,
    .run = torch_import_run,
};
