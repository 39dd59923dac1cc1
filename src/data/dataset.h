/* A dataset in memory: the arrays of one split, whatever file they came from. */
#ifndef TRM_DATA_DATASET_H
#define TRM_DATA_DATASET_H

#include <trm/data.h>

struct trm_dataset {
  trm_dataset_info info;
  int32_t pad_id, ignore_label_id, blank_identifier_id;
  uint8_t *inputs;           /* [examples][seq_len] when narrow, else NULL */
  uint8_t *labels;
  int32_t *inputs32;         /* [examples][seq_len] when a token is over 255 */
  int32_t *labels32;         /* labels equal to ignore_label_id read as -100 */
  int32_t *identifiers;      /* [puzzles] */
  int64_t *puzzle_indices;   /* [puzzles + 1]: examples of puzzle p are [p], [p+1] */
  int64_t *group_indices;    /* [groups + 1]: puzzles of group g */
  double *ratings;           /* [examples] or NULL */
};

#endif
