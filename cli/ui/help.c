/* Help and man pages, generated from the commands' declarations and option tables, so that nothing is written twice. */
#include <string.h>

#include "cli/cli.h"

static const char version_line[] = "trm %s - Tiny Recursion Models: small networks that solve hard puzzles\n";

/* Exit codes that every command has; a command adds its own meaning of 1. */
static const struct {
  int code;
  const char *meaning;
} exit_codes[] = {
    {0, "done; for solve: every puzzle is solved"},
    {1, "for solve: at least one puzzle is not solved; a command that a signal stopped before its end"},
    {2, "usage: an unknown command, option or value"},
    {3, "bad input: a file, puzzle, dataset, model or run directory that cannot be used as it is, or that the "
        "operating system refuses to read or write"},
    {4, "fault: no memory, training diverged, standard output lost, or a defect of trm"},
};

static const struct {
  const char *name, *meaning;
} environment[] = {
    {"TRM_THREADS", "computing threads, where --threads does not say; default: all cores that the process may use"},
    {"TRM_DEVICE", "what computes, where --device does not say; its names are in trm help solve; default: cpu"},
    {"TRM_ISA",
     "the kernels: auto (the best) or ref, and avx2, avxvnni, avx512, avx512vnni, avx512bf16, neon, neondot, neonbf16"},
    {"TRM_MODELS", "a folder of models that is looked into first when no model is named"},
    {"NO_COLOR", "set and not empty: no colours"},
};

void cli_print_overview(FILE *file) {
  fprintf(file, version_line, trm_version());
  fputs("\nusage: trm COMMAND [options]          'trm COMMAND --help' says more\n\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++) fprintf(file, "  %-12s  %s\n", (*c)->name, (*c)->summary);
  fputs("\nA first run, a few minutes:\n"
        "  trm data make --size 6 --train 20000 --test 1000 --out data/6x6\n"
        "  trm train data/6x6 --run runs/6x6\n"
        "  trm eval runs/6x6 data/6x6\n"
        "  trm solve --model runs/6x6 --explain PUZZLE\n"
        "\nTRM_THREADS=N sets the threads, TRM_ISA=ref|avx2|... chooses the kernels.\n",
        file);
}

void cli_print_data_overview(FILE *file) {
  fputs("usage: trm data COMMAND [options]     'trm data COMMAND --help' says more\n\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++)
    if (!strncmp((*c)->name, "data ", 5)) fprintf(file, "  %-8s  %s\n", (*c)->name + 5, (*c)->summary);
  fputs("\nA dataset is a directory with train/ and test/ in the original trainer's format,\n"
        "or one CSV or JSON Lines file with the columns question, answer and rating.\n",
        file);
}

/* Words of text from column 0 on, wrapped; an empty line stays. */
static void print_wrapped(FILE *file, const char *text, size_t columns) {
  size_t at = 0;
  while (*text) {
    if (!strncmp(text, "\n\n", 2)) {
      fputs("\n\n", file);
      text += 2;
      at = 0;
      continue;
    }
    size_t length = strcspn(text, " \n");
    if (at && at + 1 + length > columns) {
      fputc('\n', file);
      at = 0;
    } else if (at) {
      fputc(' ', file);
      at++;
    }
    fprintf(file, "%.*s", (int)length, text);
    at += length;
    text += length;
    if (*text == ' ' || (*text == '\n' && text[1] != '\n')) text++;
  }
  fputc('\n', file);
}

static void print_lines(FILE *file, const char *text, const char *indent) {
  while (*text) {
    size_t length = strcspn(text, "\n");
    fprintf(file, "%s%.*s\n", indent, (int)length, text);
    text += length;
    if (*text) text++;
  }
}

void cli_print_help(const cli_command *command, FILE *file) {
  int columns = cli_columns(file);
  if (columns > 100) columns = 100;
  fprintf(file, "usage: trm %s %s\n\n", command->name, command->synopsis);
  print_wrapped(file, command->description, (size_t)columns);
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  for (size_t i = 0; i < count; i++) {
    if (!tables[i].count) continue;
    char *text = trm__options_help(tables[i].items, tables[i].count, columns);
    fprintf(file, "\n%s", text ? text : "");
    trm__options_free(text);
  }
  fputs("\nExamples:\n", file);
  print_lines(file, command->examples, "  ");
}

/* -- man pages ----------------------------------------------------------------------------------------------------- */

/* Text for roff: backslashes and hyphens escaped, no control line by accident. */
static void roff(FILE *file, const char *text, size_t length) {
  int line_start = 1;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (line_start && (c == '.' || c == '\'')) fputs("\\&", file);
    line_start = c == '\n';
    if (c == '\\') fputs("\\e", file);
    else if (c == '-') fputs("\\-", file);
    else fputc(c, file);
  }
}

static void roff_text(FILE *file, const char *text) {
  roff(file, text, strlen(text));
}

static void roff_paragraphs(FILE *file, const char *text) {
  while (*text) {
    const char *end = strstr(text, "\n\n");
    size_t length = end ? (size_t)(end - text) : strlen(text);
    roff(file, text, length);
    fputc('\n', file);
    text += length;
    if (*text) fputs(".PP\n", file);
    while (*text == '\n') text++;
  }
}

/* "trm\-data\-make" */
static void roff_name(FILE *file, const char *name) {
  fputs("trm", file);
  if (*name) fputs("\\-", file);
  for (; *name; name++) fputs(*name == ' ' ? "\\-" : (char[2]){*name, 0}, file);
}

static void man_head(FILE *file, const char *name, const char *summary) {
  fputs(".\\\" Generated by 'trm help --man'; change the program's tables instead.\n.TH \"TRM", file);
  for (const char *p = *name ? name : ""; *p; p++) {
    if (p == name) fputc('-', file);
    fputc(*p == ' ' ? '-' : *p - ('a' <= *p && *p <= 'z' ? 'a' - 'A' : 0), file);
  }
  fprintf(file, "\" 1 \"\" \"trm %s\" \"Tiny Recursion Models\"\n.SH NAME\n", trm_version());
  roff_name(file, name);
  fputs(" \\- ", file);
  roff_text(file, summary);
  fputs("\n.SH SYNOPSIS\n", file);
}

static void man_tail(FILE *file, const char *exits) {
  fputs(".SH EXIT STATUS\n", file);
  for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++) {
    fprintf(file, ".TP\n%d\n", exit_codes[i].code);
    size_t length = 0;
    const char *own = exits;
    while (own && *own && *own - '0' != exit_codes[i].code) own = strchr(own, '\n') ? strchr(own, '\n') + 1 : NULL;
    if (own && *own) length = strcspn(own + 2, "\n");
    if (length) roff(file, own + 2, length);
    else roff_text(file, exit_codes[i].meaning);
    fputc('\n', file);
  }
  fputs(".SH ENVIRONMENT\n", file);
  for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
    fprintf(file, ".TP\n%s\n", environment[i].name);
    roff_text(file, environment[i].meaning);
    fputc('\n', file);
  }
}

