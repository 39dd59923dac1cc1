/* What the subcommands share: their declaration, argument parsing, messages and exit codes, progress and JSON.
 *
 * A subcommand declares itself once (cli_command): its options come from declaration tables, and its --help and man
 * page are generated from that declaration. Results go to standard output, everything else to standard error. */
#ifndef TRM_CLI_H
#define TRM_CLI_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <trm/options.h>
#include <trm/task.h>
#include <trm/trm.h>

#include "base/text/options.h"

/* Exit codes, as the man pages give them. CLI_CONTINUE is no exit code: the caller goes on. */
enum { CLI_CONTINUE = -1, CLI_OK = 0, CLI_UNSOLVED = 1, CLI_USAGE = 2, CLI_INPUT = 3, CLI_FAULT = 4 };

#define CLI_TABLES 4
typedef struct cli_table {
  const trm_option *items;
  size_t count;
  void *config;
} cli_table;

typedef struct cli_command cli_command;
struct cli_command {
  const char *name;        /* "solve", "data make" */
  const char *synopsis;    /* what follows the name: "MODEL DATA [options]" */
  const char *summary;     /* one line, no full stop */
  const char *description; /* paragraphs, separated by an empty line */
  const char *examples;    /* lines */
  const char *usual; /* options that --help has room for, names between spaces; NULL: all. --help=all has all of them */
  const char *exits; /* lines "code\tmeaning" beside the common ones, or NULL */
  size_t (*tables)(cli_table tables[CLI_TABLES]);
  int (*run)(const cli_command *self, int argc, char **argv); /* argv[0]: the first argument after the name */
};

/* cmd_*.c; their table is in commands.h. */
extern const cli_command cli_data_make, cli_data_import, cli_data_info, cli_data_check, cli_data_show, cli_data_export,
    cli_data_augment, cli_data_arc, cli_train, cli_eval, cli_adapt, cli_solve, cli_explain, cli_sudoku_new,
    cli_sudoku_check, cli_sudoku_hint, cli_sudoku_rate, cli_info, cli_quantize, cli_convert, cli_import, cli_export,
    cli_runs_command, cli_plot, cli_serve, cli_mcp, cli_action_list, cli_action_call, cli_workflow_run,
    cli_workflow_show, cli_check, cli_doctor;

/* -- options that several commands have ---------------------------------------------------------------------------- */

/* Of an entry in a command's table: where its field is in the command's `opt`. */
#define FIELD(name) .offset = offsetof(__typeof__(opt), name)

#define CLI_DEVICE 64 /* bytes of a device's name */

/* Entries for fields of these names. The arguments are what a command says in its own way: .help, and .group where one
 * begins. */
#define CLI_JSON_OPTION(...)                                                                                           \
  { .name = "json", .type = TRM_OPT_BOOL, FIELD(json), __VA_ARGS__ }
#define CLI_QUIET_OPTION                                                                                               \
  { .name = "quiet", .type = TRM_OPT_BOOL, FIELD(quiet), .help = "no progress on standard error" }
#define CLI_VERBOSE_OPTION                                                                                             \
  {                                                                                                                    \
    .name = "verbose", .type = TRM_OPT_BOOL, FIELD(verbose),                                                           \
    .help = "-v: say which values of the model's own are in force, and where each comes from"                          \
  }
#define CLI_COLOR_OPTION                                                                                               \
  {                                                                                                                    \
    .name = "color", .type = TRM_OPT_ENUM, FIELD(color), .default_text = "auto", .choices = "auto|always|never",       \
    .help = "colours; auto: on a terminal, unless NO_COLOR is set", .synonyms = "colour"                               \
  }
#define CLI_THREADS_OPTION(...)                                                                                        \
  { .name = "threads", .type = TRM_OPT_INT, FIELD(threads), .default_text = "0", .min = 0, .max = 1024, __VA_ARGS__ }
#define CLI_DEVICE_OPTION                                                                                              \
  {                                                                                                                    \
    .name = "device", .type = TRM_OPT_STRING, FIELD(device), .size = sizeof opt.device, .metavar = "NAME",             \
    .help =                                                                                                            \
        "what computes: cpu, cuda or cuda:N (the card's number); cuda with options behind commas: check (wait after "  \
        "every kernel, to find the one that fails), and to compare kernels sm80 (none for newer cards), separate "     \
        "(none of whole recursion cycles), unfused (none of whole mixers), chunk=MIB (intermediates of a block); "     \
        "default: TRM_DEVICE, else cpu"                                                                                \
  }
