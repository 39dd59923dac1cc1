/* A server for the conformance suite of the Model Context Protocol: the product's registry, transport and checks, with
 * one more set of tools, resources and prompts, whose names and behaviour the suite wants. It has no engine.
 *
 *     mcp_fixture          says "listening on 127.0.0.1:PORT" and answers until its input ends */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/dispatch.h"
#include "net/server.h"
#include "serve/mcp/mcp.h"
#include "serve/routes.h"
#include "serve/schemas.h"
#include "serve/session.h"

#define PNG "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
#define WAV "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
#define COUNT(table) (sizeof(table) / sizeof *(table))

static trm__gateway gateway;

static json_t *fixture_json(const char *text) {
  json_t *value = json_loads(text, 0, NULL);
  if (!value) abort();
  return value;
}

static const char *fixture_name(const trm__mcp_request *r) {
  return json_string_value(json_object_get(r->params, "name"));
}

static void fixture_text(trm__mcp_request *r, json_t *text) {
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text", text));
}

/* -- schemas ------------------------------------------------------------------------------------------------------- */

static json_t *input_prompt(void) {
  return fixture_json(
      "{\"type\":\"object\",\"properties\":{\"prompt\":{\"type\":\"string\"}},\"required\":[\"prompt\"]}");
}

static json_t *input_message(void) {
  return fixture_json(
      "{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\"}},\"required\":[\"message\"]}");
}

static json_t *input_2020_12(void) {
  return fixture_json(
      "{\"$schema\":\"https://json-schema.org/draft/2020-12/"
      "schema\",\"type\":\"object\",\"$defs\":{\"address\":{\"$anchor\":"
      "\"addressDef\",\"type\":\"object\",\"properties\":{\"street\":{\"type\":\"string\"},\"city\":{\"type\":"
      "\"string\"}}}},"
      "\"properties\":{\"name\":{\"type\":\"string\"},\"address\":{\"$ref\":\"#/$defs/"
      "address\"},\"contactMethod\":{\"type\":"
      "\"string\",\"enum\":[\"phone\",\"email\"]},\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
      "\"allOf\":"
      "[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],\"if\":{\"properties\":{\"contactMethod\":"
      "{\"const\":\"phone\"}},\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},\"else\":{"
      "\"required\":"
      "[\"email\"]},\"additionalProperties\":false}");
}

/* -- answers at once ----------------------------------------------------------------------------------------------- */

static const struct {
  const char *tool, *result;
} fixed[] = {
    {"test_simple_text",
     "{\"content\":[{\"type\":\"text\",\"text\":\"This is a simple text response for testing.\"}]}"},
    {"test_image_content", "{\"content\":[{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}]}"},
    {"test_audio_content", "{\"content\":[{\"type\":\"audio\",\"data\":\"" WAV "\",\"mimeType\":\"audio/wav\"}]}"},
    {"test_embedded_resource", "{\"content\":[{\"type\":\"resource\",\"resource\":{\"uri\":\"test://"
                               "embedded-resource\",\"mimeType\":\"text/plain\","
                               "\"text\":\"This is an embedded resource content.\"}}]}"},
    {"test_multiple_content_types",
     "{\"content\":[{\"type\":\"text\",\"text\":\"Multiple content types test:\"},{\"type\":\"image\",\"data\":\"" PNG
     "\",\"mimeType\":\"image/png\"},{\"type\":\"resource\",\"resource\":{\"uri\":\"test://mixed-content-resource\","
     "\"mimeType\":\"application/json\",\"text\":\"{\\\"test\\\":\\\"data\\\",\\\"value\\\":123}\"}}]}"},
};

static void run_fixed(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  for (size_t i = 0; i < COUNT(fixed); i++)
    if (strcmp(fixed[i].tool, fixture_name(r)) == 0) {
      trm__mcp_answer(r, fixture_json(fixed[i].result));
      return;
    }
  fixture_text(r, json_string("done"));
}

static void run_error(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  trm__mcp_tool_error(r, "This tool intentionally returns an error for testing");
}

static void run_capability(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  if (trm__mcp_client_can(r, "sampling")) fixture_text(r, json_string("sampling is there"));
  else trm__mcp_need_capability(r, "sampling");
}

static void run_change(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  trm__mcp_changed(r->mcp, strstr(fixture_name(r), "tool") ? TRM__MCP_TOOLS : TRM__MCP_PROMPTS);
  fixture_text(r, json_string("changed"));
}

