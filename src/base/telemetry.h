/* Handing telemetry events to their handlers (include/trm/telemetry.h). Who has something to tell asks first, which
 * costs one load and a branch while nobody listens:
 *     if (trm__telemetry_wants(TRM__EVENT_EARLY_HALT)) trm__telemetry_emit(TRM__EVENT_EARLY_HALT, trm__clock(),
 * values);
 */
#ifndef TRM_BASE_TELEMETRY_H
#define TRM_BASE_TELEMETRY_H

#include <stdatomic.h>

#include "base/event.h"

/* Bit i: a handler is attached to the event i. Read without order: a handler hears what begins after attach returned,
 * as far as the two threads know of each other. */
extern atomic_uint trm__telemetry_wanted;

static inline int trm__telemetry_wants(trm__event_id id) {
  return (atomic_load_explicit(&trm__telemetry_wanted, memory_order_relaxed) >> id & 1u) != 0;
}

static inline int trm__telemetry_wants_any(void) {
  return atomic_load_explicit(&trm__telemetry_wanted, memory_order_relaxed) != 0;
}

/* value: one for each field of the event, in the table's order. clock: trm__clock() now. */
void trm__telemetry_emit(trm__event_id id, double clock, const trm_event_value *value);

#endif