#define CLI_OUT_OPTION(...)                                                                                            \
  { .name = "out", .type = TRM_OPT_STRING, FIELD(out), .size = sizeof opt.out, .metavar = "FILE", __VA_ARGS__ }
#define CLI_SPLIT_OPTION(...)                                                                                          \
  {                                                                                                                    \
    .name = "split", .type = TRM_OPT_STRING, FIELD(split), .size = sizeof opt.split, .default_text = "test",           \
    .metavar = "NAME", .help = "part of a dataset directory to use: test or train", __VA_ARGS__                        \
  }
#define CLI_LIMIT_OPTION                                                                                               \
  {                                                                                                                    \
    .name = "limit", .type = TRM_OPT_INT, FIELD(limit), .default_text = "0", .min = 0, .max = 1e15,                    \
    .help = "only the first N puzzles; 0: all"                                                                         \
  }

/* -- arguments (arguments.c) --------------------------------------------------------------------------------------- */

typedef struct cli_given {
  const trm_option *option;
  const cli_table *table;
  const char *text; /* its value as it was typed; NULL: a flag */
} cli_given;

/* What parsing found; lists have room for all arguments. */
typedef struct cli_arguments {
  cli_table table[CLI_TABLES];
  size_t tables;
  const char **positional;
  size_t positionals;
  cli_given *given; /* options in the order in which they were given */
  size_t givens;
} cli_arguments;

void cli_defaults(const cli_command *command);
int cli_is_given(const cli_arguments *arguments, const char *name); /* the option of this name, either way */
/* All values that the option of this name was given, for one that may be repeated; texts has room for `givens`. */
size_t cli_texts(const cli_arguments *arguments, const char *name, const char **texts);
/* Sets the options of the command's tables. -h and --help print the help. Returns CLI_CONTINUE or an exit code. */
int cli_parse(const cli_command *command, int argc, char **argv, cli_arguments *arguments);
void cli_arguments_free(cli_arguments *arguments);
/* CLI_CONTINUE when between least and most positional arguments were given. names: for the message. */
int cli_expect(const cli_command *command, const cli_arguments *arguments, size_t least, size_t most,
               const char *names);

/* -- help (ui/help.c) ---------------------------------------------------------------------------------------------- */

/* One screen; with all the description and every option. (ui/help.c) */
void cli_print_help(const cli_command *command, int all, FILE *file);
/* Words of text from column 0 on, wrapped; an empty line stays. */
void cli_print_wrapped(FILE *file, const char *text, size_t columns);

/* -- paths (paths.c) ----------------------------------------------------------------------------------------------- */

/* What a path seems to name. MODEL: a model file or a run directory. */
typedef enum { CLI_PATH_NONE, CLI_PATH_MODEL, CLI_PATH_DATASET, CLI_PATH_TEXT, CLI_PATH_OTHER } cli_path_kind;
cli_path_kind cli_path_look(const char *path);

/* Says of data whose task was guessed when puzzles of no known shape were taken for a square. width: what the user said
 * of it; 0: nothing. (paths.c) */
void cli_note_shape(const trm_task *task, int64_t width);

/* -- messages (ui/output.c) ---------------------------------------------------------------------------------------- */

/* The one place that says how a program ends: a command that a signal stopped gives CLI_UNSOLVED, what it was asked for
 * is not there. (trm train was asked to save, and gives CLI_OK.) */
int cli_exit_code(trm_status status);
/* "trm NAME: where: message" on standard error, one line; returns the exit code of the status. */
int cli_error(const cli_command *command, const trm_error *error);
/* The same from words; returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_bad_input(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* no prefix */
/* A note on what is about to happen. It appears before the next line of the library's log that is no warning, as that
 * tells that nothing was refused; when something is, it never appears. (runtime.c) */
