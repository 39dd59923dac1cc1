/* The table of telemetry events (include/trm/telemetry.h): one row an event, which tells its name and its fields. An
 * event's values are handed on in the order of its fields. */
#ifndef TRM_BASE_EVENT_H
#define TRM_BASE_EVENT_H

#include <trm/telemetry.h>

/* The rows, in their order. */
typedef enum trm__event_id {
  TRM__EVENT_INFERENCE_START,
  TRM__EVENT_INFERENCE_STOP,
  TRM__EVENT_INFERENCE_COMPLETE,
  TRM__EVENT_SUPERVISION_STEP,
  TRM__EVENT_EARLY_HALT,
  TRM__EVENTS
} trm__event_id;

/* 1: the name begins with the segments of prefix, which may be "". */
int trm__event_matches(const char *prefix, const char *name);

#endif
