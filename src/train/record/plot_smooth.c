/* Means of what is measured on single updates. The window is centred, so that a curve is not drawn later than it was,
 * and shrinks towards both ends, so that a steep beginning is not flattened by what came after it. */
#include <math.h>

#include "train/record/plot.h"

void trm__plot_smooth(const double *step, const double *value, size_t n, double reach, double *smooth) {
  size_t from = 0, to = 0, count = 0, first = 0, last = n;
  double sum = 0;
  while (first < n && !isfinite(value[first])) first++;
  while (last > first && !isfinite(value[last - 1])) last--;
  for (size_t i = 0; i < n; i++) {
    smooth[i] = (double)NAN;
    if (!isfinite(value[i])) continue;
    double window = fmax(0, fmin(reach, fmin(step[i] - step[first], step[last - 1] - step[i])));
    /* Both ends only move forward: i + window and i - window never fall, as neither bound changes faster than step. */
    for (; to < n && step[to] <= step[i] + window; to++)
      if (isfinite(value[to])) sum += value[to], count++;
    for (; from < to && step[from] < step[i] - window; from++)
      if (isfinite(value[from])) sum -= value[from], count--;
    smooth[i] = count ? sum / (double)count : value[i];
  }
}
