/* The options of trm action, trm check and trm workflow: read by trm, for its help and its messages, and by trm-agent,
 * which they start. */
#ifndef TRM_AGENT_OPTIONS_H
#define TRM_AGENT_OPTIONS_H

#include <stdint.h>
#include <trm/options.h>

enum { TRM__AGENT_TEXT, TRM__AGENT_JSON, TRM__AGENT_MCP, TRM__AGENT_OPENAI, TRM__AGENT_HTTP };

typedef struct trm__agent_options {
  char definitions[512], allow[2048], roots[2048], device[64], journal[512], run[128];
  int json, format, svg;
  int64_t threads, retries, parallel; /* parallel 0: as the workflow says */
  double timeout_s;                   /* NaN: each action's own */
} trm__agent_options;

typedef enum trm__agent_table {
  TRM__AGENT_CATALOG, /* where actions come from */
  TRM__AGENT_LIST,    /* how they are listed */
  TRM__AGENT_CALL,    /* how one is called */
  TRM__AGENT_MAY,     /* what they may do, and with what they compute */
  TRM__AGENT_RUN,     /* how a workflow runs */
  TRM__AGENT_SHOW,    /* how one is shown */
  TRM__AGENT_TABLES
} trm__agent_table;
const trm_option *trm__agent_options_of(trm__agent_table table, size_t *count);

#endif
