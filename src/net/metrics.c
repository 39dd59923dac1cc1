/* The first thing that is wrong is kept and told at the end, so that whoever lists fifty metrics has no fifty checks.
 */
#include "net/metrics.h"

#include <event2/buffer.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define FAMILIES 256
#define NAME_BYTES 128

struct trm__metrics {
  struct evbuffer *out;
  trm__metric_kind kind; /* of the family that is open, names[families - 1] */
  size_t families;
  char names[FAMILIES][NAME_BYTES];
  trm_status status;
  trm_error error;
};

trm__histogram trm__histogram_seconds(void) {
  return (trm__histogram){.buckets = 14, .bounds = {.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}};
}

void trm__histogram_observe(trm__histogram *histogram, double value) {
  size_t i = 0;
  if (isnan(value)) return;
  while (i < histogram->buckets && value > histogram->bounds[i]) i++;
  histogram->counts[i]++;
  histogram->sum += value;
}

trm_status trm__metrics_open(trm__metrics **out, trm_error *err) {
  trm__metrics *metrics = trm__calloc(1, sizeof *metrics);
  if (metrics) metrics->out = evbuffer_new();
  if (!metrics || !metrics->out) {
    trm__metrics_close(&metrics);
    return trm__fail_memory(err, "metrics", sizeof *metrics);
  }
  *out = metrics;
  return TRM_OK;
}

void trm__metrics_close(trm__metrics **metrics) {
  if (!*metrics) return;
  if ((*metrics)->out) evbuffer_free((*metrics)->out);
  trm__free(*metrics);
  *metrics = NULL;
}

static void metrics_wrong(trm__metrics *m, const char *name, const char *why) {
  if (!m->status) m->status = trm__fail(&m->error, TRM_E_USAGE, name, "%s", why);
}

static void metrics_put(trm__metrics *m, const char *text, size_t size) {
  if (evbuffer_add(m->out, text, size) && !m->status) m->status = trm__fail_memory(&m->error, "metrics", size);
}

static void metrics_say(trm__metrics *m, const char *text) {
  metrics_put(m, text, strlen(text));
}

/* Text with a backslash before each of `escaped`, newlines as \n. */
static void metrics_escape(trm__metrics *m, const char *text, const char *escaped) {
  for (; *text; text++) {
    if (*text == '\n') metrics_say(m, "\\n");
    else {
      if (strchr(escaped, *text)) metrics_say(m, "\\");
      metrics_put(m, text, 1);
    }
  }
}

static int metrics_is_name(const char *name, int colon) {
  static const char letters[] = ":_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789";
  const char *first = letters + !colon;
  if (!*name || !strchr(first, *name)) return 0;
  for (name++; *name; name++)
    if (!strchr(first, *name) && !strchr(digits, *name)) return 0;
  return 1;
}

static int metrics_ends_with(const char *name, const char *end) {
  size_t length = strlen(name), size = strlen(end);
  return length > size && !strcmp(name + length - size, end);
}

void trm__metrics_family(trm__metrics *m, trm__metric_kind kind, const char *name, const char *help) {
  static const char *const kinds[] = {"counter", "gauge", "histogram"};
  if (m->families == FAMILIES || strlen(name) >= NAME_BYTES) {
    metrics_wrong(m, name, "too many names, or too long a name");
    return;
  }
  if (!metrics_is_name(name, 1)) metrics_wrong(m, name, "a metric's name has letters, digits, '_' and ':' alone");
  if ((kind == TRM__METRIC_COUNTER) != metrics_ends_with(name, "_total"))
    metrics_wrong(m, name, "a counter's name ends with _total, and no other does");
  for (size_t i = 0; i < m->families; i++)
    if (!strcmp(m->names[i], name)) metrics_wrong(m, name, "the metric is written twice; its samples stand together");
  m->kind = kind;
  strcpy(m->names[m->families++], name);
  metrics_say(m, "# HELP ");
  metrics_say(m, name);
  metrics_say(m, " ");
  metrics_escape(m, help, "\\");
  metrics_say(m, "\n# TYPE ");
  metrics_say(m, name);
  metrics_say(m, " ");
  metrics_say(m, kinds[kind]);
  metrics_say(m, "\n");
}

static void metrics_label(trm__metrics *m, const char *before, const trm__label *label) {
  if (!metrics_is_name(label->name, 0) || !strncmp(label->name, "__", 2))
    metrics_wrong(m, label->name, "a label's name has letters, digits and '_' alone");
  metrics_say(m, before);
  metrics_say(m, label->name);
  metrics_say(m, "=\"");
  metrics_escape(m, label->value, "\\\"");
  metrics_say(m, "\"");
}

/* name + suffix, {labels, then le when there is one}, value. */
static void metrics_line(trm__metrics *m, const char *suffix, const trm__label *labels, size_t count, const char *le,
                         const char *value) {
  trm__label last = {"le", le};
  metrics_say(m, m->names[m->families - 1]);
  metrics_say(m, suffix);
  for (size_t i = 0; i < count; i++) metrics_label(m, i ? "," : "{", &labels[i]);
  if (le) metrics_label(m, count ? "," : "{", &last);
  if (count || le) metrics_say(m, "}");
  metrics_say(m, " ");
  metrics_say(m, value);
  metrics_say(m, "\n");
}

static void metrics_line_count(trm__metrics *m, const char *suffix, const trm__label *labels, size_t count,
                               const char *le, uint64_t value) {
  char text[32];
  trm__print(text, sizeof text, "%llu", (unsigned long long)value);
  metrics_line(m, suffix, labels, count, le, text);
}

static int metrics_fits(trm__metrics *m, int histogram) {
  if (m->families && (m->kind == TRM__METRIC_HISTOGRAM) == histogram) return 1;
  metrics_wrong(m, m->families ? m->names[m->families - 1] : "sample", "the sample is of another kind than its family");
  return 0;
}

void trm__metrics_sample(trm__metrics *m, const trm__label *labels, size_t count, double value) {
  char text[64];
  if (!metrics_fits(m, 0)) return;
  if (!isfinite(value)) metrics_wrong(m, m->names[m->families - 1], "the value is not finite");
  trm__real_text(value, text, sizeof text);
  metrics_line(m, "", labels, count, NULL, text);
}

void trm__metrics_histogram(trm__metrics *m, const trm__label *labels, size_t count, const trm__histogram *histogram) {
  uint64_t all = 0;
  char text[64];
  if (!metrics_fits(m, 1)) return;
  for (size_t i = 0; i < histogram->buckets; i++) {
    all += histogram->counts[i];
    trm__real_text(histogram->bounds[i], text, sizeof text);
    metrics_line_count(m, "_bucket", labels, count, text, all);
  }
  all += histogram->counts[histogram->buckets];
  metrics_line_count(m, "_bucket", labels, count, "+Inf", all);
  if (!isfinite(histogram->sum)) metrics_wrong(m, m->names[m->families - 1], "the sum is not finite");
  trm__real_text(histogram->sum, text, sizeof text);
  metrics_line(m, "_sum", labels, count, NULL, text);
  metrics_line_count(m, "_count", labels, count, NULL, all);
}

trm_status trm__metrics_text(trm__metrics *m, const char **text, size_t *size, trm_error *err) {
  size_t length = evbuffer_get_length(m->out);
  const char *whole = (const char *)evbuffer_pullup(m->out, -1);
  if (m->status) {
    if (err) *err = m->error;
    return m->status;
  }
  if (length && !whole) return trm__fail_memory(err, "metrics", length);
  *text = length ? whole : "";
  *size = length;
  return TRM_OK;
}
