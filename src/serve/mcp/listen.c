/* subscriptions/listen: a request that stays at work and tells of changes, until its client goes or the server ends.
 * What is told carries the request's id, since over stdio all of them share one stream. */
#include <string.h>

#include "base/mem.h"
#include "serve/mcp/state.h"

#define LISTEN_META "io.modelcontextprotocol/subscriptionId"

static const struct {
  unsigned list;
  const char *wish, *told;
} listen_lists[] = {
    {TRM__MCP_TOOLS, "toolsListChanged", "notifications/tools/list_changed"},
    {TRM__MCP_PROMPTS, "promptsListChanged", "notifications/prompts/list_changed"},
    {TRM__MCP_RESOURCES, "resourcesListChanged", "notifications/resources/list_changed"},
};
enum { LISTS = sizeof listen_lists / sizeof *listen_lists };

static void listen_forget(trm__mcp_request *r) {
  trm__free(r->own);
}

/* params: taken; without memory nothing is told. */
static void listen_tell(trm__mcp_request *r, const char *method, json_t *params) {
  json_t *meta = json_pack("{s:O}", LISTEN_META, r->id);
  if (params && meta) {
    (void)json_object_set(params, "_meta", meta);
    trm__mcp_notify(r, method, json_incref(params));
  }
  json_decref(meta);
  json_decref(params);
}

void trm__mcp_listen(trm__mcp_request *r) {
  const json_t *wishes = json_object_get(r->params, "notifications");
  if (!json_is_object(wishes)) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.notifications is missing: an object of what is to be told");
    return;
  }
  unsigned *lists = trm__calloc(1, sizeof *lists);
  json_t *granted = json_object();
  if (!lists || !granted) {
    trm__free(lists);
    json_decref(granted);
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
    return;
  }
  for (size_t i = 0; i < LISTS; i++)
    if (json_is_true(json_object_get(wishes, listen_lists[i].wish))) {
      *lists |= listen_lists[i].list;
      (void)json_object_set_new(granted, listen_lists[i].wish, json_true());
    }
  r->own = lists;
  r->forget = listen_forget;
  listen_tell(r, "notifications/subscriptions/acknowledged", json_pack("{s:o}", "notifications", granted));
}

static int listen_is(const trm__mcp_request *r) {
  return r->rule && r->rule->handle == trm__mcp_listen && r->own;
}

void trm__mcp_changed(trm__mcp *mcp, unsigned lists) {
  for (trm__mcp_request *r = mcp ? mcp->first : NULL; r; r = r->next)
    for (size_t i = 0; listen_is(r) && i < LISTS; i++)
      if (lists & listen_lists[i].list & *(const unsigned *)r->own) listen_tell(r, listen_lists[i].told, json_object());
}

void trm__mcp_end_listening(trm__mcp *mcp) {
  trm__mcp_request *r = mcp->first;
  while (r) {
    if (!listen_is(r)) {
      r = r->next;
      continue;
    }
    trm__mcp_answer(r, json_pack("{s:{s:O}}", "_meta", LISTEN_META, r->id));
    r = mcp->first;
  }
}