/* -- answers after a while ----------------------------------------------------------------------------------------- */

typedef struct steps {
  trm__mcp_request *request;
  struct event *timer;
  int step, logs;
} steps;

static void steps_forget(trm__mcp_request *r) {
  steps *s = r->own;
  event_free(s->timer);
  free(s);
}

static void steps_on_timer(evutil_socket_t fd, short what, void *context) {
  static const char *const lines[] = {"Tool execution started", "Tool processing data", "Tool execution completed"};
  steps *s = context;
  struct timeval pause = {0, 50000};
  (void)fd, (void)what;
  if (s->step == 3) {
    fixture_text(s->request, json_string("Three steps were taken."));
    return;
  }
  if (s->logs) trm__mcp_log(s->request, "info", lines[s->step]);
  else trm__mcp_progress(s->request, 50.0 * s->step, 100, NULL);
  s->step++;
  evtimer_add(s->timer, &pause);
}

static void run_steps(trm__mcp_request *r, const json_t *arguments) {
  steps *s = calloc(1, sizeof *s);
  (void)arguments;
  if (!s) abort();
  *s = (steps){.request = r, .logs = strstr(fixture_name(r), "logging") != NULL};
  s->timer = evtimer_new(gateway.base, steps_on_timer, s);
  r->own = s;
  r->forget = steps_forget;
  event_active(s->timer, 0, 0);
}

/* -- asking the client, before 2026 -------------------------------------------------------------------------------- */

static const struct {
  const char *tool, *method, *params, *from; /* from: the argument that becomes the message */
} asked[] = {
    {"test_sampling", "sampling/createMessage", "{\"maxTokens\":100}", "prompt"},
    {"test_elicitation", "elicitation/create",
     "{\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"username\":{\"type\":\"string\",\"description\":"
     "\"name\"},"
     "\"email\":{\"type\":\"string\",\"description\":\"address\"}},\"required\":[\"username\",\"email\"]}}",
     "message"},
    {"test_elicitation_sep1034_defaults", "elicitation/create",
     "{\"message\":\"Defaults?\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
     "\"string\","
     "\"default\":\"John "
     "Doe\"},\"age\":{\"type\":\"integer\",\"default\":30},\"score\":{\"type\":\"number\",\"default\":95.5},"
     "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],\"default\":\"active\"},"
     "\"verified\":"
     "{\"type\":\"boolean\",\"default\":true}},\"required\":[]}}",
     NULL},
    {"test_elicitation_sep1330_enums", "elicitation/create",
     "{\"message\":\"Choices?\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"untitledSingle\":{\"type\":"
     "\"string\","
     "\"enum\":[\"option1\",\"option2\",\"option3\"]},\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":"
     "\"value1\","
     "\"title\":\"First Option\"},{\"const\":\"value2\",\"title\":\"Second Option\"},{\"const\":\"value3\",\"title\":"
     "\"Third Option\"}]},\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],\"enumNames\":"
     "[\"Option One\",\"Option Two\",\"Option "
     "Three\"]},\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
     "\"enum\":[\"option1\",\"option2\",\"option3\"]}},\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[{"
     "\"const\":"
     "\"value1\",\"title\":\"First Choice\"},{\"const\":\"value2\",\"title\":\"Second Choice\"},{\"const\":\"value3\","
     "\"title\":\"Third Choice\"}]}}},\"required\":[]}}",
     NULL},
};

static void asked_heard(trm__mcp_request *r, const json_t *result) {
  const char *text = json_string_value(json_object_get(json_object_get(result, "content"), "text"));
  if (!result) {
    trm__mcp_tool_error(r, "the client has answered with an error");
    return;
  }
  char *content = json_dumps(json_object_get(result, "content"), JSON_ENCODE_ANY);
  const char *action = json_string_value(json_object_get(result, "action"));
  if (text) fixture_text(r, json_sprintf("LLM response: %s", text));
  else
    fixture_text(r,
                 json_sprintf("%s: action=%s, content=%s",
                              strcmp(fixture_name(r), "test_elicitation") ? "Elicitation completed" : "User response",
                              action, content ? content : "{}"));
  free(content);
}

