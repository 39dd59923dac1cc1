/* The dataset directory, as the original implementation writes it, with two files of ours:
 *   identifiers.json                      names of the puzzle identifiers, ["<blank>"] when there are none
 *   task.json                             ours, optional: what the tokens mean (task/task.h), and "rating_name"
 *   {train,test}/dataset.json             pad_id, ignore_label_id (or null), blank_identifier_id, vocab_size, seq_len,
 *                                         num_puzzle_identifiers, total_groups, mean_puzzle_examples, total_puzzles
 *                                         (optional), sets
 *   {train,test}/SET__inputs.npy          [examples][seq_len], any integer type; likewise SET__labels.npy
 *   {train,test}/SET__puzzle_identifiers.npy [puzzles]
 *   {train,test}/SET__puzzle_indices.npy  [puzzles + 1], first example of each puzzle
 *   {train,test}/SET__group_indices.npy   [groups + 1], first puzzle of each group
 *   {train,test}/SET__ratings.npy         ours, optional: [examples] float64
 * Several sets are read as one after the other; we write one, "all". Limits: an array 8 GiB, 2^31 - 1 examples, 65536
 * tokens a puzzle. */
#ifndef TRM_DATA_FORMAT_DATASET_DIR_H
#define TRM_DATA_FORMAT_DATASET_DIR_H

#include "base/os/file.h"
#include "data/dataset.h"

/* One split. task NULL: from task.json, or inferred from shapes. Everything is checked before *out is written. */
trm_status trm__dataset_read(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                             trm_error *err);

/* Writes the directory out, whole or not at all: under a temporary name beside it, synced, then renamed. Either split
 * may be NULL. TRM_E_USAGE when out exists and is not an empty directory. */
trm_status trm__dataset_write(const char *out, const trm_dataset *train, const trm_dataset *test, trm_error *err);
/* The same of a folder that fill fills, for what does not fit into memory. */
typedef trm_status (*trm__dataset_filler)(void *context, const char *folder, trm_error *err);
trm_status trm__dataset_fill(const char *out, trm__dataset_filler fill, void *context, trm_error *err);

/* A split whose tokens are written as they come. Of the dataset begin uses info, whose examples must then be added in
 * order, uint8 or, when wide, int32; end uses all but the tokens. After a failure of add only abort is allowed; begin
 * and end need none. */
typedef struct trm__split_writer {
  char *directory;
  trm__writer *inputs, *labels;
  size_t item; /* bytes of an example's inputs */
} trm__split_writer;
trm_status trm__split_begin(trm__split_writer *w, const char *folder, const char *split, const trm_dataset *d, int wide,
                            trm_error *err);
trm_status trm__split_add(trm__split_writer *w, const void *inputs, const void *labels, int64_t examples,
                          trm_error *err);
trm_status trm__split_end(trm__split_writer *w, const trm_dataset *d, trm_error *err);
void trm__split_abort(trm__split_writer *w);

trm_status trm__dataset_save_task(const char *folder, const trm_dataset_info *info, trm_error *err); /* task.json */

/* The same refusal early, before the work of making the data; and whether a folder can be made there at all. */
trm_status trm__dataset_can_write(const char *out, trm_error *err);

#endif
