/* A dataset in memory: the arrays of one split, whatever file they came from. */
#ifndef TRM_DATA_DATASET_H
#define TRM_DATA_DATASET_H

#include <jansson.h>
#include <trm/data.h>

struct trm_dataset {
  trm_dataset_info info;
  int32_t pad_id, ignore_label_id, blank_identifier_id; /* ignore_label_id INT32_MIN: no label is ignored */
  uint8_t *inputs;                                      /* [examples][seq_len] when narrow, else NULL */
  uint8_t *labels;
  int32_t *inputs32;        /* [examples][seq_len] when a token is over 255 */
  int32_t *labels32;        /* labels equal to ignore_label_id read as -100 */
  int32_t *identifiers;     /* [puzzles] */
  int64_t *puzzle_indices;  /* [puzzles + 1]: examples of puzzle p are [p], [p+1] */
  int64_t *group_indices;   /* [groups + 1]: puzzles of group g */
  double *ratings;          /* [examples] or NULL */
  json_t *identifier_names; /* [identifiers] texts from "<blank>" on; NULL: they have none but their numbers */
  int32_t *group_names;     /* [examples] of a text file: equal numbers belong together, 0 to no other; or NULL */
};

#define TRM__EXAMPLES_LIMIT INT32_MAX

/* A dataset whose inputs and labels (uint8) the caller fills: every example is its own puzzle with identifier 0, and
 * group_size puzzles after each other are one group (the last may be smaller). pad_id and ignore_label_id are 0, as in
 * the original's Sudoku and Maze sets. rating_name NULL: no ratings. */
trm_status trm__dataset_new(trm_dataset **out, const trm_task *task, int64_t examples, int64_t group_size,
                            const char *rating_name, trm_error *err);

/* The same around arrays [examples][seq_len] and ratings [examples] (or NULL) from base/mem.h, which the dataset owns
 * on success. */
trm_status trm__dataset_adopt(trm_dataset **out, const trm_task *task, int64_t examples, int64_t group_size,
                              uint8_t *inputs, uint8_t *labels, double *ratings, const char *rating_name,
                              trm_error *err);

/* What a model or a run takes; `whose` names it in errors ("model.safetensors"). */
typedef struct trm__dataset_fit {
  int64_t seq_len, vocab_size;
  int64_t identifiers;  /* rows of the puzzle embedding; 0: none, any identifier will do */
  const char *alphabet; /* "": any */
  const char *whose;
} trm__dataset_fit;

/* TRM_E_INPUT, naming where, when the puzzles are not of that kind. The one check behind evaluation and validation. */
trm_status trm__dataset_check_fit(const trm_dataset *dataset, const trm__dataset_fit *fit, const char *where,
                                  trm_error *err);

#endif
