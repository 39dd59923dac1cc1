/* Puzzles and models that the user names: text from arguments, files and standard input, and the model to use. */
#ifndef TRM_CLI_PUZZLES_H
#define TRM_CLI_PUZZLES_H

#include "cli/cli.h"

#include <trm/solve.h>

/* Texts, one for each argument, before the task is known. */
typedef struct cli_text {
  char *where; /* path, "standard input" or "argument 1" */
  char *data;
  size_t size;
  int is_file;
} cli_text;

typedef struct cli_puzzles {
  cli_text *text;
  size_t texts;
  int32_t *tokens; /* [count][S] */
  char **where;    /* [count]: "puzzles.txt:3" */
  size_t count;
} cli_puzzles;

/* Reads what the arguments name: "-" (or no argument) is standard input, an existing file is read, anything else is a
 * puzzle itself. CLI_CONTINUE or an exit code. */
int cli_puzzles_read(const cli_command *command, const char *const *words, size_t count, cli_puzzles *puzzles);
/* Texts to tokens: one puzzle a line when the first line holds a whole one, else grids separated by empty lines. Each
 * is checked for contradictions. */
int cli_puzzles_parse(const cli_command *command, const trm_task *task, cli_puzzles *puzzles);
void cli_puzzles_close(cli_puzzles *puzzles);

/* Symbols in the first puzzle's text, to choose a model by; 0 when there is none. */
size_t cli_puzzles_cells(const cli_puzzles *puzzles);

/* The model at path, or with "" an installed one for puzzles of this many cells (models.c says where it is looked for).
 * path receives its name. */
int cli_model_open(const cli_command *command, char path[1100], size_t cells, trm_model **model);
/* A command that reads one model file and writes another: its arguments, then write with the model. out: where parsing
 * puts -o FILE; force: where it puts --force. */
int cli_rewrite(const cli_command *self, int argc, char **argv, const char *out, const int *force,
                int (*write)(const cli_command *self, const trm_model *model));

#endif
