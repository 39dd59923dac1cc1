/* An answer is put together in a buffer of its own and added when it is whole. */
#include "net/response.h"

#include <string.h>

#include "base/status.h"
#include "base/text/numbers.h"
#include "net/grammar.h"

static const struct {
  int status;
  const char *text;
} status_texts[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *trm__status_text(int status) {
  for (size_t i = 0; i < sizeof status_texts / sizeof *status_texts; i++)
    if (status_texts[i].status == status) return status_texts[i].text;
  return "Status";
}

void trm__http_date(time_t now, char out[TRM__HTTP_DATE]) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm t = {0};
  gmtime_r(&now, &t);
  int year = t.tm_year + 1900;
  trm__print(out, TRM__HTTP_DATE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday,
             months + 3 * t.tm_mon, year > 9999 || year < 0 ? 9999 : year, t.tm_hour, t.tm_min, t.tm_sec);
}

int trm__response_has_body(int status) {
  return status != 204 && status != 304;
}

/* NULL, or why a field must not be written. */
static const char *response_field_wrong(const char *name, const char *value) {
  static const char *const own[] = {"content-length", "transfer-encoding", "connection", "date", "content-type"};
  size_t length = strlen(name), size = strlen(value);
  for (size_t i = 0; i < length; i++)
    if (!trm__is_token((unsigned char)name[i])) return "its name is not a token";
  if (!length) return "it has no name";
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (trm__ascii_is(name, length, own[i])) return "the server writes it itself";
  for (size_t i = 0; i < size; i++)
    if (!trm__is_field_text((unsigned char)value[i])) return "its value has a control character";
  return NULL;
}

static int response_put(struct evbuffer *out, const char *name, const char *value) {
  return evbuffer_add(out, name, strlen(name)) || evbuffer_add(out, ": ", 2) ||
         evbuffer_add(out, value, strlen(value)) || evbuffer_add(out, "\r\n", 2);
}

/* The fields that only this file writes. */
static int response_put_own(struct evbuffer *out, const trm__response *response, const trm__response_frame *frame) {
  char text[64];
  int failed = 0;
  trm__http_date(frame->now, text);
  failed |= response_put(out, "Date", text);
  if (response->type) failed |= response_put(out, "Content-Type", response->type);
  if (trm__response_has_body(response->status) && frame->end == TRM__END_LENGTH) {
    trm__print(text, sizeof text, "%llu", (unsigned long long)frame->length);
    failed |= response_put(out, "Content-Length", text);
  }
  if (trm__response_has_body(response->status) && frame->end == TRM__END_CHUNKS)
    failed |= response_put(out, "Transfer-Encoding", "chunked");
  if (!frame->keep_alive) failed |= response_put(out, "Connection", "close");
  else if (!frame->minor) failed |= response_put(out, "Connection", "keep-alive");
  return failed;
}

static trm_status response_fill(struct evbuffer *out, const trm__response *response, const trm__response_frame *frame,
                                trm_error *err) {
  char line[96];
  if (response->status < 200 || response->status > 599)
    return trm__fail(err, TRM_E_INPUT, "status", "%d is not the status of an answer (200 to 599)", response->status);
  if (response->type && response_field_wrong("type", response->type))
    return trm__fail(err, TRM_E_INPUT, "Content-Type", "%s", response_field_wrong("type", response->type));
  trm__print(line, sizeof line, "HTTP/1.1 %d %s\r\n", response->status, trm__status_text(response->status));
  int failed = evbuffer_add(out, line, strlen(line));
  failed |= response_put_own(out, response, frame);
  for (size_t i = 0; i < response->field_count; i++) {
    const trm__field *field = &response->fields[i];
    const char *wrong = response_field_wrong(field->name, field->value);
    if (wrong) return trm__fail(err, TRM_E_INPUT, field->name, "the answer's field is refused: %s", wrong);
    failed |= response_put(out, field->name, field->value);
  }
  failed |= evbuffer_add(out, "\r\n", 2);
  return failed ? trm__fail_memory(err, "answer", evbuffer_get_length(out)) : TRM_OK;
}

trm_status trm__response_head(struct evbuffer *out, const trm__response *response, const trm__response_frame *frame,
                              trm_error *err) {
  struct evbuffer *whole = evbuffer_new();
  if (!whole) return trm__fail_memory(err, "answer", 1024);
  trm_status status = response_fill(whole, response, frame, err);
  if (!status && evbuffer_add_buffer(out, whole)) status = trm__fail_memory(err, "answer", evbuffer_get_length(whole));
  evbuffer_free(whole);
  return status;
}
