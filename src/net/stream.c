/* X-Accel-Buffering keeps proxies from collecting events before they pass them on. */
#include "net/stream.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

trm_status trm__stream_start(trm__exchange *x, const trm__field *fields, size_t count, trm_error *err) {
  trm__field *all = trm__calloc(count + 2, sizeof *all);
  if (!all) {
    trm__exchange_abort(x);
    return trm__fail_memory(err, "stream", count * sizeof *all);
  }
  if (count) memcpy(all, fields, count * sizeof *all);
  all[count] = (trm__field){"Cache-Control", "no-store"};
  all[count + 1] = (trm__field){"X-Accel-Buffering", "no"};
  trm__response response = {200, TRM__SSE_TYPE, all, count + 2};
  trm__exchange_heartbeat(x, TRM__STREAM_HEARTBEAT_S, TRM__SSE_COMMENT);
  trm_status status = trm__exchange_start(x, &response, err);
  trm__free(all);
  return status;
}

trm_status trm__stream_send(trm__exchange *x, const trm__sse_event *event, trm_error *err) {
  struct evbuffer *text = evbuffer_new();
  if (!text) return trm__fail_memory(err, "event", event->size);
  trm_status status = trm__sse_format(text, event, err);
  size_t size = evbuffer_get_length(text);
  const void *bytes = status ? NULL : evbuffer_pullup(text, -1);
  if (!status && !bytes) status = trm__fail_memory(err, "event", size);
  if (!status) status = trm__exchange_write(x, bytes, size, err);
  evbuffer_free(text);
  return status;
}
