/* The two clocks of clock.h as seconds in a double: exact to a microsecond for as long as anybody runs. */
#include "base/clock.h"

#include <time.h>
#include <trm/trm.h>

static double clock_seconds(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double trm__clock(void) {
  return clock_seconds(CLOCK_MONOTONIC);
}

double trm_clock(void) {
  return trm__clock();
}

double trm__wall_clock(void) {
  return clock_seconds(CLOCK_REALTIME);
}