void cli_note_ahead(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes standard output. Returns code, or CLI_FAULT with a message when anything written there was lost. */
int cli_finish(int code);
int cli_stdout_broken(void); /* 1: nobody reads any more */

/* 1: it may be coloured. --color decides; auto stands for a terminal, with NO_COLOR and TERM=dumb respected. */
int cli_color(FILE *file);
enum { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };
void cli_set_color(int when);
int cli_is_terminal(FILE *file); /* where the cursor can be moved */
int cli_columns(FILE *file);
int cli_rows(FILE *file);
int cli_utf8(void); /* 1: the terminal shows UTF-8, as far as the environment says */

/* One line that is rewritten on a terminal, and otherwise a line every few seconds; always on standard error. */
typedef struct cli_progress {
  int live, quiet;
  int shown; /* columns of the line on the screen */
  double last, every;
} cli_progress;
cli_progress cli_progress_open(int quiet);
int cli_progress_due(const cli_progress *progress);
void cli_progress_show(cli_progress *progress, const char *line);
/* The same behind a bar, where there is room for one. */
void cli_progress_bar(cli_progress *progress, double fraction, const char *text);
void cli_progress_clear(cli_progress *progress);
/* A trm_progress_fn over a cli_progress. */
int cli_progress_fraction(void *progress, double fraction, const char *what);

const char *cli_duration(double seconds, char text[32]);  /* "3:12", "1:02:33" */
const char *cli_thousands(int64_t number, char text[32]); /* "5,028,866" */
const char *cli_percent(double fraction, char text[32]);  /* "97.1 %", "-" for NaN */
const char *cli_bytes(double bytes, char text[32]);       /* "20.1 MB" */

/* Control characters replaced, in place: what a file says must not command the terminal. Returns text. */
char *cli_plain(char *text);

json_t *cli_real(double number); /* null when not finite */
/* A path, or other text of a file or the system; what is not UTF-8 is shown with ? for what is not ASCII. */
json_t *cli_path(const char *path);
void cli_json_print(json_t *value, int one_line); /* to standard output; value is released */

/* The paragraph about FILE in the descriptions of commands that have CLI_OUT_OPTION. */
#define CLI_OUT_NOTE                                                                                                   \
  "\n\nFILE is written whole or not at all. When it is a link, the file that the link names is written, and created "  \
  "where it is absent. Devices, pipes and /dev/stdout are written to as they are, and cannot be taken back."

/* -- environment (environment.c) ----------------------------------------------------------------------------------- */

typedef struct cli_variable {
  const char *name, *meaning;
} cli_variable;
const cli_variable *cli_variables(size_t *count); /* all that the program obeys; static */
/* The value of one of them; NULL when it is not set, or empty. */
const char *cli_environment(const char *name);
/* 1: this process was started as a rank, by mpirun or the like. */
int cli_is_rank(void);
/* The same of a variable that stands for an option, TRM_POOL_SIZE for --pool-size; they are in no table. */
const char *cli_environment_option(const char *name);

/* -- files to write (outputs.c) ------------------------------------------------------------------------------------ */

/* Whether a file may be written at path; told before the work, and for a file that exists only with force.
 * CLI_CONTINUE or an exit code. */
int cli_may_write(const cli_command *command, const char *path, int force);
/* The same for a file that option names and that must not be standard output, which has the results. */
int cli_may_write_beside(const cli_command *command, const char *option, const char *path, int force);
int cli_is_stdout(const char *path);      /* 1: what is written there goes to standard output */
void cli_print_written(const char *path); /* its name as a line, unless it went to standard output itself */

/* -- the machine (runtime.c) --------------------------------------------------------------------------------------- */

/* A runtime on the device ("": TRM_DEVICE, else the CPU) with threads (0: TRM_THREADS, else all) and TRM_ISA. quiet: of
 * its log only warnings are shown. CLI_CONTINUE or an exit code. */
int cli_runtime_open(const cli_command *command, trm_runtime **runtime, const char *device, int64_t threads, int quiet);
/* threads, or TRM_THREADS where that is 0. */
int cli_threads(const cli_command *command, int64_t threads, int64_t *out);

/* -- other programs (become.c) ------------------------------------------------------------------------------------- */

/* Becomes "NAME ARGUMENTS --folders FOLDERS", FOLDERS where models are. where_built: what a build needs to have it, for
 * the message. Returns only when that fails, an exit code. */
int cli_become(const cli_command *command, const char *name, int argc, char **argv, const char *where_built);

/* -- signals (signals.c) ------------------------------------------------------------------------------------------- */

/* SIGINT and SIGTERM set this; a second one ends the program at once. */
void cli_catch_signals(void);
int cli_interrupted(void);
int cli_signal_descriptor(void); /* readable from then on, for poll; -1: none */

/* -- memory (ui/output.c) ------------------------------------------------------------------------------------------ */

void *cli_alloc(size_t count, size_t size); /* zeroed; ends the program with CLI_FAULT without memory */
void *cli_grow(void *p, size_t count, size_t size);
char *cli_copy_text(const char *text, size_t length);

#endif
