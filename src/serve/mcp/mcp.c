/* From a message to the method that handles it: see mcp.h. */
#include "serve/mcp/mcp.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "serve/mcp/state.h"

#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"

/* -- the whole ----------------------------------------------------------------------------------------------------- */

trm_status trm__mcp_open(trm__mcp **out, trm__gateway *gateway, trm_error *err) {
  trm__mcp *mcp = trm__calloc(1, sizeof *mcp);
  if (!mcp) return trm__fail_memory(err, "MCP", sizeof *mcp);
  mcp->gateway = gateway;
  if (getrandom(mcp->key, sizeof mcp->key, 0) != (ssize_t)sizeof mcp->key) {
    trm__free(mcp);
    return trm__fail(err, TRM_E_IO, "MCP", "the system has no random numbers");
  }
  trm__mcp_add(mcp, &trm__mcp_product);
  *out = mcp;
  return TRM_OK;
}

void trm__mcp_add(trm__mcp *mcp, const trm__mcp_set *set) {
  if (mcp->sets < TRM__MCP_SETS) mcp->set[mcp->sets++] = set;
}

/* It ends, and nothing is said of it any more. */
static void mcp_cancel(trm__mcp_request *r) {
  trm__mcp_way way = r->way;
  trm__mcp_drop(&r);
  way.send(way.context, NULL, 1, 0);
}

void trm__mcp_close(trm__mcp **mcpp) {
  trm__mcp *mcp = *mcpp;
  *mcpp = NULL;
  if (mcp) trm__mcp_end_listening(mcp);
  while (mcp && mcp->first) mcp_cancel(mcp->first);
  trm__free(mcp);
}

void trm__mcp_be_patient(trm__mcp *mcp) {
  mcp->patient = 1;
}

void trm__mcp_ready(trm__mcp *mcp) {
  trm__mcp_request *r = mcp->first;
  while (r) {
    if (!r->held) {
      r = r->next;
      continue;
    }
    r->held = 0;
    r->rule->handle(r); /* may end it, and begin others */
    r = mcp->first;
  }
}

/* -- which era ----------------------------------------------------------------------------------------------------- */

static trm_status mcp_fail_version(trm__mcp_request *r, const char *version) {
  trm__mcp_fail(r, TRM__MCP_VERSION, trm__mcp_versions(version), "Unsupported protocol version: %.40s", version);
  return TRM_E_INPUT;
}

/* A request of the current era has all that this era wants of each. */
static trm_status mcp_check_current(trm__mcp_request *r, const trm__mcp_from *from) {
  const json_t *version = trm__mcp_meta(r, META_VERSION), *can = trm__mcp_meta(r, META_CAPABILITIES);
  const char *text = json_string_value(version);
  if (!text) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL,
                  "params._meta[\"" META_VERSION "\"] is missing: say \"" TRM__MCP_NEWEST "\"");
    return TRM_E_INPUT;
  }
  if (from->head && trm__mcp_headers_check(r, from->head, text)) return TRM_E_INPUT;
  if (strcmp(text, TRM__MCP_NEWEST) != 0) return mcp_fail_version(r, text);
  if (json_is_object(can)) return TRM_OK;
  trm__mcp_fail(r, TRM__MCP_PARAMS, NULL,
                "params._meta[\"" META_CAPABILITIES
                "\"] is missing: an object of what the client can do, {} for nothing");
  return TRM_E_INPUT;
}

/* Which era a request belongs to, by what it says itself: a version in _meta, else the field of the head, else by its
 * method. */
static trm_status mcp_era(trm__mcp_request *r, const trm__mcp_from *from) {
  const char *said = from->head ? trm__request_field(from->head, "mcp-protocol-version", NULL) : from->version;
  const char *text = json_string_value(trm__mcp_meta(r, META_VERSION));
  int discovers = strcmp(r->method, "server/discover") == 0;
  r->era = TRM__MCP_CURRENT;
  if (!text && !(said && strcmp(said, TRM__MCP_NEWEST) == 0) && !discovers) r->era = TRM__MCP_LEGACY;
  if (text && trm__mcp_is_legacy(text)) r->era = TRM__MCP_LEGACY;
  if (r->era == TRM__MCP_CURRENT) return mcp_check_current(r, from);
  if (said && !trm__mcp_is_legacy(said) && strcmp(r->method, "initialize") != 0) return mcp_fail_version(r, said);
  return TRM_OK;
}

/* -- what it is ---------------------------------------------------------------------------------------------------- */

static int mcp_is_id(const json_t *id) {
  return json_is_string(id) || json_is_integer(id);
}

