/* What a request asks of its client: see request.h. In the current era the server sends no requests: a result says what
 * is needed, and the client asks again, with the answers and with what is to come back. That passes through the client,
 * so it is sealed: HMAC-SHA-256 over method, tool, client and text, with a key that lives as long as the process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/text/json.h"
#include "serve/mcp/state.h"

#define CLIENT_META "io.modelcontextprotocol/clientCapabilities"
#define STATE_S 600 /* for which a state holds */
enum { MAC = TRM__SHA256_HEX - 1, BLOCK = 64 };

static const char *const client_levels[] = {"debug", "info",     "notice", "warning",
                                            "error", "critical", "alert",  "emergency"};
enum { LEVELS = sizeof client_levels / sizeof *client_levels };

/* -- what it can --------------------------------------------------------------------------------------------------- */

int trm__mcp_client_can(const trm__mcp_request *r, const char *what) {
  return r->era == TRM__MCP_LEGACY || json_object_get(trm__mcp_meta(r, CLIENT_META), what) != NULL;
}

void trm__mcp_need_capability(trm__mcp_request *r, const char *what) {
  trm__mcp_fail(r, TRM__MCP_CAPABILITY, json_pack("{s:{s:{}}}", "requiredCapabilities", what),
                "Missing required client capability: %s", what);
}

/* -- seals --------------------------------------------------------------------------------------------------------- */

/* The key's block of HMAC (RFC 2104), each byte changed by pad. */
static void state_begin(const trm__mcp_request *r, trm__sha256 *sha, int pad) {
  unsigned char block[BLOCK];
  for (size_t i = 0; i < BLOCK; i++) block[i] = (unsigned char)((i < sizeof r->mcp->key ? r->mcp->key[i] : 0) ^ pad);
  trm__sha256_begin(sha);
  trm__sha256_add(sha, block, sizeof block);
}

/* HMAC of what a state belongs to and its text, the inner hash in hexadecimal. */
static void state_mac(const trm__mcp_request *r, const char *text, char mac[TRM__SHA256_HEX]) {
  const char *name = json_string_value(json_object_get(r->params, r->rule->named ? r->rule->named : "name"));
  const char *const parts[] = {r->method, name ? name : "", r->client, text};
  char inner[TRM__SHA256_HEX];
  trm__sha256 sha;
  state_begin(r, &sha, 0x36);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) trm__sha256_add(&sha, parts[i], strlen(parts[i]) + 1);
  trm__sha256_end(&sha, inner);
  state_begin(r, &sha, 0x5c);
  trm__sha256_add(&sha, inner, MAC);
  trm__sha256_end(&sha, mac);
}

/* Takes as long wherever the two differ. */
static int state_is_same(const char *a, const char *b) {
  unsigned differ = 0;
  for (size_t i = 0; i < MAC; i++) differ |= (unsigned)((unsigned char)a[i] ^ (unsigned char)b[i]);
  return !differ;
}

/* state is taken. */
static json_t *state_seal(const trm__mcp_request *r, json_t *state) {
  char mac[TRM__SHA256_HEX];
  json_t *whole = json_pack("{s:I, s:o}", "until", (json_int_t)trm__wall_clock() + STATE_S, "state", state);
  char *text = whole ? trm__json_text(whole, JSON_COMPACT) : NULL;
  json_decref(whole);
  if (!text) return NULL;
  state_mac(r, text, mac);
  json_t *sealed = json_sprintf("%s.%s", mac, text);
  free(text);
  return sealed;
}

int trm__mcp_input_state(trm__mcp_request *r, json_t **state) {
  char mac[TRM__SHA256_HEX];
  const json_t *given = json_object_get(r->params, "requestState");
  const char *text = json_string_value(given);
  json_t *whole = NULL;
  *state = NULL;
  if (!given) return 1;
  int good = text && strlen(text) > MAC + 1 && text[MAC] == '.';
  if (good) {
    state_mac(r, text + MAC + 1, mac);
    good = state_is_same(mac, text) &&
           !trm__json_parse(&whole, text + MAC + 1, strlen(text) - MAC - 1, "requestState", NULL);
  }
  if (good) good = json_integer_value(json_object_get(whole, "until")) >= (json_int_t)trm__wall_clock();
  if (good) *state = json_incref(json_object_get(whole, "state"));
  json_decref(whole);
  if (!good)
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL,
                  "params.requestState is not what was sent, or its time is over: begin again without it");
  return good;
}

