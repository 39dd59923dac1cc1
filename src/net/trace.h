/* W3C trace context (https://www.w3.org/TR/trace-context/, level 1): which trace a request belongs to. tracestate is
 * passed on as it came and has no function here. */
#ifndef TRM_NET_TRACE_H
#define TRM_NET_TRACE_H

#define TRM__TRACEPARENT 56 /* bytes of "00-TRACE-SPAN-FLAGS" and a NUL */

typedef struct trm__trace {
  char trace_id[33], span_id[17]; /* lower-case hexadecimal, never all zero */
  unsigned char flags;            /* 1: sampled */
} trm__trace;

/* Reads a traceparent field (NULL: none). 0 when it is not valid; then begin a trace. Of versions above 00 the first 55
 * characters are read. */
int trm__trace_parse(trm__trace *out, const char *traceparent);

/* A new trace with random ids, sampled; a new span in the trace that it has. 0 when the system has no random numbers.
 */
int trm__trace_begin(trm__trace *out);
int trm__trace_span(trm__trace *trace);

void trm__trace_format(const trm__trace *trace, char out[TRM__TRACEPARENT]);

#endif
