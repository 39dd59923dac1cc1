/* Fields of the head that repeat what a message of the current era says, so that what lies between client and server
 * can act on them without reading bodies. Who acts on one and who reads the other must not be told two things: what
 * differs is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "serve/mcp/state.h"

static int digit_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 of length bytes, padded; returns how many bytes it stands for, negative where it is none. */
static int header_decode(const char *text, size_t length, char *out, size_t size) {
  unsigned bits = 0;
  int have = 0, used = 0;
  if (length % 4) return -1;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '=' && i + 2 >= length && (i + 1 == length || text[i + 1] == '=')) break;
    int value = digit_value(text[i]);
    if (value < 0 || (size_t)used + 1 >= size) return -1;
    bits = bits << 6 | (unsigned)value;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[used++] = (char)(bits >> have & 0xff);
  }
  out[used] = 0;
  return used;
}

/* 1: the field says wanted, plainly or as =?base64?...?=. */
static int header_says(const char *value, const char *wanted) {
  static const char begin[] = "=?base64?", end[] = "?=";
  char plain[2048];
  size_t length = strlen(value), head = sizeof begin - 1, tail = sizeof end - 1;
  if (length >= head + tail && strncmp(value, begin, head) == 0 && strcmp(value + length - tail, end) == 0)
    return header_decode(value + head, length - head - tail, plain, sizeof plain) == (int)strlen(wanted) &&
           strcmp(plain, wanted) == 0;
  return strcmp(value, wanted) == 0;
}

static trm_status header_expect(trm__mcp_request *r, const trm__request *head, const char *name, const char *shown,
                                const char *wanted) {
  size_t count;
  const char *value = trm__request_field(head, name, &count);
  if (value && count == 1 && header_says(value, wanted)) return TRM_OK;
  if (value)
    trm__mcp_fail(r, TRM__MCP_HEADERS, NULL, "Header mismatch: %s is \"%.100s\", and the message says \"%.100s\"",
                  shown, value, wanted);
  else trm__mcp_fail(r, TRM__MCP_HEADERS, NULL, "Header mismatch: %s is missing, expected \"%.100s\"", shown, wanted);
  return TRM_E_INPUT;
}

trm_status trm__mcp_headers_check(trm__mcp_request *r, const trm__request *head, const char *version) {
  const trm__mcp_method *rule = trm__mcp_method_find(r->method);
  const char *named = rule && rule->named ? json_string_value(json_object_get(r->params, rule->named)) : NULL;
  trm_status status = header_expect(r, head, "mcp-protocol-version", "MCP-Protocol-Version", version);
  if (!status) status = header_expect(r, head, "mcp-method", "Mcp-Method", r->method);
  if (!status && named) status = header_expect(r, head, "mcp-name", "Mcp-Name", named);
  return status;
}
