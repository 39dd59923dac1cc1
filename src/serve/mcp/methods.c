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

/* 1: something can be subscribed to. */
static int method_watches(const trm__mcp *mcp) {
  const trm__mcp_set *set;
  for (size_t s = 0; (set = trm__mcp_set_at(mcp, s)); s++)
    for (size_t i = 0; i < set->resources; i++)
      if (set->resource[i].watched) return 1;
  return 0;
}

/* What is declared is what is handled. Changes of lists are told to who listens, which only the current era can. */
static json_t *method_capabilities(const trm__mcp *mcp, trm__mcp_era era) {
  json_t *o = json_pack("{s:{}, s:{}, s:{}, s:{}}", "tools", "resources", "prompts", "completions");
  static const char *const lists[] = {"tools", "resources", "prompts"};
  for (size_t i = 0; o && era == TRM__MCP_CURRENT && i < sizeof lists / sizeof *lists; i++)
    (void)json_object_set_new(json_object_get(o, lists[i]), "listChanged", json_true());
  if (o && era == TRM__MCP_LEGACY && method_watches(mcp))
    (void)json_object_set_new(json_object_get(o, "resources"), "subscribe", json_true());
  if (o && era == TRM__MCP_LEGACY) (void)json_object_set_new(o, "logging", json_object());
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

/* Levels are a matter of each request now; before, of a session, of which none is kept: all is told. */
static void method_set_level(trm__mcp_request *r) {
  static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
  const char *level = json_string_value(json_object_get(r->params, "level"));
  for (size_t i = 0; level && i < sizeof levels / sizeof *levels; i++)
    if (strcmp(level, levels[i]) == 0) {
      trm__mcp_answer(r, json_object());
      return;
    }
  trm__mcp_fail(r, TRM__MCP_PARAMS, NULL,
                "params.level: expected debug, info, notice, warning, error, critical, alert or "
                "emergency");
}

/* Before the current era a change would be told on a stream that stands open by itself; there is none, so a client
 * reads again when it wants to know. */
static void method_subscribe(trm__mcp_request *r) {
  const trm__mcp_set *set;
  const char *uri = json_string_value(json_object_get(r->params, "uri"));
  for (size_t s = 0; uri && (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; i < set->resources; i++)
      if (set->resource[i].watched && strcmp(set->resource[i].uri, uri) == 0) {
        trm__mcp_answer(r, json_object());
        return;
      }
  trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.uri: expected the address of a resource that can be subscribed to");
}

static void method_discover(trm__mcp_request *r) {
  json_t *versions = trm__mcp_versions("");
  trm__mcp_answer(r, json_pack("{s:O, s:o, s:s}", "supportedVersions", json_object_get(versions, "supported"),
                               "capabilities", method_capabilities(r->mcp, r->era), "instructions",
                               method_instructions()));
  json_decref(versions);
}

/* -- the table ----------------------------------------------------------------------------------------------------- */

static const trm__mcp_method methods_table[] = {
    {"initialize", TRM__MCP_LEGACY, method_initialize, -1, NULL, NULL},
    {"ping", TRM__MCP_LEGACY, method_ping, -1, NULL, NULL},
    {"logging/setLevel", TRM__MCP_LEGACY, method_set_level, -1, NULL, NULL},
    {"resources/subscribe", TRM__MCP_LEGACY, method_subscribe, -1, NULL, NULL},
    {"resources/unsubscribe", TRM__MCP_LEGACY, method_subscribe, -1, NULL, NULL},
    {"subscriptions/listen", TRM__MCP_CURRENT, trm__mcp_listen, -1, NULL, NULL},
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