/* A sentence that says why the message is none; NULL: it is one. */
static const char *mcp_fault(const json_t *message) {
  const char *version = json_string_value(json_object_get(message, "jsonrpc"));
  const json_t *id = json_object_get(message, "id"), *params = json_object_get(message, "params");
  if (json_is_array(message)) return "expected one message, found a list: send each by itself";
  if (!json_is_object(message)) return "expected a JSON-RPC 2.0 message, an object";
  if (!version || strcmp(version, "2.0") != 0) return "\"jsonrpc\" must be \"2.0\"";
  if (id && !mcp_is_id(id)) return "\"id\" must be a text or a whole number";
  if (json_object_get(message, "method")) {
    if (!json_is_string(json_object_get(message, "method"))) return "\"method\" must be a text";
    if (params && !json_is_object(params)) return "\"params\" must be an object";
    return NULL;
  }
  if (id && (json_object_get(message, "result") || json_object_get(message, "error"))) return NULL;
  return "\"method\" is missing";
}

/* -- notifications ------------------------------------------------------------------------------------------------- */

/* The one request at work of this client with this id. Without sessions two clients of one address may use the same
 * ids: then none of them is meant. */
static trm__mcp_request *mcp_find(trm__mcp *mcp, const char *client, const json_t *id) {
  trm__mcp_request *found = NULL;
  for (trm__mcp_request *r = mcp->first; r; r = r->next) {
    if (strcmp(r->client, client) != 0 || !json_equal(r->id, id)) continue;
    if (found) return NULL;
    found = r;
  }
  return found;
}

static void mcp_take_cancelled(trm__mcp *mcp, const json_t *params, const trm__mcp_from *from) {
  trm__mcp_request *r = mcp_find(mcp, from->client, json_object_get(params, "requestId"));
  if (!r || strcmp(r->method, "initialize") == 0) return;
  mcp_cancel(r);
}

/* -- taking -------------------------------------------------------------------------------------------------------- */

static void mcp_refuse(const trm__mcp_way *way, const json_t *id, int code, const char *message) {
  json_t *error = trm__mcp_error_json(mcp_is_id(id) ? id : NULL, code, NULL, message);
  way->send(way->context, error, 1, trm__mcp_error_status(code));
  json_decref(error);
}

static trm__mcp_request *mcp_make(trm__mcp *mcp, json_t *message, const trm__mcp_from *from, const trm__mcp_way *way) {
  trm__mcp_request *r = trm__calloc(1, sizeof *r);
  if (!r) return NULL;
  r->mcp = mcp;
  r->message = message;
  r->id = json_object_get(message, "id");
  r->params = json_object_get(message, "params");
  r->method = json_string_value(json_object_get(message, "method"));
  r->token = trm__mcp_meta(r, "progressToken");
  if (!mcp_is_id(r->token)) r->token = NULL;
  r->way = *way;
  r->scopes = from->scopes;
  r->progress = -1;
  r->began = trm_clock();
  snprintf(r->client, sizeof r->client, "%s", from->client);
  r->next = mcp->first;
  mcp->first = r;
  return r;
}

/* 1: the request is still in the list of those at work. */
static int mcp_lives(const trm__mcp *mcp, const trm__mcp_request *wanted) {
  for (const trm__mcp_request *r = mcp->first; r; r = r->next)
    if (r == wanted) return 1;
  return 0;
}

static void mcp_dispatch(trm__mcp_request *r, const trm__mcp_from *from) {
  if (mcp_era(r, from)) return;
  r->rule = trm__mcp_method_find(r->method);
  if (r->rule && (r->rule->eras & r->era)) r->rule->handle(r);
  else trm__mcp_fail(r, TRM__MCP_NO_METHOD, NULL, "there is no method \"%.100s\" in this version", r->method);
}

void trm__mcp_take(trm__mcp *mcp, json_t *message, const trm__mcp_from *from, const trm__mcp_way *way,
                   trm__mcp_request **request, int *silent) {
  const char *fault = mcp_fault(message), *method = json_string_value(json_object_get(message, "method"));
  *request = NULL;
  *silent = 0;
  if (fault) mcp_refuse(way, json_object_get(message, "id"), TRM__MCP_INVALID, fault);
  if (!fault && (!method || !json_object_get(message, "id"))) {
    *silent = 1;
    if (!method) trm__mcp_take_answer(mcp, message);
    else if (strcmp(method, "notifications/cancelled") == 0)
      mcp_take_cancelled(mcp, json_object_get(message, "params"), from);
  }
  if (fault || *silent) {
    json_decref(message);
    return;
  }
  trm__mcp_request *r = mcp_make(mcp, message, from, way);
  if (!r) {
    mcp_refuse(way, json_object_get(message, "id"), TRM__MCP_INTERNAL, "out of memory");
    json_decref(message);
    return;
  }
  mcp_dispatch(r, from);
  if (mcp_lives(mcp, r)) *request = r;
}
