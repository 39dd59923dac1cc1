/* The table of telemetry events, and an event as JSON. Pages, man page and JSON take names, units and meanings from
 * here. To add an event: a row here, its number in event.h, and a function where it happens that emits it. */
#include "base/event.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/text/numbers.h"
#include "base/text/room.h"

/* Whose event it is: every event of the engine begins with these. */
#define EVENT_INFERENCE                                                                                                \
  {"call",        TRM_EVENT_METADATA,                                                                                  \
   TRM_EVENT_INT, NULL,                                                                                                \
   NULL,          "number of the call that solves or evaluates, counted from 1 in this process"},                      \
      {"puzzle",                                                                                                       \
       TRM_EVENT_METADATA,                                                                                             \
       TRM_EVENT_INT,                                                                                                  \
       NULL,                                                                                                           \
       NULL,                                                                                                           \
       "number of the puzzle in that call, counted from 0; with call it names an inference, or in a search those of "  \
       "its chains"},                                                                                                  \
  {                                                                                                                    \
    "action", TRM_EVENT_METADATA, TRM_EVENT_WORD, NULL, "solve|evaluate", "what the call does"                         \
  }

static const trm_event_field event_start_fields[] = {
    EVENT_INFERENCE,
    {"max_steps", TRM_EVENT_METADATA, TRM_EVENT_INT, NULL, NULL, "supervision steps that it may take"},
};

static const trm_event_field event_stop_fields[] = {
    EVENT_INFERENCE,
    {"duration", TRM_EVENT_MEASUREMENT, TRM_EVENT_REAL, "s", NULL, "time since its start"},
    {"steps", TRM_EVENT_METADATA, TRM_EVENT_INT, NULL, NULL, "supervision steps that it took"},
    {"halted", TRM_EVENT_METADATA, TRM_EVENT_BOOL, NULL, NULL, "whether something else than its step limit ended it"},
    {"outcome", TRM_EVENT_METADATA, TRM_EVENT_WORD, NULL, "done|cancelled|stopped|failed|expired",
     "done: by itself or its step limit; cancelled: this puzzle; stopped: the whole call, by a callback or a "
     "mark; failed: the whole call, by an error; expired: its deadline has passed"},
};

static const trm_event_field event_complete_fields[] = {
    EVENT_INFERENCE,
    {"supervision_steps", TRM_EVENT_MEASUREMENT, TRM_EVENT_INT, NULL, NULL, "supervision steps that it took"},
};

static const trm_event_field event_step_fields[] = {
    EVENT_INFERENCE,
    {"duration", TRM_EVENT_MEASUREMENT, TRM_EVENT_REAL, "s", NULL,
     "time of the round that computed this step, and one of each other puzzle in it"},
    {"q", TRM_EVENT_MEASUREMENT, TRM_EVENT_REAL, NULL, NULL, "halting logit after it"},
    {"step", TRM_EVENT_METADATA, TRM_EVENT_INT, NULL, NULL, "number of the step, counted from 1"},
    {"batch", TRM_EVENT_METADATA, TRM_EVENT_INT, NULL, NULL, "puzzles in that round"},
};

static const trm_event_field event_halt_fields[] = {
    EVENT_INFERENCE,
    {"saved_steps", TRM_EVENT_MEASUREMENT, TRM_EVENT_INT, NULL, NULL, "supervision steps that the limit still allowed"},
    {"q", TRM_EVENT_MEASUREMENT, TRM_EVENT_REAL, NULL, NULL, "halting logit"},
    {"steps", TRM_EVENT_METADATA, TRM_EVENT_INT, NULL, NULL, "supervision steps that it took"},
    {"threshold", TRM_EVENT_METADATA, TRM_EVENT_REAL, NULL, NULL, "what the logit must exceed to halt it"},
    {"reason", TRM_EVENT_METADATA, TRM_EVENT_WORD, NULL, "head|rules|fixed_point|hopeless",
     "head: the logit exceeds the threshold; rules: the answer keeps rules and clues; fixed_point: the state "
     "hardly changes any more; hopeless: more steps are predicted not to help"},
};

#define EVENT_ROW(name, fields, meaning)                                                                               \
  { name, meaning, fields, sizeof fields / sizeof *fields }

