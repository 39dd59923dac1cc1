/* Built-in actions that are tools: noop, sleep, log, command, file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/action/agent.h"
#include "agent/builtin/files.h"
#include "agent/runner/external.h"
#include "agent/runner/runner.h"
#include "base/clock.h"
#include "base/mem.h"

#define TICK_S 0.05

static int tools_noop(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)call;
  (void)fault;
  *output = json_deep_copy(input);
  return 0;
}

static int tools_sleep(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  double wanted = json_number_value(json_object_get(input, "seconds"));
  double end = trm__agent_now(call->agent) + wanted;
  for (double now = trm__agent_now(call->agent); now < end; now = trm__agent_now(call->agent)) {
    if (trm__call_over(call)) return trm__call_ended(call, fault);
    double left = trm__call_left(call), pause = end - now < TICK_S ? end - now : TICK_S;
    trm__agent_pause(call->agent, left < pause ? (left > 0 ? left : 0) : pause);
  }
  *output = json_pack("{s:f}", "seconds", wanted);
  return 0;
}

static int tools_log(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)fault;
  const trm__agent_config *config = trm__agent_config_of(call->agent);
  const char *level = json_string_value(json_object_get(input, "level"));
  if (config->log)
    config->log(config->log_context, level ? level : "info", json_string_value(json_object_get(input, "message")),
                json_object_get(input, "fields"));
  *output = json_pack("{s:b}", "logged", config->log != NULL);
  return 0;
}

/* -- command ------------------------------------------------------------------------------------------------------- */

/* Bytes as a text of JSON: what is no UTF-8 becomes '?'. Takes the bytes over. */
static json_t *command_text(char *bytes, size_t size) {
  json_t *text = bytes ? json_stringn(bytes, size) : json_string("");
  for (size_t i = 0; !text && i < size; i++)
    if ((unsigned char)bytes[i] >= 0x80) bytes[i] = '?';
  if (!text) text = json_stringn(bytes, size);
  trm__free(bytes);
  return text;
}

static int tools_command(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  const json_t *words = json_object_get(input, "argv"), *in = json_object_get(input, "stdin");
  const char *argv[102] = {NULL};
  trm_error err = {.code = TRM_OK};
  trm__runner_end end;
  for (size_t i = 0; i < json_array_size(words) && i < 100; i++) argv[i] = json_string_value(json_array_get(words, i));
  if (trm__external_allowed(call, argv[0], fault)) return 1;
  double left = trm__call_left(call);
  trm__runner_job job = {.argv = argv,
                         .input = in ? json_string_value(in) : "",
                         .input_size = in ? json_string_length(in) : 0,
                         .deadline = left < 1e9 ? trm__clock() + left : 0,
                         .cancelled = call->cancelled,
                         .memory = (size_t)1 << 30,
                         .most = 1 << 20};
  if (trm__runner_run(&job, &end, &err)) return trm__fault_error(fault, &err);
  if (end.late || end.cancelled) {
    trm__free(end.output);
    return trm__call_ended(call, fault);
  }
  if (end.too_much || end.signal) {
    trm__free(end.output);
    return trm__fault_set(fault, TRM__FAULT_EXECUTION,
                          end.signal ? "%.200s was ended by signal %d" : "%.200s wrote more than 1 MiB (%d)", argv[0],
                          end.signal);
  }
  *output = json_pack("{s:i, s:o, s:s}", "code", end.code, "stdout", command_text(end.output, end.size), "stderr",
                      end.errors);
  return 0;
}

/* -- declarations -------------------------------------------------------------------------------------------------- */

#define TOOL(name, description, more)                                                                                  \
  "{\"trm\":1,\"kind\":\"action\",\"name\":\"" name "\",\"description\":\"" description                                \
  "\",\"category\":\"tools\",\"version\":\"1.0\"," more "}"

const trm__builtin trm__builtin_tools[] = {
    {TOOL("noop", "Does nothing, and gives back what it was given.", "\"idempotent\":true"), tools_noop},
    {TOOL("sleep", "Waits so many seconds.",
          "\"idempotent\":true,\"timeout_s\":0,\"input\":{\"type\":\"object\",\"required\":[\"seconds\"],"
          "\"additionalProperties\":false,\"properties\":{\"seconds\":{\"type\":\"number\",\"minimum\":0,\"maximum\":"
          "86400}}},\"output\":{\"type\":\"object\"}"),
     tools_sleep},
    {TOOL(
         "log", "Writes a line into the log.",
         "\"idempotent\":true,\"input\":{\"type\":\"object\",\"required\":[\"message\"],\"additionalProperties\":false,"
         "\"properties\":{\"message\":{\"type\":\"string\",\"maxLength\":4096},\"level\":{\"enum\":[\"debug\",\"info\","
         "\"warn\",\"error\"]},\"fields\":{\"type\":\"object\"}}},\"output\":{\"type\":\"object\"}"),
     tools_log},
    {TOOL("command", "Runs a program of the list of allowed ones, and gives its output whatever its exit code is.",
          "\"tags\":[\"external\"],\"input\":{\"type\":\"object\",\"required\":[\"argv\"],\"additionalProperties\":"
          "false,"
          "\"properties\":{\"argv\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":100,\"prefixItems\":[{\"type\":"
          "\"string\",\"pattern\":\"^/\"}],\"items\":{\"type\":\"string\",\"maxLength\":4096}},\"stdin\":{\"type\":"
          "\"string\",\"maxLength\":1048576}}},\"output\":{\"type\":\"object\",\"required\":[\"code\",\"stdout\","
          "\"stderr\"],\"additionalProperties\":false,\"properties\":{\"code\":{\"type\":\"integer\"},\"stdout\":{"
          "\"type\":\"string\"},\"stderr\":{\"type\":\"string\"}}}"),
     tools_command},
    {TOOL("file", "Reads, writes or lists files below the folders that are allowed.",
          "\"tags\":[\"external\"],\"input\":{\"type\":\"object\",\"required\":[\"op\",\"path\"],"
          "\"additionalProperties\":false,\"properties\":{\"op\":{\"enum\":[\"read\",\"write\",\"list\"]},\"path\":{"
          "\"type\":\"string\",\"minLength\":1,\"maxLength\":1024},\"text\":{\"type\":\"string\",\"maxLength\":1048576}"
          "},"
          "\"if\":{\"properties\":{\"op\":{\"const\":\"write\"}}},\"then\":{\"required\":[\"text\"]},\"else\":{"
          "\"properties\":{\"text\":false}}},\"output\":{\"type\":\"object\",\"additionalProperties\":false,"
          "\"properties\":{\"text\":{\"type\":\"string\"},\"bytes\":{\"type\":\"integer\"},\"names\":{\"type\":"
          "\"array\","
          "\"items\":{\"type\":\"string\"}}}}"),
     trm__files_run},
    {NULL, NULL},
};