static void man_examples(FILE *file, const char *examples) {
  fputs(".SH EXAMPLES\n.nf\n", file);
  roff_text(file, examples);
  if (examples[strlen(examples) - 1] != '\n') fputc('\n', file);
  fputs(".fi\n", file);
}

static void man_command(const cli_command *command, FILE *file) {
  man_head(file, command->name, command->summary);
  fprintf(file, ".B trm %s\n", command->name);
  roff_text(file, command->synopsis);
  fputs("\n.SH DESCRIPTION\n", file);
  roff_paragraphs(file, command->description);
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  fputs(".SH OPTIONS\n", file);
  for (size_t i = 0; i < count; i++) {
    if (!tables[i].count) continue;
    char *text = trm__options_man(tables[i].items, tables[i].count);
    fputs(text ? text : "", file);
    trm__options_free(text);
  }
  man_tail(file, command->exits);
  man_examples(file, command->examples);
  fputs(".SH SEE ALSO\n.BR trm (1)\n", file);
}

/* The page of trm itself, or of trm data: their commands. prefix: "" or "data ". */
static void man_overview(const char *prefix, FILE *file) {
  int data = *prefix != 0;
  man_head(file, data ? "data" : "",
           data ? "make, import, describe and check puzzle datasets" : "Tiny Recursion Models");
  fprintf(file, ".B trm%s\n\\fICOMMAND\\fR [options]\n.SH DESCRIPTION\n", data ? " data" : "");
  roff_paragraphs(
      file, data ? "A dataset is a directory with train/ and test/ in the original trainer's format (.npy arrays and "
                   "dataset.json), or one CSV or JSON Lines file with the columns question, answer and rating."
                 : "trm trains small networks that solve puzzles by applying one two-layer network to its own answer "
                   "again and again, measures them on puzzles they have not seen, and solves puzzles with every "
                   "step shown.\n\nResults go to standard output and messages to standard error. With --json, "
                   "standard output holds JSON and nothing else.\n\nSIGINT and SIGTERM stop train, eval, solve, "
                   "quantize, data make, data import and data check between two steps of their work. They say so and "
                   "end with exit code 1: eval and solve with the results of what is finished, the others without "
                   "having written anything. Train saves, and its exit code is 0. A second signal ends them at once, "
                   "as the first does any other command; a file is then the old one or the new one, never half of it.");
  fputs(".SH COMMANDS\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (strncmp((*c)->name, prefix, strlen(prefix)) != 0) continue;
    fputs(".TP\n\\fB", file);
    roff_name(file, (*c)->name);
    fputs("\\fR(1)\n", file);
    roff_text(file, (*c)->summary);
    fputc('\n', file);
  }
  man_tail(file, NULL);
}

int cli_print_man(const char *page, FILE *file) {
  if (!strcmp(page, "trm") || !strcmp(page, "data")) {
    man_overview(strcmp(page, "trm") ? "data " : "", file);
    return 0;
  }
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (strcmp((*c)->name, page) != 0) continue;
    man_command(*c, file);
    return 0;
  }
  return -1;
}
