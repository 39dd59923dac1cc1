/* The learning rate's shape over a run (SPEC.md, Schedule). */
#ifndef TRM_TRAIN_SCHEDULE_H
#define TRM_TRAIN_SCHEDULE_H

#include <stdint.h>

/* The factor on a base rate at update t, counted from 1: linear up to update `warmup`, then half a cosine down to
 * min_ratio at update `total`, and min_ratio from there on. min_ratio 1 is constant after the warm-up. */
double trm__schedule(int64_t t, int64_t warmup, int64_t total, double min_ratio);

#endif
