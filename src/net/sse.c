/* A line end inside a field would end it and begin one that the event's writer did not write: data is cut into one
 * field a line, names and ids with line ends are refused. */
#include "net/sse.h"

#include <string.h>

#include "base/status.h"
#include "net/grammar.h"

static trm_status sse_check(const char *field, const char *value, trm_error *err) {
  if (!value || (!strpbrk(value, "\r\n") && trm__is_utf8(value, strlen(value)))) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, field, "an event's %s is one line of UTF-8", field);
}

static int sse_put(struct evbuffer *out, const char *field, const char *value, size_t length) {
  return evbuffer_add(out, field, strlen(field)) || evbuffer_add(out, ": ", 2) || evbuffer_add(out, value, length) ||
         evbuffer_add(out, "\n", 1);
}

static int sse_put_data(struct evbuffer *out, const char *data, size_t size) {
  for (size_t at = 0;;) {
    size_t end = at;
    while (end < size && data[end] != '\r' && data[end] != '\n') end++;
    if (sse_put(out, "data", data + at, end - at)) return 1;
    if (end == size) return 0;
    at = end + (data[end] == '\r' && end + 1 < size && data[end + 1] == '\n' ? 2 : 1);
  }
}

trm_status trm__sse_format(struct evbuffer *out, const trm__sse_event *event, trm_error *err) {
  trm_status status = sse_check("id", event->id, err);
  if (!status) status = sse_check("event", event->event, err);
  if (!status && !trm__is_utf8(event->data, event->size))
    status = trm__fail(err, TRM_E_INPUT, "data", "an event's data is UTF-8");
  if (status) return status;
  struct evbuffer *whole = evbuffer_new();
  int failed = !whole;
  if (!failed && event->id) failed = sse_put(whole, "id", event->id, strlen(event->id));
  if (!failed && event->event) failed = sse_put(whole, "event", event->event, strlen(event->event));
  failed = failed || sse_put_data(whole, event->data ? event->data : "", event->size) || evbuffer_add(whole, "\n", 1) ||
           evbuffer_add_buffer(out, whole);
  if (whole) evbuffer_free(whole);
  return failed ? trm__fail_memory(err, "event", event->size) : TRM_OK;
}
