/* One function a group of states, a byte at a time. A text grows in reader->text, where fields are remembered as
 * offsets until the head is whole, because the text moves as it grows. */
#include "net/http1.h"

#include <string.h>

#include "base/mem.h"
#include "net/grammar.h"
#include "net/http1_head.h"

enum {
  START,    /* the first byte of a request, or the CR of an empty line before it */
  EMPTY_LF, /* that line's LF */
  REQUEST,  /* the first byte of a request behind an empty line */
  METHOD,
  TARGET,
  VERSION,
  LINE_LF,
  FIELD, /* the first byte of a field line, or the CR that ends the head */
  NAME,
  VALUE_BEGIN,
  VALUE,
  FIELD_LF,
  HEAD_LF,
  BODY,  /* left bytes of a body with a length */
  CHUNK, /* the line before a chunk */
  DATA,  /* left bytes of a chunk */
  DATA_CR,
  DATA_LF,
  FINISHED, /* all is read, END is to be told */
  TOLD,     /* END was told; the next byte begins a request */
  FAILED
};

static const char *const method_names[TRM__METHODS] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const char *trm__method_name(trm__method method) {
  return method_names[method];
}

trm__http1_limits trm__http1_limits_default(void) {
  return (trm__http1_limits){.line = 8192, .head = 32768, .fields = 100, .body = 8 << 20, .extensions = 4096};
}

void trm__http1_open(trm__http1 *reader, const trm__http1_limits *limits) {
  *reader = (trm__http1){.limits = *limits, .state = START};
}

void trm__http1_close(trm__http1 *reader) {
  trm__free(reader->text);
  trm__free(reader->at);
  trm__free(reader->fields);
  *reader = (trm__http1){.state = FAILED};
}

int trm__http1_is_between(const trm__http1 *reader) {
  return reader->state == START || reader->state == TOLD;
}

static trm__http1_event http1_fail(trm__http1 *r, int status, const char *reason) {
  r->state = FAILED;
  r->status = status;
  r->reason = reason;
  return TRM__HTTP1_ERROR;
}

static trm__http1_event http1_no_memory(trm__http1 *r) {
  return http1_fail(r, 503, "out of memory");
}

#define KEPT_TEXT ((size_t)4096) /* bytes that a connection keeps between requests */

/* Before a request: large buffers of the last one are given back. */
static void http1_reset(trm__http1 *r) {
  trm__http1 fresh = {.limits = r->limits, .state = START};
  if (r->text_size <= KEPT_TEXT) {
    fresh.text = r->text;
    fresh.text_size = r->text_size;
    fresh.at = r->at;
    fresh.fields = r->fields;
    fresh.fields_size = r->fields_size;
    r->text = NULL;
    r->at = NULL;
    r->fields = NULL;
  }
  trm__http1_close(r);
  *r = fresh;
}

static int http1_put(trm__http1 *r, char c) {
  if (r->text_used == r->text_size) {
    size_t size = r->text_size ? r->text_size * 2 : 1024;
    char *text = trm__realloc(r->text, size, 1);
    if (!text) return 0;
    r->text = text;
    r->text_size = size;
  }
  r->text[r->text_used++] = c;
  return 1;
}

static trm__http1_event http1_keep(trm__http1 *r, char c) {
  return http1_put(r, c) ? TRM__HTTP1_MORE : http1_no_memory(r);
}

/* Room for one more field. */
static int http1_grow_fields(trm__http1 *r) {
  if (r->count < r->fields_size) return 1;
  size_t size = r->fields_size ? r->fields_size * 2 : 16;
  if (size > r->limits.fields) size = r->limits.fields;
  size_t *at = trm__realloc(r->at, size * 2, sizeof *at);
  if (!at) return 0;
  r->at = at;
  trm__field *fields = trm__realloc(r->fields, size, sizeof *fields);
  if (!fields) return 0;
  r->fields = fields;
  r->fields_size = size;
  return 1;
}

/* ---- the request line ---- */

static trm__http1_event http1_method(trm__http1 *r, unsigned char c) {
  if (c != ' ') {
    if (!trm__is_token(c)) return http1_fail(r, 400, "the request line does not begin with a method");
    if (r->word_size == sizeof r->word - 1) return http1_fail(r, 501, "this server does not know the method");
    r->word[r->word_size++] = (char)c;
    r->state = METHOD;
    return TRM__HTTP1_MORE;
  }
  if (!r->word_size) return http1_fail(r, 400, "the request line does not begin with a method");
  r->word[r->word_size] = '\0';
  r->word_size = 0;
  for (int i = 0; i < TRM__METHODS; i++)
    if (!strcmp(r->word, method_names[i])) {
      r->request.method = (trm__method)i;
      r->state = TARGET;
      return TRM__HTTP1_MORE;
    }
  return http1_fail(r, 501, "this server does not know the method");
}

