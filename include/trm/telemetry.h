/* Telemetry: named events by which the library tells what it does while it does it. A program attaches a function to
 * the events that it wants; until then no event is made and no clock is read for one. */
#ifndef TRM_TELEMETRY_H
#define TRM_TELEMETRY_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- the table of events: what each is about, described once ------------------------------------------------------- */

typedef enum trm_event_value_type {
  TRM_EVENT_INT,  /* .integer */
  TRM_EVENT_BOOL, /* .integer, 0 or 1 */
  TRM_EVENT_REAL, /* .real */
  TRM_EVENT_WORD  /* .word, one of the field's choices; a static string */
} trm_event_value_type;

/* A measurement is a number to add up or to average; metadata says what it was measured of. */
typedef enum trm_event_role { TRM_EVENT_MEASUREMENT, TRM_EVENT_METADATA } trm_event_role;

typedef struct trm_event_field {
  const char *name; /* "duration" */
  trm_event_role role;
  trm_event_value_type type;
  const char *unit;    /* "s"; NULL: none */
  const char *choices; /* TRM_EVENT_WORD: "first|second", more may come; else NULL */
  const char *meaning; /* one line, no full stop */
} trm_event_field;

typedef struct trm_event_type {
  const char *name;    /* "trm.inference.stop": segments with dots between them */
  const char *meaning; /* one line, no full stop */
  const trm_event_field *field;
  size_t fields;
} trm_event_type;

/* All events, static. Later versions append events, and fields to an event. */
const trm_event_type *trm_telemetry_events(size_t *count);

/* -- one event ----------------------------------------------------------------------------------------------------- */

typedef union trm_event_value {
  int64_t integer;
  double real;
  const char *word;
} trm_event_value;

typedef struct trm_event {
  const trm_event_type *type;
  double time;                  /* seconds since 1970, UTC; steps when the system's clock is set */
  double clock;                 /* seconds of a clock that only goes forward; its differences are durations */
  const trm_event_value *value; /* [type->fields], each of type->field[i] */
} trm_event;

/* The value of a field by its name; NULL when the event has none of that name. */
const trm_event_value *trm_event_get(const trm_event *event, const char *field);

/* Writes the event as one JSON object without a line's end: ts (RFC 3339, UTC, milliseconds), event, measurements and
 * metadata. The name of a field that has a unit ends in it: "duration_s". A real that is not finite is null. Returns
 * the length without the NUL, as snprintf does: the text is cut when it does not fit. 1,024 bytes are enough. */
int trm_event_json(const trm_event *event, char *text, size_t size);

/* -- handlers ------------------------------------------------------------------------------------------------------ */

/* Called in the thread in which the event happens, while that waits; of several in the order in which they were
 * attached. Events of different threads come at the same time. What event points to is valid during the call, but its
 * type, names and words stay. A handler may attach and detach, itself too, and may call the library, but not with the
 * solver or runtime whose event it is. */
typedef void (*trm_telemetry_fn)(void *context, const trm_event *event);

/* Calls fn(context, event) for each event from now on whose name begins with the segments of prefix: "trm.inference" is
 * for "trm.inference.stop" and would not be for "trm.inferences"; "" is for all. One pair of fn and context may be
 * attached with several prefixes; an event that several of them are for comes as often. TRM_E_USAGE for a prefix that
 * no event's name has. */
trm_status trm_telemetry_attach(const char *prefix, trm_telemetry_fn fn, void *context, trm_error *err);

/* Detaches the pair, with all its prefixes; nothing happens when it is not attached. When this returns no call of it
 * will begin, and calls that other threads had begun are over, so the context may be freed. The caller must hold no
 * lock that fn waits for. Within a handler, its own or another, those calls are not waited for (two handlers that
 * detach each other would wait for ever): then the context must stay until a detach outside of handlers has returned.
 */
void trm_telemetry_detach(trm_telemetry_fn fn, void *context);

#ifdef __cplusplus
}
#endif
#endif