static void run_asked(trm__mcp_request *r, const json_t *arguments) {
  size_t i = 0;
  while (strcmp(asked[i].tool, fixture_name(r)) != 0) i++;
  json_t *params = fixture_json(asked[i].params);
  json_t *said = asked[i].from ? json_object_get(arguments, asked[i].from) : NULL;
  if (said && i == 0)
    json_object_set_new(params, "messages",
                        json_pack("[{s:s, s:{s:s, s:O}}]", "role", "user", "content", "type", "text", "text", said));
  else if (said) json_object_set(params, "message", said);
  trm__mcp_client_ask(r, asked[i].method, params, asked_heard);
}

/* -- asking the client, since 2026 --------------------------------------------------------------------------------- */

#define ELICIT(key, message, field, type)                                                                              \
  "\"" key "\":{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"form\",\"message\":\"" message                \
  "\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"" field "\":{\"type\":\"" type                        \
  "\"}},\"required\":[\"" field "\"]}}}"
#define SAMPLE(key, text, tokens)                                                                                      \
  "\"" key "\":{\"method\":\"sampling/createMessage\",\"params\":{\"messages\":[{\"role\":\"user\",\"content\":"       \
  "{\"type\":\"text\",\"text\":\"" text "\"}}],\"maxTokens\":" tokens "}}"
#define ROOTS "\"client_roots\":{\"method\":\"roots/list\",\"params\":{}}"

static const struct {
  const char *name;
  const char *round[2]; /* requests of each; NULL: there is none */
  int state;
} needed[] = {
    {"test_input_required_result_elicitation",
     {"{" ELICIT("user_name", "What is your name?", "name", "string") "}"},
     0},
    {"test_input_required_result_sampling",
     {"{" SAMPLE("capital_question", "What is the capital of France?", "100") "}"},
     0},
    {"test_input_required_result_list_roots", {"{" ROOTS "}"}, 0},
    {"test_input_required_result_request_state", {"{" ELICIT("confirm", "Please confirm", "ok", "boolean") "}"}, 1},
    {"test_input_required_result_tampered_state", {"{" ELICIT("confirm", "Please confirm", "ok", "boolean") "}"}, 1},
    {"test_input_required_result_multiple_inputs",
     {"{" ELICIT("user_name", "What is your name?", "name", "string") "," SAMPLE("greeting", "Generate a greeting",
                                                                                 "50") "," ROOTS "}"},
     1},
    {"test_input_required_result_multi_round",
     {"{" ELICIT("step1", "Step 1: What is your name?", "name", "string") "}",
      "{" ELICIT("step2", "Step 2: What is your favorite color?", "color", "string") "}"},
     1},
    {"test_input_required_result_capabilities",
     {"{" ELICIT("user_name", "What is your name?", "name", "string") "," SAMPLE("greeting", "Generate a greeting",
                                                                                 "50") "}"},
     0},
    {"test_streaming_elicitation", {"{" ELICIT("user_name", "What is your name?", "name", "string") "}"}, 0},
    {"test_input_required_result_prompt",
     {"{" ELICIT("user_context", "What context should the prompt use?", "context", "string") "}"},
     0},
};

/* 1: something could be asked, and all that could has been answered. */
static int needed_is_there(const trm__mcp_request *r, const json_t *requests) {
  const char *key;
  json_t *request;
  int asked_for = 0;
  json_object_foreach((json_t *)(uintptr_t)requests, key, request) {
    if (!trm__mcp_may_ask(r, json_string_value(json_object_get(request, "method")))) continue;
    if (!trm__mcp_input(r, key)) return 0;
    asked_for++;
  }
  return asked_for > 0;
}

static void needed_done(trm__mcp_request *r) {
  char *answers = json_dumps(json_object_get(r->params, "inputResponses"), JSON_COMPACT);
  const json_t *name = json_object_get(json_object_get(trm__mcp_input(r, "user_name"), "content"), "name");
  if (strcmp(fixture_name(r), "test_input_required_result_prompt") == 0)
    trm__mcp_answer(r, json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "messages", "role", "user", "content", "type", "text",
                                 "text", answers ? answers : ""));
  else if (name) fixture_text(r, json_sprintf("Hello, %s!", json_string_value(name)));
  else fixture_text(r, json_sprintf("state-ok %s", answers ? answers : ""));
  free(answers);
}

static void run_needed(trm__mcp_request *r, const json_t *arguments) {
  size_t i = 0;
  json_t *state;
  (void)arguments;
  while (strcmp(needed[i].name, fixture_name(r)) != 0) i++;
  if (!trm__mcp_input_state(r, &state)) return;
  json_int_t round = json_integer_value(state);
  int begun = state != NULL || !needed[i].state;
  json_decref(state);
  json_t *requests = fixture_json(needed[i].round[round]);
  if (begun && needed_is_there(r, requests)) {
    json_decref(requests);
    requests = round == 0 && needed[i].round[1] ? fixture_json(needed[i].round[1]) : NULL;
    round++;
  }
  if (requests) trm__mcp_need_input(r, requests, needed[i].state ? json_integer(round) : NULL);
  else needed_done(r);
}

