/* Metrics in Prometheus' text format, version 0.0.4. A family is begun, then its samples follow:
 *
 *     trm__metrics *m;
 *     trm__metrics_open(&m, err);
 *     trm__metrics_family(m, TRM__METRIC_COUNTER, "trm_requests_total", "Requests answered.");
 *     trm__metrics_sample(m, labels, 2, 17);
 *     trm__metrics_text(m, &text, &size, err);     fails once for all that was wrong before
 *     trm__metrics_close(&m);
 *
 * So HELP and TYPE stand once and a family stays together; a family that is begun twice, a name that is not allowed, a
 * counter without _total, a sample that is not finite or of another kind than its family: TRM_E_USAGE from
 * trm__metrics_text. Labels' values may be any text; never give one that clients choose, or series grow without end. */
#ifndef TRM_NET_METRICS_H
#define TRM_NET_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

typedef enum trm__metric_kind { TRM__METRIC_COUNTER, TRM__METRIC_GAUGE, TRM__METRIC_HISTOGRAM } trm__metric_kind;

typedef struct trm__label {
  const char *name, *value;
} trm__label;

/* Observations counted by size: counts[i] of those at most bounds[i] and over the bound before. */
#define TRM__BUCKETS 16
typedef struct trm__histogram {
  size_t buckets;
  double bounds[TRM__BUCKETS]; /* growing; +Inf is not among them */
  uint64_t counts[TRM__BUCKETS + 1];
  double sum;
} trm__histogram;
/* The bounds of http.server.request.duration in OpenTelemetry's conventions, in seconds. */
trm__histogram trm__histogram_seconds(void);
void trm__histogram_observe(trm__histogram *histogram, double value); /* NaN is not counted */

typedef struct trm__metrics trm__metrics;
trm_status trm__metrics_open(trm__metrics **out, trm_error *err);
void trm__metrics_close(trm__metrics **metrics);
void trm__metrics_family(trm__metrics *metrics, trm__metric_kind kind, const char *name, const char *help);
void trm__metrics_sample(trm__metrics *metrics, const trm__label *labels, size_t count, double value);
void trm__metrics_histogram(trm__metrics *metrics, const trm__label *labels, size_t count,
                            const trm__histogram *histogram);
/* The whole text, valid until the metrics are closed. */
trm_status trm__metrics_text(trm__metrics *metrics, const char **text, size_t *size, trm_error *err);

#endif
