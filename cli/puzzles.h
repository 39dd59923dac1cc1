/* Puzzles and models that the user names: text from arguments, files and standard input, and the model to use. Puzzles
 * are read one by one, so that the first is at work while the last is not yet written, and a bad one costs nothing but
 * itself. */
#ifndef TRM_CLI_PUZZLES_H
#define TRM_CLI_PUZZLES_H

#include "cli/cli.h"
#include "cli/input.h"

#include <trm/solve.h>

#include "data/format/record.h"

/* Where reading is: a text is what one argument names. */
typedef struct cli_puzzles {
  const cli_command *command;
  const char *const *words; /* [texts]: the arguments, borrowed */
  size_t texts, text;       /* of these, the one that is read */
  int open, is_file;
  const char *where; /* its path, "standard input" or "argument 1" */
  char argument[40];
  cli_input input;
  int notation;         /* of the text; 0: not known yet */
  int unpacked;         /* 1: it was gzip or UTF-16 */
  trm__records records; /* of a table */
  uint64_t line;        /* number of the next line */
  size_t found;         /* puzzles in the text until now, good and bad */
  int skipping;         /* the rest of a line that is too long */
  int behind;           /* a grid was taken as soon as it was whole: its frame may go on */
} cli_puzzles;

/* One puzzle of the input, or what is wrong with it. */
typedef struct cli_puzzle {
  char *where; /* "puzzles.txt:3"; when it is bad with the column, where that is known */
  char *error; /* NULL: it is good */
} cli_puzzle;

typedef enum { CLI_PUZZLES_ONE, CLI_PUZZLES_NONE, CLI_PUZZLES_END } cli_puzzles_answer;

/* What the arguments name: "-" (or no argument) is standard input, an existing file is read, anything else is a puzzle
 * itself. A file that does not exist or may not be read is refused before anything is read. CLI_CONTINUE or an exit
 * code. */
int cli_puzzles_open(const cli_command *command, const char *const *words, size_t count, cli_puzzles *puzzles);
void cli_puzzles_close(cli_puzzles *puzzles);

/* The next puzzle: tokens [S], or an error; the caller frees it. One line is a puzzle when the text's first line holds
 * a whole one, else they are grids separated by empty lines; each is checked for contradictions. NONE: not yet, which
 * is not said with wait unless a signal came (cli_interrupted). */
cli_puzzles_answer cli_puzzles_next(cli_puzzles *puzzles, const trm_task *task, int wait, int32_t *tokens,
                                    cli_puzzle *puzzle);
void cli_puzzle_free(cli_puzzle *puzzle);

/* Symbols in the first puzzle's text, to choose a model by; 0 when there is none. Waits for that text and leaves it
 * unread. */
size_t cli_puzzles_cells(cli_puzzles *puzzles);

/* The model at path, or with "" an installed one for puzzles of this many cells (models.c says where it is looked for).
 * path receives its name. */
int cli_model_open(const cli_command *command, char path[1100], size_t cells, trm_model **model);
/* The model's card: of its metadata, else the file NAME.json beside NAME.safetensors; NULL without one. */
json_t *cli_model_card(const trm_model *model, const char *path);
/* A command that reads one model file and writes another: its arguments, then write with the model. out, force: where
 * parsing puts -o FILE and --force; both are checked before the model is opened. */
int cli_rewrite(const cli_command *self, int argc, char **argv, const char *out, const int *force,
                int (*write)(const cli_command *self, const trm_model *model));

#endif