static void get_needed(trm__mcp_request *r, const json_t *arguments) {
  run_needed(r, arguments);
}

/* -- resources and prompts ----------------------------------------------------------------------------------------- */

static void read_text(trm__mcp_request *r, const char *uri, const char *variable) {
  json_t *text =
      *variable ? json_sprintf("{\"id\":\"%s\",\"templateTest\":true,\"data\":\"Data for ID: %s\"}", variable, variable)
                : json_string("This is the content of the static text resource.");
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:s, s:o}]}", "contents", "uri", uri, "mimeType",
                               *variable ? "application/json" : "text/plain", "text", text));
}

static void read_binary(trm__mcp_request *r, const char *uri, const char *variable) {
  (void)variable;
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:s, s:s}]}", "contents", "uri", uri, "mimeType", "image/png", "blob", PNG));
}

/* A message of this content, taken, and one that says what to do with it. */
static void prompt_two(trm__mcp_request *r, json_t *content, const char *then) {
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:o}, {s:s, s:{s:s, s:s}}]}", "messages", "role", "user", "content", content,
                               "role", "user", "content", "type", "text", "text", then));
}

static void get_simple(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "messages", "role", "user", "content", "type", "text",
                               "text", "This is a simple prompt for testing."));
}

static void get_arguments(trm__mcp_request *r, const json_t *arguments) {
  trm__mcp_answer(r,
                  json_pack("{s:[{s:s, s:{s:s, s:o}}]}", "messages", "role", "user", "content", "type", "text", "text",
                            json_sprintf("Prompt with arguments: arg1='%s', arg2='%s'",
                                         json_string_value(json_object_get(arguments, "arg1")),
                                         json_string_value(json_object_get(arguments, "arg2")))));
}

static void get_resource(trm__mcp_request *r, const json_t *arguments) {
  prompt_two(r,
             json_pack("{s:s, s:{s:O, s:s, s:s}}", "type", "resource", "resource", "uri",
                       json_object_get(arguments, "resourceUri"), "mimeType", "text/plain", "text",
                       "Embedded resource content for testing."),
             "Please process the embedded resource above.");
}

static void get_image(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  prompt_two(r, json_pack("{s:s, s:s, s:s}", "type", "image", "data", PNG, "mimeType", "image/png"),
             "Please analyze the image above.");
}

static void complete_argument(trm__mcp *mcp, const char *argument, const char *begun, json_t *values) {
  static const char *const places[] = {"paris", "park", "party", "london"};
  (void)mcp, (void)argument;
  for (size_t i = 0; i < COUNT(places); i++)
    if (strncmp(places[i], begun, strlen(begun)) == 0) json_array_append_new(values, json_string(places[i]));
}

/* -- the set ------------------------------------------------------------------------------------------------------- */

#define TOOL(name, input, run)                                                                                         \
  { name, name, name, input, NULL, run, TRM__MCP_READS, 0, NULL }
static const trm__mcp_tool tools[] = {
    TOOL("test_simple_text", trm__schema_object, run_fixed),
    TOOL("test_image_content", trm__schema_object, run_fixed),
    TOOL("test_audio_content", trm__schema_object, run_fixed),
    TOOL("test_embedded_resource", trm__schema_object, run_fixed),
    TOOL("test_multiple_content_types", trm__schema_object, run_fixed),
    TOOL("test_tool_with_logging", trm__schema_object, run_steps),
    TOOL("test_tool_with_progress", trm__schema_object, run_steps),
    TOOL("test_logging_tool", trm__schema_object, run_steps),
    TOOL("test_error_handling", trm__schema_object, run_error),
    TOOL("test_sampling", input_prompt, run_asked),
    TOOL("test_elicitation", input_message, run_asked),
    TOOL("test_elicitation_sep1034_defaults", trm__schema_object, run_asked),
    TOOL("test_elicitation_sep1330_enums", trm__schema_object, run_asked),
    TOOL("json_schema_2020_12_tool", input_2020_12, run_fixed),
    TOOL("test_input_required_result_elicitation", trm__schema_object, run_needed),
    TOOL("test_input_required_result_sampling", trm__schema_object, run_needed),
    TOOL("test_input_required_result_list_roots", trm__schema_object, run_needed),
    TOOL("test_input_required_result_request_state", trm__schema_object, run_needed),
    TOOL("test_input_required_result_tampered_state", trm__schema_object, run_needed),
    TOOL("test_input_required_result_multiple_inputs", trm__schema_object, run_needed),
    TOOL("test_input_required_result_multi_round", trm__schema_object, run_needed),
    TOOL("test_input_required_result_capabilities", trm__schema_object, run_needed),
    TOOL("test_streaming_elicitation", trm__schema_object, run_needed),
    TOOL("test_missing_capability", trm__schema_object, run_capability),
    TOOL("test_trigger_tool_change", trm__schema_object, run_change),
    TOOL("test_trigger_prompt_change", trm__schema_object, run_change),
};