/* -- the current era: asking again --------------------------------------------------------------------------------- */

const json_t *trm__mcp_input(const trm__mcp_request *r, const char *key) {
  const json_t *response = json_object_get(json_object_get(r->params, "inputResponses"), key);
  return json_is_object(response) ? response : NULL;
}

/* What a client must be able to do for a request of ours. */
static const char *client_capability(const char *method) {
  if (strncmp(method, "elicitation/", 12) == 0) return "elicitation";
  return strncmp(method, "sampling/", 9) == 0 ? "sampling" : "roots";
}

int trm__mcp_may_ask(const trm__mcp_request *r, const char *method) {
  return trm__mcp_client_can(r, client_capability(method));
}

/* requests without those that the client cannot answer; *missing: what one of these needs. */
static json_t *client_askable(const trm__mcp_request *r, json_t *requests, const char **missing) {
  json_t *askable = json_object(), *request;
  const char *key;
  json_object_foreach(requests, key, request) {
    const char *method = json_string_value(json_object_get(request, "method"));
    if (trm__mcp_may_ask(r, method)) (void)json_object_set(askable, key, request);
    else *missing = client_capability(method);
  }
  json_decref(requests);
  return askable;
}

void trm__mcp_need_input(trm__mcp_request *r, json_t *requests, json_t *state) {
  const char *missing = "elicitation";
  json_t *askable = client_askable(r, requests, &missing), *sealed = NULL;
  if (json_object_size(askable) == 0) {
    json_decref(askable);
    json_decref(state);
    trm__mcp_need_capability(r, missing);
    return;
  }
  if (state && !(sealed = state_seal(r, state))) {
    json_decref(askable);
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
    return;
  }
  trm__mcp_answer(r, json_pack("{s:s, s:o, s:o*}", "resultType", "input_required", "inputRequests", askable,
                               "requestState", sealed));
}

/* -- the era before: asking in between ----------------------------------------------------------------------------- */

void trm__mcp_client_ask(trm__mcp_request *r, const char *method, json_t *params, trm__mcp_heard heard) {
  unsigned char number[16];
  if (getrandom(number, sizeof number, 0) != (ssize_t)sizeof number) {
    json_decref(params);
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "the system has no random numbers");
    return;
  }
  for (size_t i = 0; i < sizeof number; i++) (void)snprintf(r->asked + 2 * i, 3, "%02x", number[i]);
  r->heard = heard;
  json_t *message =
      json_pack("{s:s, s:s, s:s, s:o}", "jsonrpc", "2.0", "id", r->asked, "method", method, "params", params);
  if (message) r->way.send(r->way.context, message, 0, 0);
  json_decref(message);
}

void trm__mcp_take_answer(trm__mcp *mcp, const json_t *message) {
  const char *id = json_string_value(json_object_get(message, "id"));
  for (trm__mcp_request *r = id && *id ? mcp->first : NULL; r; r = r->next)
    if (strcmp(r->asked, id) == 0) {
      r->asked[0] = 0;
      r->heard(r, json_object_get(message, "result"));
      return;
    }
}

static size_t client_level(const char *level) {
  size_t i = 0;
  while (i < LEVELS && strcmp(client_levels[i], level) != 0) i++;
  return i;
}

void trm__mcp_log(trm__mcp_request *r, const char *level, const char *text) {
  const char *least = json_string_value(trm__mcp_meta(r, "io.modelcontextprotocol/logLevel"));
  if (r->era == TRM__MCP_CURRENT && !least) return;
  if (client_level(level) < client_level(least ? least : "debug")) return;
  trm__mcp_notify(r, "notifications/message",
                  json_pack("{s:s, s:s, s:s}", "level", level, "logger", "trm", "data", text));
}
