/* What the server counts, and how it is read: Prometheus text of /metrics, StatsD lines over UDP. The names of the
 * seed are kept (docs/seed.md). Nothing here takes a label's value from a client.
 * Threads: the loop's. */
#ifndef TRM_SERVE_TELEMETRY_H
#define TRM_SERVE_TELEMETRY_H

#include "net/metrics.h"
#include "net/server.h"
#include "serve/pool.h"
#include "store/journal.h"

/* What became of a puzzle. */
typedef enum trm__telemetry_result {
  TRM__RESULT_SOLVED,
  TRM__RESULT_UNSOLVED, /* an answer that is not right, or none in time */
  TRM__RESULT_CANCELLED,
  TRM__RESULT_REFUSED, /* it does not fit the model */
  TRM__RESULT_FAILED,
  TRM__RESULTS
} trm__telemetry_result;

typedef struct trm__telemetry {
  uint64_t results[TRM__RESULTS];
  uint64_t early_halts; /* puzzles that ended before their step limit */
  trm__histogram inference, queued, steps, requests;
  uint64_t statuses[6]; /* answers by hundreds: [2] counts 200 to 299 */
  int statsd;           /* a connected UDP socket, or -1 */
} trm__telemetry;

/* statsd: HOST:PORT, or "". */
trm_status trm__telemetry_open(trm__telemetry *telemetry, const char *statsd, trm_error *err);
void trm__telemetry_close(trm__telemetry *telemetry);

void trm__telemetry_puzzle(trm__telemetry *telemetry, const trm__serve_pool_end *end, trm__telemetry_result result);
void trm__telemetry_request(trm__telemetry *telemetry, const trm__access *access);

/* The state beside the counters. */
typedef struct trm__telemetry_now {
  trm__serve_pool_stats pool;
  trm__journal_stats journal;
  trm__server_stats server;
  int ready, draining, sessions;
  uint64_t switched, unchanged, refused; /* orders for other versions of models, by what became of them */
  double switch_seconds;                 /* what the first took */
} trm__telemetry_now;

/* The text of /metrics; trm__free. */
trm_status trm__telemetry_text(const trm__telemetry *telemetry, const trm__telemetry_now *now, char **text,
                               size_t *size, trm_error *err);

#endif
