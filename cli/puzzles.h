/* Puzzles and models that the user names: text from arguments, files and standard input, and the model to use. Puzzles
 * are read one by one, so that the first is at work while the last is not yet written, and a bad one costs nothing but
 * itself. */
#ifndef TRM_CLI_PUZZLES_H
#define TRM_CLI_PUZZLES_H

#include "cli/cli.h"
#include "cli/input.h"

#include <trm/solve.h>

#include "data/format/record.h"
#include "data/format/texts.h"

#define CLI_PROBLEM 1800 /* bytes: a place and a message */

/* Where reading is: a text is what one argument names. */
typedef struct cli_puzzles {
  const cli_command *command;
  const char *const *words; /* [texts]: the arguments, borrowed */
  size_t texts, text;       /* of these, the one that is read */
  int open, is_file;
  const char *where; /* its path, "standard input" or "argument 1" */
  char argument[40];
  cli_input input;
  int is_table; /* 1: a table, which `records` reads; 0: `reader` does */
  int looked;   /* 1: it is known whether it is a table */
  int unpacked; /* 1: it was gzip or UTF-16 */
  trm__records records;
  trm__texts reader;
  size_t given;  /* bytes of the input that reader has seen and not dropped */
  uint64_t line; /* number of the next line */
  size_t found;  /* puzzles in the text until now, good and bad */
  int skipping;  /* the rest of a line that is too long */
} cli_puzzles;

/* One puzzle of the input, or what is wrong with it. */
typedef struct cli_puzzle {
  char *where;    /* "puzzles.txt:3"; when it is bad with the column, where that is known */
  char *error;    /* NULL: it is good */
  int32_t *right; /* [S] the answer that stands beside it, to compare with; NULL: none can be read */
} cli_puzzle;

typedef enum { CLI_PUZZLES_ONE, CLI_PUZZLES_NONE, CLI_PUZZLES_END } cli_puzzles_answer;

/* What the arguments name: "-" (or no argument) is standard input, an existing file is read, anything else is a puzzle
 * itself. What may not be read, or is a model, is refused before anything is read. CLI_CONTINUE or an exit code. */
int cli_puzzles_open(const cli_command *command, const char *const *words, size_t count, cli_puzzles *puzzles);
void cli_puzzles_close(cli_puzzles *puzzles);
/* Refuses a word that looks like a path and is no puzzle of the task, or with NULL of none that trm knows, as the file
 * that does not exist. CLI_CONTINUE or an exit code. */
int cli_puzzles_check(const cli_puzzles *puzzles, const trm_task *task);

/* The next puzzle: tokens [S], or an error; the caller frees it. data/format/texts.h says where in a text puzzles lie;
 * each is checked for contradictions. task is the same in all calls. NONE: not yet, which is not said with wait unless
 * a signal came (cli_interrupted). */
cli_puzzles_answer cli_puzzles_next(cli_puzzles *puzzles, const trm_task *task, int wait, int32_t *tokens,
                                    cli_puzzle *puzzle);
void cli_puzzle_free(cli_puzzle *puzzle);

/* Of the first puzzle, to choose a model by; zeros when there is none. Waits for its text and leaves it unread. What
 * is wrong with the puzzle, if it is one of a size that trm knows, is said in problem, which is else "". */
void cli_puzzles_kind(cli_puzzles *puzzles, trm_puzzle_kind *kind, char problem[CLI_PROBLEM]);

/* An installed model for such puzzles: 1 when there is one, whose name path receives. */
int cli_model_find(char path[1100], const trm_puzzle_kind *kind, trm_model **model);
/* The folders of models that come with the program, behind colons; freed with free. */
char *cli_model_folders(void);
/* The model at path, or with "" an installed one for such puzzles (models.c says where it is looked for); kind NULL:
 * for 9x9 Sudoku. path receives its name. */
int cli_model_open(const cli_command *command, char path[1100], const trm_puzzle_kind *kind, trm_model **model);
/* The model's card: of its metadata, else the file NAME.json beside NAME.safetensors; NULL without one. */
json_t *cli_model_card(const trm_model *model, const char *path);
/* Of an unsolved puzzle with so few clues (0: none is), what the model's card says of such, if they are its hardest. */
void cli_model_hint(const trm_model *model, const char *path, int clues);
/* What opens the model of a command's arguments, as cli_model_open does. */
typedef int (*cli_opener)(const cli_command *self, char path[1100], const cli_arguments *a, trm_model **model);
/* A command that reads one model file and writes another: its arguments, then write with the model. out, force: where
 * parsing puts -o FILE and --force; both are checked before the model is opened. open NULL: cli_model_open. */
int cli_rewrite(const cli_command *self, int argc, char **argv, const char *out, const int *force, cli_opener open,
                int (*write)(const cli_command *self, const trm_model *model));

#endif
