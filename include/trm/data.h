/* Datasets: opening, importing, making and checking them. What their tokens mean is a task (trm/task.h). A dataset on
 * disk is the original implementation's directory (train/ and test/ with .npy arrays and dataset.json) plus task.json,
 * which says what the tokens mean; where task.json is absent it is inferred from shapes. */
#ifndef TRM_DATA_H
#define TRM_DATA_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>
#include <trm/options.h>
#include <trm/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- datasets ---------------------------------------------------------------------------------------------------- */

typedef struct trm_dataset trm_dataset;

#define TRM_NOTES 800 /* bytes */

typedef struct trm_dataset_info {
  int64_t examples, puzzles, groups, identifiers;
  int64_t seq_len, vocab_size;
  trm_task task;
  int has_ratings;       /* files with a column of ratings, of which at least one is a number */
  char rating_name[32];  /* "rating" or "guesses" */
  char notes[TRM_NOTES]; /* what its reader took for what, or left out: a sentence a line, mostly none. Show them */
} trm_dataset_info;

/* path: a dataset directory (split "train" or "test") or a text file of any name, CSV or JSON by its content (split
 * ignored; docs/files.md says what is read), read as the task, or with a task inferred when NULL. Of the split, the
 * shapes of all arrays, their offsets and the range of every token, label and identifier are checked, and that
 * task.json, identifiers.json and the arrays agree; of a text file every row's length and symbols. Whether the puzzles
 * are sound is trm_data_check's question; ratings are taken as they are. */
trm_status trm_dataset_open(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                            trm_error *err);
/* 1 when trm_dataset_open reads the path as a text file: it is no directory. */
int trm_dataset_is_text_file(const char *path);
void trm_dataset_close(trm_dataset **dataset); /* accepts NULL; clears the pointer */
trm_dataset_info trm_dataset_describe(const trm_dataset *dataset);
/* Example i: inputs and labels [seq_len], labels -100 where not scored. NULL outputs are skipped. */
void trm_dataset_example(const trm_dataset *dataset, int64_t i, int32_t *inputs, int32_t *labels, int32_t *identifier,
                         double *rating);

/* -- texts --------------------------------------------------------------------------------------------------------- */

/* What is known of puzzles before a model is chosen for them. */
typedef struct trm_puzzle_kind {
  size_t cells;   /* 0: not known */
  int vocab_size; /* tokens; 0: not known */
  trm_task task;  /* what reads them; width 0: not known */
} trm_puzzle_kind;

/* Of the puzzle in a text: cells and, where its text tells, task. Where it is nearly one of a known size that is taken,
 * and err says what is wrong with it. */
trm_puzzle_kind trm_text_kind(const char *text, size_t length, trm_error *err);

/* 1: who knows this task can read such puzzles. Where only their number of cells is known they are not of a kind with
 * puzzles of all sizes, whose texts tell what they are. */
int trm_puzzle_kind_fits(const trm_puzzle_kind *kind, const trm_task *task);

/* -- making, importing, checking: each writes a whole directory or nothing ----------------------------------------- */

/* progress: fraction in 0..1 and a short text; returning non-zero stops with TRM_E_STOPPED. */
typedef int (*trm_progress_fn)(void *context, double fraction, const char *what);

typedef struct trm_make_config {
  uint32_t size;       /* set by trm_make_config_default() */
  char out[1024];      /* directory to write: absent or empty; links are followed */
  int64_t side;        /* of the grid: Sudoku 4, 6, 9, 16, mazes 4 to 64; the option is called size */
  int64_t train, test; /* puzzles; no test puzzle is equivalent to a training puzzle */
  int64_t min_clues, max_clues;
  int64_t min_guesses, max_guesses;
  int minimal;     /* 1: no clue can be removed */
  int64_t augment; /* augmented copies of each training puzzle written into the set */
  int64_t seed, threads;
  char task[32];                        /* the kind: "sudoku" or "maze" */
  int64_t min_path, min_side, max_side; /* as in trm_wanted */
} trm_make_config;
const trm_option *trm_make_options(size_t *count);
trm_make_config trm_make_config_default(void);
trm_status trm_data_make(const trm_make_config *config, trm_progress_fn progress, void *context, trm_error *err);

typedef struct trm_import_config {
  uint32_t size;               /* set by trm_import_config_default() */
  char input[1024], out[1024]; /* text file -> directory, absent or empty */
  char test_input[1024];       /* a second file for the test split; "" : take test_fraction */
  double test_fraction;
  char alphabet[256]; /* "" : inferred */
  int64_t width;      /* symbols of a row; 0: inferred */
  int64_t augment, seed;
  int64_t limit;                               /* 0: all */
  char question_column[64], answer_column[64]; /* "": the usual names */
  int64_t height;       /* rows of the grid; 0: inferred. With pad and width: smaller puzzles stand in its upper left */
  char pad[8];          /* the symbol right of and below a smaller puzzle; "": all puzzles have one size */
  char symmetries[204]; /* as in trm_task; also what makes two puzzles the same */
  char judge[256];      /* as in trm_task; it is run and asked about all answers */
  double judge_seconds; /* for one of them */
  char group_column[64], identifier_column[64]; /* "": the usual names; "-": none */
} trm_import_config;
const trm_option *trm_import_options(size_t *count);
trm_import_config trm_import_config_default(void);
/* notes: what trm_dataset_info calls so, of the files that were read; NULL: not wanted. Height, pad, symmetries and
 * judge are for tasks that trm does not know. TRM_E_INPUT also when the judge fails or takes an answer for wrong. */
