/* trm convert: a model file with its numbers in another type, or with a card. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "cli/puzzles.h"

static struct {
  char out[1024], card[1024];
  int dtype, force;
} opt;

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
  return 1;
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
  return cli_rewrite(self, argc, argv, opt.out, &opt.force, NULL, convert_write);
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
        "A checkpoint of the original implementation becomes a model with trm import." CLI_OUT_NOTE,
    .examples = "trm convert runs/9x9 -o 9x9.safetensors --dtype bfloat16\ntrm convert 9x9.safetensors -o "
                "models/9x9.safetensors --card 9x9.json\n",
    .tables = convert_tables,
    .run = convert_run,
};
