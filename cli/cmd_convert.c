/* trm convert: a model file with its numbers in another type, or with a card; or one made of the original's tensors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "cli/puzzles.h"

static struct {
  char out[1024], card[1024];
  int dtype, force;
} opt;
static trm_model_config convert_config; /* of tensors that come without one */

static const trm_option convert_options[] = {
    CLI_OUT_OPTION(.group = "Convert", .help = "model file to write (also -o FILE)"),
    {.name = "dtype",
     .type = TRM_OPT_ENUM,
     FIELD(dtype),
     .default_text = "keep",
     .choices = "keep|float32|bfloat16", /* in the order of trm_weights */
     .help = "number type of the weights in the file"},
    {.name = "card",
     .type = TRM_OPT_STRING,
     FIELD(card),
     .size = sizeof opt.card,
     .default_text = "",
     .metavar = "FILE.json",
     .help = "a JSON object that says what the model was trained on and what it is worth; trm info prints it"},
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace FILE"},
};

static size_t convert_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){convert_options, sizeof convert_options / sizeof *convert_options, &opt};
  t[1].items = trm_model_options(&t[1].count);
  t[1].config = &convert_config;
  return 2;
}

/* What no tensor tells, as it was given or is by default. */
static void convert_note_untold(const char *path, const trm_model *model) {
  static const char *const untold[] = {"num_heads",  "H_cycles",     "L_cycles",  "damping",        "activation",
                                       "rope_theta", "rms_norm_eps", "expansion", "halt_max_steps", "forward_dtype"};
  char text[40], line[600] = "";
  size_t count;
  const trm_option *table = trm_model_options(&count);
  for (size_t i = 0; i < sizeof untold / sizeof *untold; i++) {
    size_t used = strlen(line);
    (void)trm_options_get(table, count, trm_model_get_config(model), untold[i], text, sizeof text);
    (void)snprintf(line + used, sizeof line - used, "%s%s %s", used ? ", " : "", untold[i], text);
  }
  cli_note("%s has no configuration; its tensors tell the sizes, these are as given or by default: %s", path, line);
}

/* A model, or else tensors of which the options say the rest. */
static int convert_open(const cli_command *self, char path[1100], const cli_arguments *a, trm_model **model) {
  trm_error error = {0};
  int described = 0, sized = 0;
  for (size_t i = 0; i < a->givens; i++) {
    described |= a->given[i].table->config == &convert_config;
    sized |= !strcmp(a->given[i].option->name, "seq_len");
  }
  convert_config.size = sizeof convert_config;
  if (!sized) convert_config.seq_len = 0;
  if (trm__path_is_dir(path)) { /* a run directory stands for its model, which has a configuration */
    int code = cli_model_open(self, path, NULL, model);
    if (code != CLI_CONTINUE || !described) return code;
    return cli_usage(self, "%s: is a trm model, and its configuration stands in it", path);
  }
  trm_status status = trm_model_adopt(model, path, &convert_config, &error);
  if (!status) {
    convert_note_untold(path, *model);
    return CLI_CONTINUE;
  }
  int is_model = status == TRM_E_USAGE && !strcmp(error.where, path);
  if (is_model && described) return cli_error(self, &error);
  if (is_model || status == TRM_E_IO) return cli_model_open(self, path, NULL, model);
  return cli_error(self, &error);
}

enum { CARD_LIMIT = 64 << 10 };

/* The card's text in *text (free). */
static int convert_read_card(const cli_command *self, char **text) {
  FILE *file = fopen(opt.card, "rb");
  if (!file) return cli_bad_input(self, "%s: cannot be opened: %s", opt.card, strerror(errno));
  *text = cli_alloc(CARD_LIMIT + 2, 1);
  size_t size = fread(*text, 1, CARD_LIMIT + 1, file);
  int bad = ferror(file), why = errno;
  (void)fclose(file);
  if (bad) return cli_bad_input(self, "%s: cannot be read: %s", opt.card, strerror(why));
  if (size > CARD_LIMIT) return cli_bad_input(self, "%s: has over %d bytes, expected less", opt.card, CARD_LIMIT);
  if (strlen(*text) != size) return cli_bad_input(self, "%s: has a NUL byte; expected JSON", opt.card);
  return CLI_CONTINUE;
}

static int convert_write(const cli_command *self, const trm_model *model) {
  trm_error error = {0};
  trm_model_conversion what = trm_model_conversion_default();
  char *card = NULL;
  int code = opt.card[0] ? convert_read_card(self, &card) : CLI_CONTINUE;
  what.weights = opt.dtype;
  what.card = card;
  if (code == CLI_CONTINUE) code = CLI_OK;
  if (code == CLI_OK && trm_model_convert(model, opt.out, &what, &error)) {
    if (!strcmp(error.where, "card")) (void)snprintf(error.where, sizeof error.where, "%.511s", opt.card);
    code = cli_error(self, &error);
  }
  if (code == CLI_OK) cli_print_written(opt.out);
  free(card);
  return code;
}

static int convert_run(const cli_command *self, int argc, char **argv) {
  return cli_rewrite(self, argc, argv, opt.out, &opt.force, convert_open, convert_write);
}

const cli_command cli_convert = {
    .name = "convert",
    .synopsis = "MODEL -o FILE [--dtype bfloat16] [--card FILE.json]",
    .summary = "write a model with bf16 weights, or with a card",
    .description =
        "Writes a copy of a model whose file stores its weights in another number type, half as large in bfloat16 as "
        "in float32. Matrices and tables are rounded, as a network that computes in bfloat16 does itself, so such a "
        "model answers the same; vectors stay in float32. Configuration, task and the other metadata are kept, and so "
        "is the type that it computes in. For int8 see trm quantize.\n\n"
        "--card puts a JSON object into the file that says what the model was trained on and how it was measured; trm "
        "info prints it.\n\n"
        "MODEL may also be a safetensors file of the original implementation's tensors, whose names may begin with "
        "_orig_mod.model. Their shapes tell the sizes of the network and whether it mixes or attends; the options of "
        "the group Model say the rest, as the run's all_config.yaml has it: what is not given has its published value, "
        "and a wrong one gives wrong answers. A checkpoint in PyTorch's own format becomes such a file in Python: "
        "safetensors.torch.save_file({k: v.contiguous() for k, v in torch.load(CHECKPOINT).items()}, "
        "FILE)." CLI_OUT_NOTE,
    .examples = "trm convert runs/9x9 -o 9x9.safetensors --dtype bfloat16\ntrm convert 9x9.safetensors -o "
                "models/9x9.safetensors --card 9x9.json\ntrm convert theirs.safetensors -o maze.safetensors "
                "--seq-len 900 --L-cycles 4\n",
    .usual = "out dtype card force H_cycles L_cycles",
    .tables = convert_tables,
    .run = convert_run,
};
