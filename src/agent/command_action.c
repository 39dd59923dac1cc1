/* trm action list, trm action call. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/commands.h"

static int list_as_text(const trm__agent *agent) {
  for (size_t i = 0; i < trm__agent_actions(agent); i++) {
    const trm__action *a = trm__agent_action(agent, i);
    (void)printf("%-16s %-10s %s\n", a->name, *a->category ? a->category : "-", a->description);
  }
  return TRM__AGENT_OK;
}

/* Operations of HTTP are one object of paths, everything else is a list. */
static json_t *list_as_json(const trm__agent *agent, int format) {
  static const trm__action_form forms[] = {[TRM__AGENT_JSON] = TRM__FORM_ABOUT,
                                           [TRM__AGENT_MCP] = TRM__FORM_MCP,
                                           [TRM__AGENT_OPENAI] = TRM__FORM_OPENAI,
                                           [TRM__AGENT_HTTP] = TRM__FORM_HTTP};
  json_t *all = format == TRM__AGENT_HTTP ? json_object() : json_array();
  for (size_t i = 0; i < trm__agent_actions(agent); i++) {
    json_t *one = trm__action_describe(trm__agent_action(agent, i), forms[format]);
    if (json_is_array(all)) (void)json_array_append(all, one);
    else (void)json_object_update(all, one);
    json_decref(one);
  }
  return all;
}

int trm__command_list(const trm__agent_line *line) {
  trm_error err = {.code = TRM_OK};
  trm__agent *agent = NULL;
  if (trm__command_agent(line, &agent, &err)) return trm__command_error(line, &err);
  int code = line->options.format == TRM__AGENT_TEXT
                 ? list_as_text(agent)
                 : trm__command_print(list_as_json(agent, line->options.format), JSON_INDENT(2));
  trm__agent_close(&agent);
  return code;
}

/* {"output"} or {"error"}, with how it came to it. */
static json_t *call_json(const char *name, const trm__called *called) {
  json_t *o = json_pack("{s:s, s:i, s:f}", "action", name, "attempts", called->attempts, "seconds", called->seconds);
  if (called->output) (void)json_object_set(o, "output", called->output);
  else (void)json_object_set_new(o, "error", trm__fault_json(&called->fault));
  if (called->undone) (void)json_object_set_new(o, "undone", json_boolean(called->undone > 0));
  if (called->undone < 0) (void)json_object_set_new(o, "undo_error", trm__fault_json(&called->undo_fault));
  return o;
}

int trm__command_call(const trm__agent_line *line) {
  trm_error err = {.code = TRM_OK};
  trm__agent *agent = NULL;
  json_t *input = NULL;
  trm__called called;
  trm__call_options options = trm__call_options_default();
  if (trm__command_input(line->count > 1 ? line->words[1] : NULL, &input, &err) ||
      trm__command_agent(line, &agent, &err)) {
    json_decref(input);
    return trm__command_error(line, &err);
  }
  if (!isnan(line->options.timeout_s)) options.timeout_s = line->options.timeout_s;
  options.retries = (int)line->options.retries;
  options.cancelled = line->cancelled;
  int code = TRM__AGENT_OK, failed = trm__agent_call(agent, line->words[0], input, &options, &called);
  if (line->options.json) code = trm__command_print(call_json(line->words[0], &called), JSON_COMPACT);
  else if (!failed) code = trm__command_print(json_incref(called.output), JSON_INDENT(2));
  if (failed) code = trm__command_fault(line, &called.fault);
  if (called.undone < 0)
    (void)fprintf(stderr, "trm %s: it could not be undone: %s\n", line->command, called.undo_fault.message);
  trm__called_clear(&called);
  trm__agent_close(&agent);
  json_decref(input);
  return code;
}
