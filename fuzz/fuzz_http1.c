/* Bytes of a connection for the request reader, whole and in two pieces (the first byte says where they part): the same
 * events, and what is told of a request is what its header promises. Chunked bodies are among the seeds. */
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "net/grammar.h"
#include "net/http1.h"
#include "net/media.h"
#include "net/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text) {
  for (; *text; text++)
    if (!trm__is_field_text((unsigned char)*text)) abort();
}

static void check_request(const trm__request *r, const trm__http1_limits *limits) {
  static const char *const offers[] = {"application/json", "text/event-stream", NULL};
  size_t hosts, lengths, codings;
  check_text(r->path);
  check_text(r->authority);
  if (r->query) check_text(r->query);
  if (r->path[0] != '/' && strcmp(r->path, "*") != 0) abort();
  for (size_t i = 0; i < r->field_count; i++) {
    check_text(r->fields[i].value);
    if (!r->fields[i].name[0]) abort();
    for (const char *c = r->fields[i].name; *c; c++)
      if (!trm__is_token((unsigned char)*c) || (*c >= 'A' && *c <= 'Z')) abort();
  }
  (void)trm__request_field(r, "host", &hosts);
  (void)trm__request_field(r, "content-length", &lengths);
  (void)trm__request_field(r, "transfer-encoding", &codings);
  if (hosts > 1 || (r->minor && hosts != 1) || lengths + codings > 1 || r->chunked != (codings == 1)) abort();
  if (r->field_count > limits->fields || r->length > limits->body || (r->chunked && r->length)) abort();
  char type[TRM__MEDIA_TYPE], value[32];
  const char *content = trm__request_field(r, "content-type", NULL);
  if (trm__media_type(content, type)) (void)trm__media_parameter(content, "charset", value, sizeof value);
  int offer = trm__accept_choose(r, offers);
  if (offer < -1 || offer > 1) abort();
}

static void note(trm__sha256 *sha, const char *text) {
  trm__sha256_add(sha, text, strlen(text) + 1);
}

/* Reads one piece, noting what is told; 0 after an error. */
static int read_piece(trm__http1 *reader, trm__sha256 *sha, uint64_t *body, const char *data, size_t size) {
  for (size_t used;; data += used, size -= used) {
    trm__http1_event event = trm__http1_read(reader, data, size, &used);
    if (used > size) abort();
    switch (event) {
    case TRM__HTTP1_MORE:
      if (used != size) abort();
      return 1;
    case TRM__HTTP1_HEAD:
      check_request(&reader->request, &reader->limits);
      note(sha, reader->request.path);
      note(sha, reader->request.authority);
      for (size_t i = 0; i < reader->request.field_count; i++) note(sha, reader->request.fields[i].value);
      *body = 0;
      break;
    case TRM__HTTP1_BODY:
      *body += reader->body_size;
      if (*body > reader->limits.body || !reader->body_size) abort();
      trm__sha256_add(sha, reader->body, reader->body_size);
      break;
    case TRM__HTTP1_END:
      check_request(&reader->request, &reader->limits);
      if (!reader->request.chunked && *body != reader->request.length) abort();
      note(sha, "end");
      break;
    default:
      if (reader->status < 400 || reader->status > 505 || !reader->reason[0]) abort();
      note(sha, reader->reason);
      return 0;
    }
  }
}

static void read_all(const char *data, size_t size, size_t cut, char hex[TRM__SHA256_HEX]) {
  trm__http1_limits limits = {.line = 200, .head = 300, .fields = 8, .body = 100, .extensions = 20};
  trm__http1 reader;
  trm__sha256 sha;
  uint64_t body = 0;
  trm__sha256_begin(&sha);
  trm__http1_open(&reader, &limits);
  if (read_piece(&reader, &sha, &body, data, cut)) (void)read_piece(&reader, &sha, &body, data + cut, size - cut);
  trm__http1_close(&reader);
  trm__sha256_end(&sha, hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char whole[TRM__SHA256_HEX], parted[TRM__SHA256_HEX];
  if (!size) return 0;
  const char *bytes = (const char *)data + 1;
  size--;
  read_all(bytes, size, size, whole);
  read_all(bytes, size, size ? data[0] % size : 0, parted);
  if (memcmp(whole, parted, sizeof whole) != 0) abort();
  return 0;
}