static trm__http1_event http1_target(trm__http1 *r, unsigned char c) {
  if (c == ' ') {
    if (!r->text_used) return http1_fail(r, 400, "the request line has no target");
    r->state = VERSION;
    return http1_keep(r, '\0');
  }
  if (c <= ' ' || c >= 0x7f) return http1_fail(r, 400, "the target has characters that must be percent-encoded");
  return http1_keep(r, (char)c);
}

static trm__http1_event http1_version(trm__http1 *r, unsigned char c) {
  if (c != '\r') {
    if (r->word_size == sizeof "HTTP/1.1" - 1)
      return http1_fail(r, 400, "the request line does not end with a version");
    r->word[r->word_size++] = (char)c;
    return TRM__HTTP1_MORE;
  }
  const char *v = r->word;
  if (r->word_size != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' ||
      v[7] > '9')
    return http1_fail(r, 400, "the request line does not end with a version");
  if (v[5] != '1') return http1_fail(r, 505, "this server speaks HTTP/1.0 and HTTP/1.1");
  r->request.minor = v[7] != '0';
  r->state = LINE_LF;
  return TRM__HTTP1_MORE;
}

/* The line's bytes up to its LF; only a target can be long. */
static trm__http1_event http1_line(trm__http1 *r, unsigned char c) {
  if (++r->line_bytes > r->limits.line) return http1_fail(r, 414, "the request line is too long");
  switch (r->state) {
  case START:
    if (c == '\r') {
      r->state = EMPTY_LF;
      return TRM__HTTP1_MORE;
    }
    return http1_method(r, c);
  case EMPTY_LF:
    if (c != '\n') return http1_fail(r, 400, "a CR stands without its LF");
    r->state = REQUEST;
    return TRM__HTTP1_MORE;
  case TARGET:
    return http1_target(r, c);
  case VERSION:
    return http1_version(r, c);
  case LINE_LF:
    if (c != '\n') return http1_fail(r, 400, "a CR stands without its LF");
    r->state = FIELD;
    return TRM__HTTP1_MORE;
  default:
    return http1_method(r, c);
  }
}

/* ---- fields and trailers ----
 * A trailer is checked as a field is and not kept: its name goes to `word`, cut where no framing name is that long, its
 * value nowhere. The request's texts must not move any more. */

static void http1_trailer_put(trm__http1 *r, unsigned char c) {
  if (r->word_size < sizeof r->word - 1) r->word[r->word_size++] = trm__ascii_lower((char)c);
}

static trm__http1_event http1_name_begin(trm__http1 *r, unsigned char c) {
  if (c == '\r') {
    r->state = HEAD_LF;
    return TRM__HTTP1_MORE;
  }
  if (c == ' ' || c == '\t') return http1_fail(r, 400, "a field line begins with space");
  if (!trm__is_token(c)) return http1_fail(r, 400, "a field line does not begin with a name");
  if ((r->trailers ? r->trailer_count : r->count) == r->limits.fields)
    return http1_fail(r, 431, "there are too many fields");
  r->state = NAME;
  r->word_size = 0;
  if (r->trailers) {
    http1_trailer_put(r, c);
    return TRM__HTTP1_MORE;
  }
  if (!http1_grow_fields(r)) return http1_no_memory(r);
  r->at[2 * r->count] = r->text_used;
  return http1_keep(r, trm__ascii_lower((char)c));
}

static trm__http1_event http1_name(trm__http1 *r, unsigned char c) {
  int token = trm__is_token(c);
  if (!token && c != ':') return http1_fail(r, 400, "a field's name is not followed by a colon");
  if (!token) r->state = VALUE_BEGIN;
  if (r->trailers) {
    if (token) http1_trailer_put(r, c);
    return TRM__HTTP1_MORE;
  }
  if (!http1_put(r, token ? trm__ascii_lower((char)c) : '\0')) return http1_no_memory(r);
  if (!token) r->at[2 * r->count + 1] = r->text_used;
  return TRM__HTTP1_MORE;
}

/* The value is whole: its closing space goes. */
static trm__http1_event http1_value_end(trm__http1 *r) {
  r->state = FIELD_LF;
  if (r->trailers) {
    r->word[r->word_size] = '\0';
    r->trailer_count++;
    if (trm__http1_is_framing(r->word)) return http1_fail(r, 400, "a trailer must not frame the message");
    return TRM__HTTP1_MORE;
  }
  size_t begin = r->at[2 * r->count + 1];
  while (r->text_used > begin && strchr(" \t", r->text[r->text_used - 1])) r->text_used--;
  r->count++;
  return http1_keep(r, '\0');
}

