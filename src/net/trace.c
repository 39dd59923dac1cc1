/* Ids come from the kernel: they must differ between machines and processes, which the seeded streams of base/rng.h are
 * made not to do. */
#include "net/trace.h"

#include <string.h>
#include <sys/random.h>

static const char trace_digits[] = "0123456789abcdef";

/* size lower-case digits, not all of them 0, go to out. */
static int trace_id(const char *text, size_t size, char *out) {
  int any = 0;
  for (size_t i = 0; i < size; i++) {
    if (!text[i] || !strchr(trace_digits, text[i])) return 0;
    any |= text[i] != '0';
  }
  memcpy(out, text, size);
  out[size] = '\0';
  return any;
}

static int trace_byte(const char *text) {
  const char *high = text[0] ? strchr(trace_digits, text[0]) : NULL;
  const char *low = high && text[1] ? strchr(trace_digits, text[1]) : NULL;
  return low ? (int)((high - trace_digits) * 16 + (low - trace_digits)) : -1;
}

int trm__trace_parse(trm__trace *out, const char *text) {
  trm__trace trace;
  size_t length = text ? strlen(text) : 0;
  if (length < TRM__TRACEPARENT - 1 || text[2] != '-' || text[35] != '-' || text[52] != '-') return 0;
  int version = trace_byte(text), flags = trace_byte(text + 53);
  if (version < 0 || version == 0xff || flags < 0) return 0;
  if (length > TRM__TRACEPARENT - 1 && (version == 0 || text[55] != '-')) return 0;
  if (!trace_id(text + 3, 32, trace.trace_id) || !trace_id(text + 36, 16, trace.span_id)) return 0;
  trace.flags = (unsigned char)(flags & 1); /* the only flag that version 00 knows */
  *out = trace;
  return 1;
}

static int trace_random(char *out, size_t digits) {
  unsigned char bytes[16];
  if (getrandom(bytes, digits / 2, 0) != (ssize_t)(digits / 2)) return 0;
  bytes[0] |= !(bytes[0] | bytes[1] | bytes[2] | bytes[3]); /* never all zero */
  for (size_t i = 0; i < digits; i++) out[i] = trace_digits[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
  out[digits] = '\0';
  return 1;
}

int trm__trace_span(trm__trace *trace) {
  return trace_random(trace->span_id, 16);
}

int trm__trace_begin(trm__trace *out) {
  trm__trace trace = {.flags = 1};
  if (!trace_random(trace.trace_id, 32) || !trm__trace_span(&trace)) return 0;
  *out = trace;
  return 1;
}

void trm__trace_format(const trm__trace *trace, char out[TRM__TRACEPARENT]) {
  char *p = out;
  memcpy(p, "00-", 3);
  memcpy(p + 3, trace->trace_id, 32);
  p[35] = '-';
  memcpy(p + 36, trace->span_id, 16);
  p[52] = '-';
  p[53] = trace_digits[trace->flags >> 4];
  p[54] = trace_digits[trace->flags & 15];
  p[55] = '\0';
}