trm_status trm_data_import(const trm_import_config *config, char notes[TRM_NOTES], trm_progress_fn progress,
                           void *context, trm_error *err);

/* Writes the examples as CSV: question, answer and, where it has them, the rating. path names the dataset in errors.
 * out is written whole or not at all. */
trm_status trm_data_export(const trm_dataset *dataset, const char *path, const char *out, trm_error *err);

typedef struct trm_augment_config {
  uint32_t size;               /* set by trm_augment_config_default() */
  char input[1024], out[1024]; /* dataset directory or text file -> directory, absent or empty */
  int64_t copies;              /* images of each training example, all different; the test split stays as it is */
  int64_t seed;
} trm_augment_config;
const trm_option *trm_augment_options(size_t *count); /* all but input */
trm_augment_config trm_augment_config_default(void);
/* notes: when there were fewer different images than asked for; NULL: not wanted. */
trm_status trm_data_augment(const trm_augment_config *config, char notes[TRM_NOTES], trm_progress_fn progress,
                            void *context, trm_error *err);

/* ARC tasks, from the JSON in which they are published, as the original's dataset: each task with its images under
 * exchanged colours and turns, each of them a puzzle of its own identifier, whose names are in identifiers.json; the
 * tasks whose tests are evaluated in test_puzzles.json. Memory does not depend on the examples: the tasks' grids, 11
 * bytes an image that is asked for, 24 a puzzle. Same seed, same bytes, with any number of threads. */
typedef struct trm_arc_config {
  uint32_t size;   /* set by trm_arc_config_default() */
  char out[1024];  /* directory to write: absent or empty */
  int64_t augment; /* images of each task, all different, from at most 5 times as many tries */
  int64_t side;    /* of the square that grids are placed in: 30; tasks with a larger grid are left out */
  int64_t limit;   /* only the first so many tasks of each list, of those that fit; 0: all */
  int64_t seed, threads;
  int translate; /* 1: in the training split all pairs of a puzzle but one are moved to a random place */
  /* Files of tasks or of challenges, or folders of files with a task each (docs/arc.md). Of train all pairs are trained
   * on; of test the demonstrations are, and the tests make the test split. */
  const char *const *train, *const *test;
  size_t trains, tests;
} trm_arc_config;
const trm_option *trm_arc_options(size_t *count); /* all but the lists */
trm_arc_config trm_arc_config_default(void);

typedef struct trm_arc_report {
  int64_t tasks, evaluated; /* in the dataset; of these with tests in the test split */
  int64_t left_out;         /* with a grid larger than the square */
  int64_t lacking;          /* with fewer images than asked for, as there are no more, or none was found */
  int64_t unknown;          /* tests without a known answer: not trained on, and not scored */
  int64_t shared;           /* training pairs that are an image of a test pair */
  char first_shared[256];   /* the task of the first one; "" */
  int64_t identifiers, train_examples, test_examples;
  uint64_t memory_bytes, disk_bytes; /* planned: the most that is held at once; of all files */
} trm_arc_report;
/* planned: NULL, or called with the report before anything is written; any answer but 0 stops with TRM_E_STOPPED. */
typedef int (*trm_arc_planned_fn)(void *context, const trm_arc_report *report);
trm_status trm_data_arc(const trm_arc_config *config, trm_arc_report *report, trm_arc_planned_fn planned,
                        trm_progress_fn progress, void *context, trm_error *err);

typedef struct trm_check_report {
  int64_t examples, puzzles, groups;
  int64_t bad_questions, bad_answers; /* contradict the rules, or answers that change clues */
  int64_t not_unique;                 /* questions with more than one solution, of kinds that want one (Sudoku) */
  int64_t undecided;                  /* questions of which the exact solver gave up before it knew (Sudoku) */
  int64_t duplicates;                 /* equivalent puzzles inside one split */
  int64_t shared;                     /* puzzles equivalent to one of the other split */
  double mean_guesses;                /* of the exact solver, Sudoku that it solved; NaN without */
  double mean_rating;                 /* of the file's own ratings, whoever measured them; NaN without */
  char first_problem[256];
  int64_t unjudged;      /* answers that nobody judged, because trm knows no rules of their task */
  const char *rules;     /* what the others were judged by, as trm_task_rules says it; NULL: no rules known */
  int64_t conflicts;     /* questions that stood before with another answer */
  int single;            /* 1: not_unique was looked for; 0: several solutions are no mistake, or nobody knows */
  char notes[TRM_NOTES]; /* as in trm_dataset_info, of all splits */
} trm_check_report;
trm_status trm_data_check(const char *path, trm_check_report *report, trm_progress_fn progress, void *context,
                          trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
