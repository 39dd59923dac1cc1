/* Writing ARC tasks and their images as a dataset folder, a few thousand examples at a time. */
#ifndef TRM_DATA_ARC_WRITE_H
#define TRM_DATA_ARC_WRITE_H

#include "data/arc/images.h"
#include "data/dataset.h"

/* Which pairs of a task are in a split: of the training split the demonstrations, and the tests that are not for
 * evaluation and have a known answer; of the test split the tests that are for evaluation. */
typedef enum trm__arc_split { TRM__ARC_TRAIN, TRM__ARC_TEST, TRM__ARC_SPLITS } trm__arc_split;

typedef struct trm__arc_writing {
  const trm__arc_tasks *tasks;
  const trm__arc_images *images;
  trm_dataset shape[TRM__ARC_SPLITS]; /* all but the tokens; examples 0: the split is not there */
  trm__pool *pool;
  uint64_t seed;
  int translate;                               /* 1: pairs of the training split are moved */
  int (*stop)(void *context, double fraction); /* as in images.h */
  void *context;
  uint8_t *tokens; /* [2][room][side * side]: inputs, labels */
  size_t room;     /* examples */
} trm__arc_writing;

/* Counts and allocates. w->tasks, images, pool and seed are set. */
trm_status trm__arc_writing_open(trm__arc_writing *w, int side, trm_error *err);
void trm__arc_writing_close(trm__arc_writing *w);
uint64_t trm__arc_writing_memory(const trm__arc_writing *w); /* bytes that are held */
/* A trm__dataset_filler; context: the writing. */
trm_status trm__arc_write(void *context, const char *folder, trm_error *err);

#endif
