/* The methods, in one table, and those that are about the server itself. */
#include <string.h>

#include "serve/mcp/state.h"

enum { BOTH = TRM__MCP_LEGACY | TRM__MCP_CURRENT, HOUR_MS = 3600000, SOON_MS = 5000 };

static const char *method_instructions(void) {
  return "Solves Sudoku, mazes and other grid puzzles with small trained networks. Every answer says whether the "
         "puzzle's own rules were asked (checked), what they say (verdict), who solved it (by) and what it cost. An "
         "answer that is not solved is the network's best try: say so, do not pass it on as a solution. Puzzles are "
         "text, cell by cell in rows: Sudoku with . for an empty cell, mazes with # for walls, S, G and spaces.";
}

static json_t *method_capabilities(const trm__mcp *mcp, trm__mcp_era era) {
  json_t *o = json_pack("{s:{}, s:{}, s:{}, s:{}}", "tools", "resources", "prompts", "completions");
  (void)mcp, (void)era;
  return o;
}

/* -- the server itself --------------------------------------------------------------------------------------------- */

/* The version that both can: the client's where it is known here, else the newest of this era. */
static void method_initialize(trm__mcp_request *r) {
  const char *version = json_string_value(json_object_get(r->params, "protocolVersion"));
  if (!version) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.protocolVersion is missing");
    return;
  }
  if (!trm__mcp_is_legacy(version)) version = TRM__MCP_LEGACY_NEWEST;
  trm__mcp_answer(r, json_pack("{s:s, s:o, s:o, s:s}", "protocolVersion", version, "capabilities",
                               method_capabilities(r->mcp, r->era), "serverInfo", trm__mcp_server_info(),
                               "instructions", method_instructions()));
}

static void method_ping(trm__mcp_request *r) {
  trm__mcp_answer(r, json_object());
}

static void method_discover(trm__mcp_request *r) {
  trm__mcp_answer(r, json_pack("{s:[s], s:o, s:s}", "supportedVersions", TRM__MCP_NEWEST, "capabilities",
                               method_capabilities(r->mcp, r->era), "instructions", method_instructions()));
}

/* -- the table ----------------------------------------------------------------------------------------------------- */

static const trm__mcp_method methods_table[] = {
    {"initialize", TRM__MCP_LEGACY, method_initialize, -1, NULL, NULL},
    {"ping", TRM__MCP_LEGACY, method_ping, -1, NULL, NULL},
    {"server/discover", TRM__MCP_CURRENT, method_discover, HOUR_MS, "public", NULL},
    {"tools/list", BOTH, trm__mcp_tools_list, HOUR_MS, "public", NULL},
    {"tools/call", BOTH, trm__mcp_tools_call, -1, NULL, "name"},
    {"resources/list", BOTH, trm__mcp_resources_list, SOON_MS, "private", NULL},
    {"resources/templates/list", BOTH, trm__mcp_resources_templates, HOUR_MS, "public", NULL},
    {"resources/read", BOTH, trm__mcp_resources_read, SOON_MS, "private", "uri"},
    {"prompts/list", BOTH, trm__mcp_prompts_list, HOUR_MS, "public", NULL},
    {"prompts/get", BOTH, trm__mcp_prompts_get, -1, NULL, "name"},
    {"completion/complete", BOTH, trm__mcp_complete, -1, NULL, NULL},
};

const trm__mcp_method *trm__mcp_method_find(const char *name) {
  for (size_t i = 0; i < sizeof methods_table / sizeof *methods_table; i++)
    if (strcmp(methods_table[i].name, name) == 0) return &methods_table[i];
  return NULL;
}
