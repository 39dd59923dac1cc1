/* What requests and methods ask of the server: below all of them. */
#include "serve/mcp/state.h"

#include <string.h>

static const char *const state_legacy[] = {"2024-11-05", TRM__MCP_LEGACY_ASSUMED, "2025-06-18", TRM__MCP_LEGACY_NEWEST};

int trm__mcp_is_legacy(const char *version) {
  for (size_t i = 0; i < sizeof state_legacy / sizeof *state_legacy; i++)
    if (strcmp(version, state_legacy[i]) == 0) return 1;
  return 0;
}

json_t *trm__mcp_versions(const char *requested) {
  json_t *list = json_pack("[s]", TRM__MCP_NEWEST);
  for (size_t i = sizeof state_legacy / sizeof *state_legacy; list && i-- > 0;)
    (void)json_array_append_new(list, json_string(state_legacy[i]));
  return json_pack("{s:o, s:s}", "supported", list, "requested", requested);
}

const trm__mcp_set *trm__mcp_set_at(const trm__mcp *mcp, size_t index) {
  return index < mcp->sets ? mcp->set[index] : NULL;
}

trm__gateway *trm__mcp_gateway(const trm__mcp *mcp) {
  return mcp->gateway;
}

json_t *trm__mcp_server_info(void) {
  return json_pack("{s:s, s:s, s:s}", "name", "trm", "title", "Tiny Recursion Models", "version", trm_version());
}

int trm__mcp_waits(trm__mcp_request *r) {
  r->held = r->mcp->patient && !r->mcp->gateway->started;
  return r->held;
}
