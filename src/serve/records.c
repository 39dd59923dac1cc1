#include "serve/records.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text/json.h"
#include "serve/config.h"

static const char *const record_levels[] = {"error", "warning", "info", "debug"};

trm__records trm__records_open(int form, int least, const char *component) {
  int json = form == TRM__SERVE_LOG_JSON || (form == TRM__SERVE_LOG_AUTO && !isatty(STDERR_FILENO));
  return (trm__records){.json = json, .least = least, .component = component};
}

static void record_time(char *text, size_t size) {
  double now = trm__wall_clock();
  time_t seconds = (time_t)now;
  struct tm tm;
  char whole[32];
  gmtime_r(&seconds, &tm);
  strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text, size, "%s.%03dZ", whole, (int)((now - (double)seconds) * 1000) % 1000);
}

/* One write a record, so that lines of several processes do not mix. */
static void record_put(const char *line, size_t size) {
  (void)!write(STDERR_FILENO, line, size);
}

static void record_json(const trm__records *r, trm_log_level level, const trm__records_about *a, const char *message) {
  char time[40];
  record_time(time, sizeof time);
  json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "ts", time, "level", record_levels[level],
                        "msg", message, "component", r->component, "trace_id", a->trace_id, "job_id", a->job_id,
                        "model_version", a->model_version, "route", a->route, "client", a->client);
  if (!o) return; /* a message that is not UTF-8: it is of no use to a reader of JSON */
  if (a->status) (void)json_object_set_new(o, "status", json_integer(a->status));
  if (a->seconds >= 0) (void)json_object_set_new(o, "duration_s", json_real(a->seconds));
  char *text = trm__json_text(o, JSON_COMPACT);
  json_decref(o);
  size_t size = text ? strlen(text) : 0;
  if (text) {
    text[size] = '\n'; /* in place of the NUL */
    record_put(text, size + 1);
  }
  free(text);
}

static void record_text(const trm__records *r, trm_log_level level, const trm__records_about *a, const char *message) {
  char line[1600], time[40];
  record_time(time, sizeof time);
  int size = snprintf(line, sizeof line, "%.8s %-7s %s: %s", time + 11, record_levels[level], r->component, message);
  if (a->status && size < (int)sizeof line)
    size += snprintf(line + size, sizeof line - (size_t)size, " (%d, %.1f ms)", a->status, a->seconds * 1e3);
  if (size > (int)sizeof line - 2) size = (int)sizeof line - 2;
  line[size++] = '\n';
  record_put(line, (size_t)size);
}

void trm__records_write(const trm__records *r, trm_log_level level, const trm__records_about *about, const char *format,
                        ...) {
  static const trm__records_about nothing = {.seconds = -1};
  char message[1200];
  va_list arguments;
  if ((int)level > r->least) return;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (r->json) record_json(r, level, about ? about : &nothing, message);
  else record_text(r, level, about ? about : &nothing, message);
}

static void record_line(void *context, trm_log_level level, const char *line) {
  trm__records_write(context, level, NULL, "%s", line);
}

trm__log trm__records_log(const trm__records *records) {
  return (trm__log){record_line, (void *)(uintptr_t)records};
}
