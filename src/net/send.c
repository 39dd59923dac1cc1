/* What is decided here, once for each answer, is whether the connection stays: it does when the client allows it, the
 * server does not drain, and the rest of the request's body is short enough to be read for nothing. */
#include "net/send.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define DROPPED_BYTES 65536 /* of a body that nobody wants; more, and closing is cheaper */

int trm__send_keeps(const trm__connection *c) {
  const trm__exchange *x = &c->exchange;
  const trm__request *request = &c->reader.request;
  if (!c->active || !request->keep_alive || c->core->last_answers || c->closing) return 0;
  if (x->received) return 1;
  if (request->chunked || (request->expects_continue && !x->continued)) return 0;
  return request->length - x->bytes_in <= DROPPED_BYTES;
}

trm_status trm__send_head(trm__connection *c, const trm__response *response, trm__response_end end, uint64_t length,
                          trm_error *err) {
  int keep = end != TRM__END_CLOSE && trm__send_keeps(c);
  trm__response_frame frame = {.end = end, .length = length, .keep_alive = keep, .now = time(NULL)};
  frame.minor = c->active ? c->reader.request.minor : 1;
  trm_status status = trm__response_head(c->out, response, &frame, err);
  if (status) return status;
  c->keep = keep;
  c->exchange.started = 1;
  c->exchange.status = response->status;
  c->exchange.chunks = end == TRM__END_CHUNKS;
  c->exchange.silent =
      (c->active && c->reader.request.method == TRM__HEAD) || !trm__response_has_body(response->status);
  return TRM_OK;
}

trm_status trm__send_whole(trm__connection *c, const trm__response *response, const void *body, size_t size,
                           trm_error *err) {
  if (evbuffer_expand(c->out, size + 1024)) return trm__fail_memory(err, "answer", size);
  trm_status status = trm__send_head(c, response, TRM__END_LENGTH, size, err);
  if (status || c->exchange.silent || !size) return status;
  if (evbuffer_add(c->out, body, size)) { /* half an answer is none: the connection is cut */
    c->broken = 1;
    return trm__fail_memory(err, "answer", size);
  }
  c->exchange.bytes_out += size;
  return TRM_OK;
}

void trm__send_data(trm__connection *c, const void *data, size_t size) {
  trm__exchange *x = &c->exchange;
  char line[24];
  x->written = trm__clock();
  if (x->silent || !size) return;
  int failed = 0;
  if (x->chunks) failed |= evbuffer_add(c->out, line, (size_t)trm__print(line, sizeof line, "%zx\r\n", size));
  failed |= evbuffer_add(c->out, data, size);
  if (x->chunks) failed |= evbuffer_add(c->out, "\r\n", 2);
  if (failed) c->broken = 1;
  x->bytes_out += size;
}

trm_status trm__send_problem(trm__connection *c, const trm__problem *problem, const trm__field *fields, size_t count,
                             trm_error *err) {
  char seconds[16];
  int retries = problem->status == 429 || problem->status == 503;
  trm__field *all = trm__calloc(count + 2, sizeof *all);
  char *text = trm__problem_text(problem);
  trm_status status = TRM_OK;
  if (!all || !text) status = trm__fail_memory(err, "problem", 256);
  if (!status) {
    if (count) memcpy(all, fields, count * sizeof *all);
    trm__print(seconds, sizeof seconds, "%d", problem->retry_after_s > 0 ? problem->retry_after_s : 1);
    all[count] = (trm__field){"Cache-Control", "no-store"};
    all[count + 1] = (trm__field){"Retry-After", seconds};
    trm__response response = {problem->status, TRM__PROBLEM_TYPE, all, count + 1 + (size_t)retries};
    status = trm__send_whole(c, &response, text, strlen(text), err);
  }
  free(text);
  trm__free(all);
  return status;
}
