/* Time. Durations come from the monotonic clock, so a step of the wall clock changes nothing. */
#ifndef TRM_BASE_CLOCK_H
#define TRM_BASE_CLOCK_H

double trm__clock(void);      /* seconds, monotonic */
double trm__wall_clock(void); /* seconds since 1970, for records that people read */

#endif
