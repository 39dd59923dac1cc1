/* trm export: a model as a checkpoint that the original implementation loads. */
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "cli/puzzles.h"

static struct {
  char out[1024], prefix[128];
  int force;
} opt;

static const trm_option torch_export_options[] = {
    CLI_OUT_OPTION(.group = "Export", .help = "checkpoint to write (also -o FILE)"),
    {.name = "prefix",
     .type = TRM_OPT_STRING,
     FIELD(prefix),
     .size = sizeof opt.prefix,
     .default_text = "_orig_mod.model.",
     .metavar = "TEXT",
     .help = "what names begin with; _orig_mod. stands for a compiled model, model. for the loss around it"},
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace FILE and the all_config.yaml beside it"},
};

static size_t torch_export_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){torch_export_options, sizeof torch_export_options / sizeof *torch_export_options, &opt};
  return 1;
}

/* Values of training under the original's keys, of the run that the model is in; NULL: it is in none. */
static char *torch_export_training(const trm_model *model) {
  static const char *const keys[][2] = {{"epochs", "epochs"},
                                        {"lr", "lr"},
                                        {"lr_min_ratio", "lr_min_ratio"},
                                        {"lr_warmup_steps", "lr_warmup_steps"},
                                        {"weight_decay", "weight_decay"},
                                        {"beta1", "beta1"},
                                        {"beta2", "beta2"},
                                        {"puzzle_emb_lr", "puzzle_emb_lr"},
                                        {"puzzle_emb_weight_decay", "puzzle_emb_weight_decay"},
                                        {"seed", "seed"},
                                        {"ema_decay", "ema_rate"},
                                        {"batch", "global_batch_size"}};
  char file[1200];
  const char *path = trm_model_get_path(model), *slash = strrchr(path, '/');
  (void)snprintf(file, sizeof file, "%.*sconfig.json", slash ? (int)(slash + 1 - path) : 0, path);
  json_t *config = json_load_file(file, JSON_REJECT_DUPLICATES, NULL), *known = json_object();
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *value = json_object_get(json_object_get(config, "train"), keys[i][0]);
    if (json_is_number(value)) (void)json_object_set(known, keys[i][1], value);
  }
  char *text = json_object_size(known) ? json_dumps(known, JSON_COMPACT) : NULL;
  json_decref(config);
  json_decref(known);
  return text;
}

static int torch_export_write(const cli_command *self, const trm_model *model) {
  trm_error error = {0};
  char config[1100];
  const char *slash = strrchr(opt.out, '/');
  (void)snprintf(config, sizeof config, "%.*sall_config.yaml", slash ? (int)(slash + 1 - opt.out) : 0, opt.out);
  int code = cli_may_write(self, config, opt.force);
  if (code != CLI_CONTINUE) return code;
  if (trm_model_export(model, opt.out, opt.prefix, &error)) return cli_error(self, &error);
  char *training = torch_export_training(model);
  trm_status status = trm_original_config_write(model, config, training, &error);
  free(training);
  if (status) return cli_error(self, &error);
  cli_print_written(opt.out);
  printf("%s\n", config);
  return CLI_OK;
}

static int torch_export_run(const cli_command *self, int argc, char **argv) {
  return cli_rewrite(self, argc, argv, opt.out, &opt.force, NULL, torch_export_write);
}

const cli_command cli_export = {
    .name = "export",
    .synopsis = "MODEL -o FILE",
    .summary = "write a model as a PyTorch checkpoint of the original TRM",
    .description =
        "Writes the weights of a model, or of a run directory's best one, as the original's trainer saves them: the "
        "state "
        "dict of a compiled model, for its option load_checkpoint or torch.load(FILE, weights_only=True). Beside it "
        "goes "
        "all_config.yaml with the network's configuration and, of a run, the values of training; those that are not "
        "known "
        "are the published ones, and marked so.\n\n"
        "Numbers are fp32, the initial states of the type that is computed in. Models that the original's code cannot "
        "compute (int8, damping, rms_gate, the lattice recursion) are refused. The way back is trm "
        "import." CLI_OUT_NOTE,
    .examples = "trm export runs/9x9 -o checkpoints/step_1\ntrm export maze.safetensors -o maze.pt --prefix model.\n",
    .tables = torch_export_tables,
    .run = torch_export_run,
};