static trm__http1_event http1_value(trm__http1 *r, unsigned char c) {
  if (c == '\r') return http1_value_end(r);
  if (!trm__is_field_text(c)) return http1_fail(r, 400, "a field's value has a control character");
  if (r->state == VALUE_BEGIN && (c == ' ' || c == '\t')) return TRM__HTTP1_MORE;
  r->state = VALUE;
  return r->trailers ? TRM__HTTP1_MORE : http1_keep(r, (char)c);
}

/* The empty line is there: what the head means. */
static trm__http1_event http1_head(trm__http1 *r) {
  if (r->trailers) {
    r->state = FINISHED;
    return TRM__HTTP1_MORE;
  }
  int status = 400;
  for (size_t i = 0; i < r->count; i++) r->fields[i] = (trm__field){r->text + r->at[2 * i], r->text + r->at[2 * i + 1]};
  r->request.fields = r->fields;
  r->request.field_count = r->count;
  const char *wrong = trm__http1_target(&r->request, r->text, &status);
  if (!wrong) wrong = trm__http1_frame(&r->request, r->limits.body, &status);
  if (wrong) return http1_fail(r, status, wrong);
  r->left = r->request.length;
  r->state = r->request.chunked ? CHUNK : r->left ? BODY : FINISHED;
  if (r->request.chunked) trm__chunk_begin(&r->chunk);
  return TRM__HTTP1_HEAD;
}

static trm__http1_event http1_field(trm__http1 *r, unsigned char c) {
  if (++r->head_bytes > r->limits.head) return http1_fail(r, 431, "the fields are too long");
  switch (r->state) {
  case FIELD:
    return http1_name_begin(r, c);
  case NAME:
    return http1_name(r, c);
  case FIELD_LF:
    if (c != '\n') return http1_fail(r, 400, "a CR stands without its LF");
    r->state = FIELD;
    return TRM__HTTP1_MORE;
  case HEAD_LF:
    if (c != '\n') return http1_fail(r, 400, "a CR stands without its LF");
    return http1_head(r);
  default:
    return http1_value(r, c);
  }
}

/* ---- the body ---- */

static trm__http1_event http1_chunk_line(trm__http1 *r, unsigned char c) {
  trm__chunk_event event = trm__chunk_read(&r->chunk, c);
  if (event == TRM__CHUNK_BAD) return http1_fail(r, 400, "a chunk does not begin with its size in hexadecimal digits");
  if (r->chunk.extensions > r->limits.extensions) return http1_fail(r, 400, "the chunk extensions are too long");
  if (event == TRM__CHUNK_MORE) return TRM__HTTP1_MORE;
  r->left = r->chunk.size;
  if (r->left > r->limits.body - r->total) return http1_fail(r, 413, "the body is larger than this server accepts");
  r->total += r->left;
  r->state = r->left ? DATA : FIELD;
  r->trailers = !r->left;
  if (r->trailers) r->head_bytes = 0;
  return TRM__HTTP1_MORE;
}

static trm__http1_event http1_chunk(trm__http1 *r, unsigned char c) {
  if (r->state == CHUNK) return http1_chunk_line(r, c);
  if (c != (r->state == DATA_CR ? '\r' : '\n')) return http1_fail(r, 400, "a chunk is not as long as its size says");
  r->state = r->state == DATA_CR ? DATA_LF : CHUNK;
  return TRM__HTTP1_MORE;
}

/* As many bytes of the body as there are. */
static trm__http1_event http1_body(trm__http1 *r, const char *data, size_t size, size_t *used) {
  size_t take = size < r->left ? size : (size_t)r->left;
  r->body = data;
  r->body_size = take;
  r->left -= take;
  *used += take;
  if (!r->left) r->state = r->state == BODY ? FINISHED : DATA_CR;
  return TRM__HTTP1_BODY;
}

static trm__http1_event http1_byte(trm__http1 *r, unsigned char c) {
  if (r->state < FIELD) return http1_line(r, c);
  if (r->state < BODY) return http1_field(r, c);
  return http1_chunk(r, c);
}

trm__http1_event trm__http1_read(trm__http1 *r, const char *data, size_t size, size_t *used) {
  *used = 0;
  if (r->state == FAILED) return TRM__HTTP1_ERROR;
  if (r->state == TOLD && size) http1_reset(r);
  for (;;) {
    if (r->state == FINISHED) {
      r->state = TOLD;
      return TRM__HTTP1_END;
    }
    if (*used == size) return TRM__HTTP1_MORE;
    if (r->state == BODY || r->state == DATA) return http1_body(r, data + *used, size - *used, used);
    trm__http1_event event = http1_byte(r, (unsigned char)data[(*used)++]);
    if (event != TRM__HTTP1_MORE) return event;
  }
}
