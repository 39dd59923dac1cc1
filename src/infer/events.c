/* The values of the engine's events, in the order of the table in base/event.c. */
#include "infer/events.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/telemetry.h"

#define EVENTS_INFERENCE(i)                                                                                            \
  {.integer = (i)->call}, {.integer = (i)->puzzle}, {                                                                  \
    .word = (i)->action                                                                                                \
  }

int64_t trm__event_call(void) {
  static atomic_llong events_calls;
  return 1 + (int64_t)atomic_fetch_add_explicit(&events_calls, 1, memory_order_relaxed);
}

/* Whoever listens to any event may want the time since the start. */
trm__inference trm__event_inference_start(int64_t call, int64_t puzzle, const char *action, int64_t max_steps) {
  trm__inference inference = {.call = call, .puzzle = puzzle, .action = action};
  if (!trm__telemetry_wants_any()) return inference;
  inference.start = trm__clock();
  const trm_event_value value[] = {EVENTS_INFERENCE(&inference), {.integer = max_steps}};
  if (trm__telemetry_wants(TRM__EVENT_INFERENCE_START))
    trm__telemetry_emit(TRM__EVENT_INFERENCE_START, inference.start, value);
  return inference;
}

/* 1: the event of this inference is to be told. */
static int events_are_told(const trm__inference *inference, trm__event_id id) {
  return trm__telemetry_wants(id) && inference->start != 0;
}

void trm__event_step_complete(const trm__inference *inference, int step, double q, double seconds, int batch) {
  if (!events_are_told(inference, TRM__EVENT_SUPERVISION_STEP)) return;
  const trm_event_value value[] = {
      EVENTS_INFERENCE(inference), {.real = seconds}, {.real = q}, {.integer = step}, {.integer = batch}};
  trm__telemetry_emit(TRM__EVENT_SUPERVISION_STEP, trm__clock(), value);
}

void trm__event_early_halt(const trm__inference *inference, int steps, int64_t max_steps, double q, double threshold,
                           trm_halt why) {
  if (!events_are_told(inference, TRM__EVENT_EARLY_HALT) || steps >= max_steps) return;
  const trm_event_value value[] = {
      EVENTS_INFERENCE(inference), {.integer = max_steps - steps}, {.real = q}, {.integer = steps},
      {.real = threshold},         {.word = trm_halt_name(why)}};
  trm__telemetry_emit(TRM__EVENT_EARLY_HALT, trm__clock(), value);
}

void trm__event_inference_stop(const trm__inference *inference, int steps, int halted, trm__outcome outcome) {
  static const char *const events_outcomes[] = {[TRM__DONE] = "done",
                                                [TRM__CANCELLED] = "cancelled",
                                                [TRM__STOPPED] = "stopped",
                                                [TRM__FAILED] = "failed",
                                                [TRM__EXPIRED] = "expired"};
  if (!events_are_told(inference, TRM__EVENT_INFERENCE_STOP)) return;
  double now = trm__clock();
  const trm_event_value value[] = {EVENTS_INFERENCE(inference),
                                   {.real = now - inference->start},
                                   {.integer = steps},
                                   {.integer = halted},
                                   {.word = events_outcomes[outcome]}};
  trm__telemetry_emit(TRM__EVENT_INFERENCE_STOP, now, value);
}

void trm__event_inference_complete(const trm__inference *inference, int steps, trm__outcome outcome) {
  if (outcome != TRM__DONE || !events_are_told(inference, TRM__EVENT_INFERENCE_COMPLETE)) return;
  const trm_event_value value[] = {EVENTS_INFERENCE(inference), {.integer = steps}};
  trm__telemetry_emit(TRM__EVENT_INFERENCE_COMPLETE, trm__clock(), value);
}
