/* What a request asks for: one puzzle, or a list of them, and how they are to be solved. The body is a JSON object
 *
 *     {"puzzle": PUZZLE, OPTIONS}                          one
 *     {"puzzles": [PUZZLE | {"puzzle": PUZZLE, "id": TEXT, OPTIONS}, ...], OPTIONS}     a list; its options are for all
 *
 * where a PUZZLE is text in any notation that `trm solve` reads, rows (of numbers or of text), or {"tokens": [...]}.
 * The options are one declaration table, from which /v1/openapi.json is made too. An error says where in the body
 * (a JSON pointer) and what is expected there.
 *
 * Which model. The one that is named, by name or id; else the one for puzzles of this kind and size that goes first
 * (trm__ask_model). A smaller maze is put into the grid of a larger one, and its answer taken out again. */
#ifndef TRM_SERVE_ASK_H
#define TRM_SERVE_ASK_H

#include <jansson.h>
#include <stdint.h>

#include "serve/config.h"
#include "serve/pool.h"

typedef struct trm__ask_options {
  trm_solver_config solver;   /* as an item of work carries it: trm__work_options */
  char model[TRM__WORK_NAME]; /* "": the one that fits */
  int64_t identifier, priority;
  int64_t number; /* by which its random numbers are named; -1: its place in the list */
  double timeout_s; /* NaN: the server's */
  int explain;      /* 1: the answer holds every step */
} trm__ask_options;

typedef struct trm__ask_item {
  trm__ask_options options;
  const json_t *puzzle; /* of the body */
  const char *id;       /* of the list's item; NULL: none */
  int is_answer;        /* 1: the puzzle is an answer to be judged, and may contradict itself */
} trm__ask_item;

typedef struct trm__ask {
  int is_list;
  size_t count;
  trm__ask_item *item;                 /* [count] */
  int async;                           /* 1: the answer is a job */
  int64_t batch_size, max_concurrency; /* groups of so many puzzles, so many groups at once */
} trm__ask;

/* What is wrong with a body, and where: "/puzzles/3/level". */
typedef struct trm__ask_fault {
  char pointer[256], detail[1200];
} trm__ask_fault;

const trm_option *trm__ask_item_options(size_t *count);    /* of trm__ask_options, beside trm__work_options */
const trm_option *trm__ask_request_options(size_t *count); /* of trm__ask: async, batch_size, max_concurrency */

/* Reads body, which stays as long as the ask. TRM_E_INPUT with the fault, TRM_E_MEMORY. */
trm_status trm__ask_read(trm__ask *ask, const json_t *body, const trm__serve_config *config, trm__ask_fault *fault);
void trm__ask_clear(trm__ask *ask);

/* One puzzle with its options, for requests that take no list; other keys are the caller's, names ends with NULL. */
trm_status trm__ask_read_one(trm__ask_item *item, const json_t *body, const char *const *names,
                             const trm__serve_config *config, trm__ask_fault *fault);

/* Who solves a puzzle: what is to be known of the model after engines have come and gone. */
typedef struct trm__ask_solver {
  char name[TRM__WORK_NAME], id[13], recursion[24];
  trm_task task;
  int64_t cells;
} trm__ask_solver;

/* A puzzle as tokens. task: how it was written; tokens are in the grid of who solves it. */
typedef struct trm__ask_puzzle {
  trm_task task;
  trm__ask_solver by;
  int32_t *own;    /* [task.width * task.height] as it was written */
  int32_t *tokens; /* [by.cells] */
} trm__ask_puzzle;

/* TRM_E_INPUT: the puzzle; TRM_E_USAGE: no such model, or none for such puzzles; TRM_E_MEMORY. fault->pointer is set by
 * the caller's item when it is empty. */
trm_status trm__ask_puzzle_read(trm__ask_puzzle *puzzle, const trm__ask_item *item, const trm__work_model *models,
                                int count, trm__ask_fault *fault);
void trm__ask_puzzle_clear(trm__ask_puzzle *puzzle);

/* The item as work for the pool, whose pointers are puzzle's. now: trm_clock(). */
trm__work trm__ask_work(const trm__ask_item *item, const trm__ask_puzzle *puzzle, const trm__serve_config *config,
                        double now);

/* The loaded model of such puzzles that goes first by trm_model_is_before. NULL: none. */
const trm__work_model *trm__ask_model(const trm__work_model *models, int count, const trm_task *task);
/* 1: a goes before b by that. */
int trm__ask_model_is_before(const trm__work_model *a, const trm__work_model *b);

#endif
