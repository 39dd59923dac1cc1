/* Tasks inside the library: their JSON form (task.json of a dataset, trm.task of a model file) and inference from
 * shapes.
 *
 * {"kind": "sudoku", "width": 9, "height": 9, "box_width": 3, "box_height": 3, "vocab_size": 11,
 *  "alphabet": ".123456789"}
 * kind is the name of a row of the table of kinds. alphabet is printable ASCII without repetition, of vocab_size - 1
 * symbols, or empty when the tokens have no symbols. A generic task may have what its owner declares: "pad", a token,
 * "symmetries" (generic/symmetry.h) and "judge", a command that is only a name here: nothing that reads a file runs it.
 * Other keys are ignored. */
#ifndef TRM_TASK_TASK_H
#define TRM_TASK_TASK_H

#include <jansson.h>
#include <trm/task.h>

#define TRM__SEQ_LIMIT 65536   /* tokens of a puzzle */
#define TRM__VOCAB_LIMIT 65536 /* tokens of a vocabulary */

json_t *trm__task_to_json(const trm_task *task); /* an owned reference; NULL without memory */
/* *out is written only on success. where names the file or metadata key in errors. */
trm_status trm__task_from_json(trm_task *out, const json_t *json, const char *where, trm_error *err);

/* The task that these shapes suggest: 81 and 11 is Sudoku, 900 and 6 a maze, 900 and 12 ARC; otherwise generic, square
 * when the length is a square, with the symbols 0-9A-Za-z when they suffice. Never fails for sizes within the limits.
 */
trm_task trm__task_infer(int64_t seq_len, int64_t vocab_size);
/* 1 when they suggest a task of this kind; vocab_size 0: any. *task is written in any case. */
int trm__task_infer_as(trm_task *task, trm_task_kind kind, int64_t seq_len, int64_t vocab_size);

/* A generic task. alphabet may be "". width 0: square when seq_len is a square, else one row. */
trm_task trm__task_generic(int64_t seq_len, int64_t width, int64_t vocab_size, const char *alphabet);
trm_task trm__task_arc(void);          /* 30 x 30 */
trm_task trm__task_arc_side(int side); /* 1 to 30 */

/* TRM_E_INPUT naming the field when the task is inconsistent. */
trm_status trm__task_check(const trm_task *task, const char *where, trm_error *err);

/* map[byte]: the token of a symbol or, with numbers set, of a number; -1: none. Other notations count, such as Sudoku's
 * for a blank. answer: 1 for cells of answers, which may not be blank. */
void trm__task_symbols(const trm_task *task, int numbers, int answer, int16_t map[256]);
/* What a cell may hold, for messages: "1-9 or a blank (. 0 _ * x -)". answer: 1 for a cell of an answer. */
void trm__task_expected(const trm_task *task, int answer, char *text, size_t size);

#endif
