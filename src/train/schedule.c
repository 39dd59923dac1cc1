/* Linear warm-up, then cosine decay to a final ratio. */
#include "train/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double trm__schedule(int64_t t, int64_t warmup, int64_t total, double min_ratio) {
  if (t < warmup) return (double)t / (double)warmup;
  if (total <= warmup) return 1; /* the run ends before the decay begins */
  double progress = (double)(t - warmup) / (double)(total - warmup);
  if (progress > 1) progress = 1;
  return min_ratio + (1 - min_ratio) * (1 + cos(pi * progress)) / 2;
}
