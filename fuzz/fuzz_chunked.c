/* Chunked bodies against a second reader of them, which looks at the whole at once: what the request reader takes as a
 * whole body has, there too, the same bytes and the same end. */
#include <stdlib.h>
#include <string.h>

#include "net/grammar.h"
#include "net/http1.h"

#define MOST 256 /* bytes of a body */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct decoded {
  char body[MOST];
  size_t size, end; /* bytes of the body; where in the data it is over, 0: it is not */
} decoded;

/* Where the line at `at` ends, behind its CR LF; 0 for none. */
static size_t line_end(const char *data, size_t size, size_t at) {
  for (; at + 1 < size; at++)
    if (data[at] == '\r' && data[at + 1] == '\n') return at + 2;
  return 0;
}

static decoded decode(const char *data, size_t size) {
  decoded d = {.size = 0};
  for (size_t at = 0, next; (next = line_end(data, size, at)); at = next + 2) {
    size_t chunk = 0;
    for (size_t i = at; trm__hex_digit((unsigned char)data[i]) >= 0; i++)
      chunk = chunk * 16 + (size_t)trm__hex_digit((unsigned char)data[i]);
    if (!chunk) {
      for (at = next; (next = line_end(data, size, at)) && next != at + 2; at = next) {
      }
      d.end = next;
      return d;
    }
    if (chunk > MOST - d.size || next + chunk + 2 > size) return d;
    memcpy(d.body + d.size, data + next, chunk);
    d.size += chunk;
    next += chunk;
  }
  return d;
}

/* The same by the request reader, in pieces of step bytes. */
static decoded read_body(const char *data, size_t size, size_t step) {
  static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  trm__http1_limits limits = {.line = 100, .head = 200, .fields = 8, .body = MOST, .extensions = 64};
  trm__http1 reader;
  decoded d = {.size = 0};
  size_t at = 0, used;
  trm__http1_open(&reader, &limits);
  if (trm__http1_read(&reader, head, sizeof head - 1, &used) != TRM__HTTP1_HEAD) abort();
  for (;;) {
    size_t piece = step < size - at ? step : size - at;
    trm__http1_event event = trm__http1_read(&reader, data + at, piece, &used);
    at += used;
    if (event == TRM__HTTP1_BODY) {
      memcpy(d.body + d.size, reader.body, reader.body_size);
      d.size += reader.body_size;
    } else if (event == TRM__HTTP1_END) {
      d.end = at;
      break;
    } else if (event == TRM__HTTP1_ERROR || at == size) break;
  }
  trm__http1_close(&reader);
  return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  const char *bytes = (const char *)data + 1;
  size--;
  decoded whole = read_body(bytes, size, size + 1), pieces = read_body(bytes, size, 1 + data[0] % 16u);
  if (whole.end != pieces.end || whole.size != pieces.size || memcmp(whole.body, pieces.body, whole.size) != 0) abort();
  if (!whole.end) return 0;
  decoded second = decode(bytes, size);
  if (second.end != whole.end || second.size != whole.size || memcmp(second.body, whole.body, whole.size) != 0) abort();
  return 0;
}
