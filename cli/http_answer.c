/* Reading an answer: see http_answer.h. The head is looked for first; it says how long the body is. */
#include "cli/http_answer.h"

#include <string.h>
#include <strings.h>

#define CHUNK_LINE ((size_t)128) /* bytes of a chunk's size with its extensions, at most */

/* What the fields say of the body. */
typedef struct head {
  int has_length, chunked;
  size_t length;
  int close; /* the connection ends behind it */
} head;

static int text_is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The number that is all of the text; 0 when it is none, or over most. */
static int text_number(const char *text, size_t size, size_t most, size_t *number) {
  *number = 0;
  for (size_t i = 0; i < size; i++) {
    if (!text_is_digit(text[i])) return 0;
    *number = *number * 10 + (size_t)(text[i] - '0');
    if (*number > most) return 0;
  }
  return size > 0;
}

static int text_is(const char *text, size_t size, const char *word) {
  return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

/* Where the line at `at` ends: its size without CR LF, or (size_t)-1 when it is not there yet. */
static size_t line_size(const char *bytes, size_t size, size_t at) {
  const char *end = at < size ? memchr(bytes + at, '\n', size - at) : NULL;
  return end ? (size_t)(end - bytes) - at : (size_t)-1;
}

/* -- the head ------------------------------------------------------------------------------------------------------ */

/* "HTTP/1.1 200 OK" */
static int head_status(cli_http_answer *a, head *h, const char *line, size_t size) {
  if (size < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ') return 0;
  if (!text_is_digit(line[9]) || !text_is_digit(line[10]) || !text_is_digit(line[11])) return 0;
  if (size > 12 && line[12] != ' ') return 0;
  a->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  h->close = line[7] == '0';
  return a->status >= 100 && a->status < 600;
}

static void head_connection(head *h, const char *value, size_t size) {
  for (size_t at = 0; at < size;) {
    size_t begin = at;
    while (at < size && value[at] != ',') at++;
    size_t end = at++;
    while (begin < end && (value[begin] == ' ' || value[begin] == '\t')) begin++;
    while (end > begin && (value[end - 1] == ' ' || value[end - 1] == '\t')) end--;
    h->close |= text_is(value + begin, end - begin, "close");
  }
}

/* A field that is known; 0: what it says cannot be. */
static int head_value(cli_http_answer *a, head *h, const char *name, size_t length, const char *value, size_t size) {
  size_t number;
  if (text_is(name, length, "content-length")) {
    if (h->has_length || !text_number(value, size, CLI_HTTP_BODY, &h->length)) return 0;
    h->has_length = 1;
  } else if (text_is(name, length, "transfer-encoding")) {
    if (h->chunked || !text_is(value, size, "chunked")) return 0;
    h->chunked = 1;
  } else if (text_is(name, length, "content-encoding")) {
    return text_is(value, size, "identity"); /* none was asked for */
  } else if (text_is(name, length, "connection")) {
    head_connection(h, value, size);
  } else if (text_is(name, length, "retry-after") && text_number(value, size, 1000000, &number)) {
    a->retry_after = (double)number;
  }
  return 1;
}

/* "Name: value"; a line that begins with a blank would go on with the field before, which nobody does any more. */
static int head_field(cli_http_answer *a, head *h, const char *line, size_t size) {
  const char *colon = memchr(line, ':', size);
  if (!colon || colon == line) return 0;
  size_t length = (size_t)(colon - line), from = length + 1;
  for (size_t i = 0; i < length; i++)
    if (line[i] <= ' ' || line[i] >= 0x7f) return 0;
  while (from < size && (line[from] == ' ' || line[from] == '\t')) from++;
  while (size > from && (line[size - 1] == ' ' || line[size - 1] == '\t')) size--;
  for (size_t i = from; i < size; i++)
    if ((line[i] >= 0 && line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) return 0;
  return head_value(a, h, line, length, line + from, size - from);
}

/* The head at `at`; *body is where what follows begins. */
static cli_http_found head_read(cli_http_answer *a, head *h, const char *bytes, size_t size, size_t at, size_t *body) {
  *h = (head){0};
  *a = (cli_http_answer){.retry_after = -1};
  for (size_t begin = at, number = 0;; number++) {
    size_t length = line_size(bytes, size, at);
    if (length == (size_t)-1) return size - begin > CLI_HTTP_HEAD ? CLI_HTTP_BAD : CLI_HTTP_MORE;
    if (length == 0 || bytes[at + length - 1] != '\r' || at + length - begin > CLI_HTTP_HEAD) return CLI_HTTP_BAD;
    const char *line = bytes + at;
    at += length + 1;
    if (length == 1 && number) break;
    if (number ? !head_field(a, h, line, length - 1) : !head_status(a, h, line, length - 1)) return CLI_HTTP_BAD;
  }
  if (h->chunked && h->has_length) return CLI_HTTP_BAD;
  *body = at;
  return CLI_HTTP_WHOLE;
}

/* -- the body ------------------------------------------------------------------------------------------------------ */

static int hex_value(char c) {
  if (text_is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The size of the chunk whose line is at *at, which is left behind it. */
static cli_http_found chunk_size(const char *bytes, size_t size, size_t *at, size_t *chunk) {
  size_t length = line_size(bytes, size, *at), i = 0;
  if (length == (size_t)-1) return size - *at > CHUNK_LINE ? CLI_HTTP_BAD : CLI_HTTP_MORE;
  if (length < 2 || length > CHUNK_LINE || bytes[*at + length - 1] != '\r') return CLI_HTTP_BAD;
  *chunk = 0;
  for (int digit; i < length - 1 && (digit = hex_value(bytes[*at + i])) >= 0; i++) {
    *chunk = *chunk * 16 + (size_t)digit;
    if (*chunk > CLI_HTTP_BODY) return CLI_HTTP_BAD;
  }
  if (i == 0 || (i < length - 1 && bytes[*at + i] != ';' && bytes[*at + i] != ' ')) return CLI_HTTP_BAD;
  *at += length + 1;
  return CLI_HTTP_WHOLE;
}

/* The lines behind the last chunk, up to an empty one. */
static cli_http_found chunk_trailer(const char *bytes, size_t size, size_t *at) {
  for (size_t begin = *at;;) {
    size_t length = line_size(bytes, size, *at);
    if (length == (size_t)-1) return size - begin > CLI_HTTP_HEAD ? CLI_HTTP_BAD : CLI_HTTP_MORE;
    if (length == 0 || bytes[*at + length - 1] != '\r') return CLI_HTTP_BAD;
    *at += length + 1;
    if (length == 1) return CLI_HTTP_WHOLE;
  }
}

/* All chunks from `at` on. to NULL: only looks whether they are there; else their bytes are put there. */
static cli_http_found chunks_read(char *bytes, size_t size, size_t at, char *to, size_t *total, size_t *end) {
  *total = 0;
  for (;;) {
    size_t chunk;
    cli_http_found found = chunk_size(bytes, size, &at, &chunk);
    if (found != CLI_HTTP_WHOLE) return found;
    if (chunk == 0) break;
    if (chunk > CLI_HTTP_BODY - *total) return CLI_HTTP_BAD;
    if (size - at < chunk + 2) return CLI_HTTP_MORE;
    if (bytes[at + chunk] != '\r' || bytes[at + chunk + 1] != '\n') return CLI_HTTP_BAD;
    if (to) memmove(to + *total, bytes + at, chunk);
    *total += chunk;
    at += chunk + 2;
  }
  cli_http_found found = chunk_trailer(bytes, size, &at);
  *end = at;
  return found;
}

static cli_http_found body_read(cli_http_answer *a, const head *h, char *bytes, size_t size, size_t at, int ended) {
  size_t end = size;
  cli_http_found found = CLI_HTTP_WHOLE;
  a->body = bytes + at;
  if (a->status == 204 || a->status == 304) {
    end = at;
  } else if (h->chunked) {
    found = chunks_read(bytes, size, at, NULL, &a->size, &end);
  } else if (h->has_length) {
    a->size = h->length;
    end = at + h->length;
    if (size < end) found = CLI_HTTP_MORE;
  } else { /* until the connection ends */
    a->size = size - at;
    found = a->size > CLI_HTTP_BODY ? CLI_HTTP_BAD : ended ? CLI_HTTP_WHOLE : CLI_HTTP_MORE;
  }
  if (found == CLI_HTTP_WHOLE && end != size) return CLI_HTTP_BAD;
  if (found == CLI_HTTP_WHOLE && h->chunked) return chunks_read(bytes, size, at, bytes + at, &a->size, &end);
  return found;
}

cli_http_found cli_http_answer_read(cli_http_answer *answer, char *bytes, size_t size, int ended) {
  head h;
  size_t at = 0;
  cli_http_found found;
  do found = head_read(answer, &h, bytes, size, at, &at);
  while (found == CLI_HTTP_WHOLE && answer->status < 200 && answer->status != 101);
  if (found == CLI_HTTP_WHOLE) {
    if (answer->status == 101) return CLI_HTTP_BAD;
    answer->keep = !h.close && (h.chunked || h.has_length || answer->status == 204 || answer->status == 304);
    found = body_read(answer, &h, bytes, size, at, ended);
  }
  return found == CLI_HTTP_MORE && ended ? CLI_HTTP_BAD : found;
}