static const trm_event_type event_table[TRM__EVENTS] = {
    [TRM__EVENT_INFERENCE_START] = EVENT_ROW("trm.inference.start", event_start_fields, "a puzzle enters the engine"),
    [TRM__EVENT_INFERENCE_STOP] =
        EVENT_ROW("trm.inference.stop", event_stop_fields, "a puzzle leaves the engine, for whatever reason"),
    [TRM__EVENT_INFERENCE_COMPLETE] = EVENT_ROW("trm.inference.complete", event_complete_fields,
                                                "a puzzle's answer was handed over; only when its outcome is done"),
    [TRM__EVENT_SUPERVISION_STEP] =
        EVENT_ROW("trm.supervision_step.complete", event_step_fields, "a puzzle has taken a supervision step"),
    [TRM__EVENT_EARLY_HALT] = EVENT_ROW("trm.early_halt.triggered", event_halt_fields,
                                        "a puzzle ends before its step limit; its stop follows"),
};

const trm_event_type *trm_telemetry_events(size_t *count) {
  *count = TRM__EVENTS;
  return event_table;
}

int trm__event_matches(const char *prefix, const char *name) {
  size_t length = strlen(prefix);
  return !length || (!strncmp(prefix, name, length) && (!name[length] || name[length] == '.'));
}

const trm_event_value *trm_event_get(const trm_event *event, const char *field) {
  for (size_t i = 0; i < event->type->fields; i++)
    if (!strcmp(event->type->field[i].name, field)) return &event->value[i];
  return NULL;
}

/* -- JSON ---------------------------------------------------------------------------------------------------------- */

/* RFC 3339 in UTC. The fraction is rounded once: .123 may be a little less as a double. */
static void event_put_time(trm__room *t, double time) {
  long long ms = llround(time * 1e3);
  time_t seconds = (time_t)(ms / 1000);
  struct tm utc = {0};
  char text[64];
  gmtime_r(&seconds, &utc);
  (void)trm__print(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                   utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(ms % 1000));
  trm__room_put(t, text);
}

/* Words are ASCII without quotes: nothing has to be escaped. */
static void event_put_value(trm__room *t, const trm_event_field *field, const trm_event_value *value) {
  char text[64];
  switch (field->type) {
  case TRM_EVENT_INT:
    (void)trm__print(text, sizeof text, "%lld", (long long)value->integer);
    trm__room_put(t, text);
    return;
  case TRM_EVENT_BOOL:
    trm__room_put(t, value->integer ? "true" : "false");
    return;
  case TRM_EVENT_REAL:
    (void)trm__real_text(value->real, text, sizeof text);
    trm__room_put(t, isfinite(value->real) ? text : "null");
    return;
  case TRM_EVENT_WORD:
    trm__room_put(t, "\"");
    trm__room_put(t, value->word);
    trm__room_put(t, "\"");
    return;
  }
}

static void event_put_fields(trm__room *t, const trm_event *event, trm_event_role role) {
  const char *between = "";
  for (size_t i = 0; i < event->type->fields; i++) {
    const trm_event_field *field = &event->type->field[i];
    if (field->role != role) continue;
    trm__room_put(t, between);
    trm__room_put(t, "\"");
    trm__room_put(t, field->name);
    trm__room_put(t, field->unit ? "_" : "");
    trm__room_put(t, field->unit ? field->unit : "");
    trm__room_put(t, "\":");
    event_put_value(t, field, &event->value[i]);
    between = ",";
  }
}

int trm_event_json(const trm_event *event, char *text, size_t size) {
  trm__room t = {.text = text, .size = size};
  trm__room_put(&t, "{\"ts\":\"");
  event_put_time(&t, event->time);
  trm__room_put(&t, "\",\"event\":\"");
  trm__room_put(&t, event->type->name);
  trm__room_put(&t, "\",\"measurements\":{");
  event_put_fields(&t, event, TRM_EVENT_MEASUREMENT);
  trm__room_put(&t, "},\"metadata\":{");
  event_put_fields(&t, event, TRM_EVENT_METADATA);
  trm__room_put(&t, "}}");
  if (size) text[t.used < size ? t.used : size - 1] = 0;
  return (int)t.used;
}
