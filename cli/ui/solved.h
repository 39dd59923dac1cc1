/* What became of a puzzle, as a grid, as a line or as JSON, with every supervision step on request. */
#ifndef TRM_CLI_UI_SOLVED_H
#define TRM_CLI_UI_SOLVED_H

#include <trm/solve.h>

#include "cli/cli.h"
#include "cli/ui/explain.h"

/* What is meant by a confidence, said wherever one is shown: all are of the one scale from 0 to 100 %. */
#define CLI_CONFIDENCE "how sure the network is"

/* One puzzle with what became of it. */
typedef struct cli_solved {
  const int32_t *question, *answer;
  const int32_t *right; /* [S] the answer that the data has, whatever the rules say of it; NULL: none */
  const char *where;
  size_t number;
  trm_solution solution;
  trm_task_verdict judged;
  trm_task_solutions solutions; /* counted within a bound, without looking at the answer */
  int solved;                   /* 1: as the exit code has it */
  int level;                    /* trm_search_level of the search in force; A: none */
  const char *model;            /* of several that vote, the one whose answer it is; NULL: there is but one */
} cli_solved;

/* What can be said of an answer. Whether there is the one right answer is asked before whether it was found. */
typedef enum cli_verdict {
  CLI_CORRECT,
  CLI_WRONG,
  CLI_NO_SOLUTION,
  CLI_SEVERAL_SOLUTIONS, /* of a puzzle that should have one */
  CLI_UNCHECKED          /* no rules are known */
} cli_verdict;
cli_verdict cli_solved_verdict(const cli_solved *solved);
/* The same as a sentence: "wrong: 3 cells conflict in row 4". Returns text. */
#define CLI_SENTENCE 300
const char *cli_solved_sentence(const trm_task *task, const cli_solved *solved, char text[CLI_SENTENCE]);

/* Cells of the answer that are not as the data has them; -1: it has none. */
int64_t cli_solved_differs(const cli_solved *solved, size_t S);

/* How all of them are shown. */
typedef struct cli_show {
  const trm_task *task;
  size_t S;
  const cli_trace *trace; /* of the puzzle; NULL: no steps are shown */
  int all;                /* 1: steps without change too */
  int animated;           /* 1: the steps have been seen, so the last is enough */
  int verbose;            /* 1: the network's own numbers */
  double halt_threshold;
  const char *recursion; /* for JSON */
  json_t *model;         /* the path of an installed one that was taken, for JSON; NULL: the user named it */
} cli_show;

/* alone: 1 when there is no other puzzle, which is shown as a grid. */
void cli_solved_print(const cli_show *show, const cli_solved *solved, int alone);
/* solved_json.c: the puzzle as an object in a line; the fields that say what is known of the answer, and of the
 * puzzle's answers, in any object. */
void cli_solved_print_json(const cli_show *show, const cli_solved *solved);
void cli_solved_add_verdict(json_t *object, const cli_solved *solved);

#endif
