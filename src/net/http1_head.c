/* Framing is where programs disagree, so each rule here has one answer: count the fields that frame, refuse more than
 * one, refuse two kinds. */
#include "net/http1_head.h"

#include <string.h>

#include "net/grammar.h"

static const char *head_bad(int *status, int code, const char *reason) {
  *status = code;
  return reason;
}

/* host [":" port], without user information. A host is a name, an IPv4 address or an IPv6 one in brackets. */
static int head_is_authority(const char *text) {
  const char *p = text;
  if (*p == '[') {
    p++;
    while (trm__hex_digit((unsigned char)*p) >= 0 || *p == ':' || *p == '.') p++;
    if (*p != ']' || p == text + 1) return 0;
    p++;
  } else {
    while (trm__is_token((unsigned char)*p) && !strchr("#^`|%", *p)) p++;
    if (p == text) return 0;
  }
  if (*p != ':') return !*p;
  size_t digits = strspn(p + 1, "0123456789");
  return digits <= 5 && !p[1 + digits];
}

/* Of RFC 3986: what a path may hold, percent signs included. A query may hold more, as browsers send it. */
static int head_is_path(const char *text) {
  for (; *text; text++)
    if (strchr("\"#<>[\\]^`{|}?", *text)) return 0;
  return 1;
}

static int head_is_query(const char *text) {
  return !strpbrk(text, "\"#<>");
}

static const char *head_absolute(trm__request *request, char *target, int *status) {
  char *scheme_end = strstr(target, "://");
  if (!scheme_end || !(trm__ascii_is(target, (size_t)(scheme_end - target), "http") ||
                       trm__ascii_is(target, (size_t)(scheme_end - target), "https")))
    return head_bad(status, 400, "the target is neither a path nor an http or https address");
  char *authority = scheme_end + 3, *end = authority + strcspn(authority, "/?");
  /* The authority moves to the front, which leaves room for its NUL and for the '/' of an empty path. */
  size_t length = (size_t)(end - authority);
  memmove(target, authority, length);
  target[length] = '\0';
  request->authority = target;
  if (*end != '/') *--end = '/'; /* "http://host" and "http://host?query" */
  request->path = end;
  if (!head_is_authority(request->authority)) return head_bad(status, 400, "the target's host is not valid");
  return NULL;
}

const char *trm__http1_target(trm__request *request, char *target, int *status) {
  request->authority = NULL;
  request->query = NULL;
  request->path = target;
  if (!strcmp(target, "*")) {
    if (request->method == TRM__OPTIONS) return NULL;
    return head_bad(status, 400, "the target * is for OPTIONS alone");
  }
  if (target[0] != '/') {
    const char *wrong = head_absolute(request, target, status);
    if (wrong) return wrong;
  }
  char *query = strchr(request->path, '?');
  if (query) {
    *query = '\0';
    request->query = query + 1;
  }
  if (!head_is_path(request->path) || (query && !head_is_query(request->query)))
    return head_bad(status, 400, "the target has characters that must be percent-encoded");
  return NULL;
}

const char *trm__request_field(const trm__request *request, const char *name, size_t *count) {
  const char *first = NULL;
  size_t found = 0;
  for (size_t i = 0; i < request->field_count; i++)
    if (!strcmp(request->fields[i].name, name) && !found++) first = request->fields[i].value;
  if (count) *count = found;
  return first;
}

static const char *head_host(trm__request *request, int *status) {
  size_t count;
  const char *host = trm__request_field(request, "host", &count);
  if (count > 1) return head_bad(status, 400, "there is more than one Host field");
  if (!count && request->minor) return head_bad(status, 400, "there is no Host field");
  if (count && !head_is_authority(host)) return head_bad(status, 400, "the Host field is not a valid host");
  if (!request->authority) request->authority = count ? host : "";
  return NULL;
}

/* Digits alone; what does not fit is larger than any limit. */
static int head_length(const char *text, uint64_t *length) {
  size_t digits = strspn(text, "0123456789");
  if (!digits || text[digits]) return 0;
  *length = 0;
  for (; *text; text++)
    if (__builtin_mul_overflow(*length, (uint64_t)10, length) ||
        __builtin_add_overflow(*length, (uint64_t)(*text - '0'), length)) {
      *length = UINT64_MAX;
      return 1;
    }
  return 1;
}

static const char *head_body(trm__request *request, uint64_t limit, int *status) {
  size_t lengths, codings;
  const char *length = trm__request_field(request, "content-length", &lengths);
  const char *coding = trm__request_field(request, "transfer-encoding", &codings);
  request->chunked = codings > 0;
  request->length = 0;
  if (lengths > 1) return head_bad(status, 400, "there is more than one Content-Length field");
  if (lengths && codings) return head_bad(status, 400, "Content-Length and Transfer-Encoding exclude each other");
  if (codings > 1) return head_bad(status, 400, "there is more than one Transfer-Encoding field");
  if (codings && !request->minor) return head_bad(status, 400, "HTTP/1.0 has no Transfer-Encoding");
  if (codings && !trm__ascii_is(coding, strlen(coding), "chunked"))
    return head_bad(status, 400, "the only Transfer-Encoding is chunked");
  if (lengths && !head_length(length, &request->length))
    return head_bad(status, 400, "the Content-Length field is not a number");
  if (request->length > limit) return head_bad(status, 413, "the body is larger than this server accepts");
  return NULL;
}

/* HTTP/1.1 stays open unless told otherwise, 1.0 closes unless told otherwise; "close" wins over "keep-alive". */
static int head_keep_alive(const trm__request *request) {
  int close = 0, keep = 0;
  for (size_t i = 0; i < request->field_count; i++) {
    const char *list = request->fields[i].value, *word;
    size_t length;
    if (strcmp(request->fields[i].name, "connection") != 0) continue;
    while ((word = trm__list_next(&list, &length))) {
      close |= trm__ascii_is(word, length, "close");
      keep |= trm__ascii_is(word, length, "keep-alive");
    }
  }
  return !close && (request->minor || keep);
}

const char *trm__http1_frame(trm__request *request, uint64_t body_limit, int *status) {
  const char *wrong = head_host(request, status);
  if (!wrong) wrong = head_body(request, body_limit, status);
  if (wrong) return wrong;
  request->keep_alive = head_keep_alive(request);
  const char *expect = trm__request_field(request, "expect", NULL);
  request->expects_continue = request->minor && (request->chunked || request->length) && expect &&
                              trm__ascii_is(expect, strlen(expect), "100-continue");
  return NULL;
}

int trm__http1_is_framing(const char *name) {
  return !strcmp(name, "content-length") || !strcmp(name, "transfer-encoding") || !strcmp(name, "host");
}
