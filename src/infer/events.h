/* The engine's telemetry events. An inference is one puzzle's stay in the engine: it starts when the puzzle enters a
 * slot and stops when it leaves it, whatever the reason; a puzzle that is cancelled before it enters is none. In this
 * order come start, after each round its step, the early halt where there is one, stop, and when its outcome is done
 * and its answer was handed over, complete. Nobody listened when it started: then none of its events is told, so that
 * every one that is told has its start before it. */
#ifndef TRM_INFER_EVENTS_H
#define TRM_INFER_EVENTS_H

#include <stdint.h>
#include <trm/solve.h>

/* What a slot keeps of its puzzle for its events. Zeroed: nobody listened when it started. */
typedef struct trm__inference {
  int64_t call, puzzle;
  const char *action;
  double start; /* trm__clock(); 0: nobody listened */
} trm__inference;

/* How a puzzle left. */
typedef enum trm__outcome { TRM__DONE, TRM__CANCELLED, TRM__STOPPED, TRM__FAILED, TRM__EXPIRED } trm__outcome;

/* The number of a new call. */
int64_t trm__event_call(void);

/* action: a word of the events' table, static. */
trm__inference trm__event_inference_start(int64_t call, int64_t puzzle, const char *action, int64_t max_steps);
/* seconds, batch: of the round that computed the step. */
void trm__event_step_complete(const trm__inference *inference, int step, double q, double seconds, int batch);
/* Of a puzzle that something else than its limit ends; nothing is told when that is its last step anyway. */
void trm__event_early_halt(const trm__inference *inference, int steps, int64_t max_steps, double q, double threshold,
                           trm_halt why);
void trm__event_inference_stop(const trm__inference *inference, int steps, int halted, trm__outcome outcome);
void trm__event_inference_complete(const trm__inference *inference, int steps, trm__outcome outcome);

#endif