static const trm__mcp_resource resources[] = {
    {"test://static-text", "static-text", "Text", "Text", "text/plain", read_text, NULL, NULL, 0, 0},
    {"test://static-binary", "static-binary", "Picture", "Picture", "image/png", read_binary, NULL, NULL, 0, 0},
    {"test://watched-resource", "watched", "Watched", "Watched", "text/plain", read_text, NULL, NULL, 0, 1},
    {"test://template/{id}/data", "template", "Template", "Template", "application/json", read_text, NULL, NULL, 0, 0},
};

static const trm__mcp_prompt prompts[] = {
    {"test_simple_prompt", "Simple", "Simple", {{NULL, NULL, 0}}, get_simple, NULL},
    {"test_prompt_with_arguments",
     "Arguments",
     "Arguments",
     {{"arg1", "first", 1}, {"arg2", "second", 1}, {NULL, NULL, 0}},
     get_arguments,
     complete_argument},
    {"test_prompt_with_embedded_resource",
     "Resource",
     "Resource",
     {{"resourceUri", "address", 1}, {NULL, NULL, 0}},
     get_resource,
     NULL},
    {"test_prompt_with_image", "Picture", "Picture", {{NULL, NULL, 0}}, get_image, NULL},
    {"test_input_required_result_prompt", "Input", "Input", {{NULL, NULL, 0}}, get_needed, NULL},
};

static const trm__mcp_set fixture = {tools, COUNT(tools), resources, COUNT(resources), prompts, COUNT(prompts)};

/* -- the server ---------------------------------------------------------------------------------------------------- */

static void on_input(evutil_socket_t fd, short what, void *context) {
  char byte;
  (void)what;
  if (read(fd, &byte, 1) <= 0) event_base_loopbreak(context);
}

int main(void) {
  trm_error err = {0};
  static trm__serve_pool_config pool;
  trm__server_config server = trm__server_config_default();
  trm__gateway *g = &gateway;
  signal(SIGPIPE, SIG_IGN);
  g->config = trm__serve_config_default();
  g->base = event_base_new();
  pool = trm__serve_pool_config_default();
  pool.base = g->base;
  pool.build_id = trm_version();
  pool.engine.models = 1; /* which no engine will load */
  (void)snprintf(pool.engine.model[0].name, sizeof pool.engine.model[0].name, "none");
  server.handle = trm__dispatch;
  trm_status status = trm__serve_pool_open(&g->pool, &pool, &err);
  if (!status) status = trm__sessions_open(&g->sessions, g, &err);
  if (!status) status = trm__mcp_open(&g->mcp, g, &err);
  if (!status) trm__mcp_add(g->mcp, &fixture);
  if (!status) status = trm__routes_open(&g->router, g, &err);
  server.context = g->router;
  if (!status) status = trm__server_open(&g->server, g->base, &server, &err);
  if (!status) status = trm__server_listen(g->server, "127.0.0.1:0", &err);
  struct event *input = event_new(g->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, g->base);
  if (status || !input || event_add(input, NULL)) {
    fprintf(stderr, "%s: %s\n", err.where, err.message);
    return 1;
  }
  printf("listening on %s\n", trm__server_address(g->server, 0));
  fflush(stdout);
  event_base_dispatch(g->base);
  event_free(input);
  trm__server_close(&g->server);
  trm__mcp_close(&g->mcp);
  trm__serve_pool_close(&g->pool);
  trm__sessions_close(&g->sessions);
  trm__router_close(&g->router);
  event_base_free(g->base);
  return 0;
}
