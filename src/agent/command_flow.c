/* trm workflow run, trm workflow show. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/flow/flow.h"
#include "base/mem.h"

/* The outcome as it is told: with --json the whole, otherwise the output, or the failure as a line. */
static int flow_tell(const trm__agent_line *line, json_t *outcome) {
  int failed = strcmp(json_string_value(json_object_get(outcome, "status")), "done") != 0;
  json_t *error = json_object_get(outcome, "error"), *undone = json_object_get(outcome, "undone");
  const char *step = json_string_value(json_object_get(outcome, "step"));
  if (failed)
    (void)fprintf(stderr, "trm %s: %s%s%s: %s (undone: %zu of what was done)\n", line->command, step ? "step " : "",
                  step ? step : json_string_value(json_object_get(error, "type")), "",
                  json_string_value(json_object_get(error, "message")), json_array_size(undone));
  int code = TRM__AGENT_OK;
  if (line->options.json) code = trm__command_print(json_incref(outcome), JSON_COMPACT);
  else if (!failed) code = trm__command_print(json_incref(json_object_get(outcome, "output")), JSON_INDENT(2));
  json_decref(outcome);
  return failed ? TRM__AGENT_FAILED : code;
}

int trm__command_flow_run(const trm__agent_line *line) {
  trm_error err = {.code = TRM_OK};
  trm__agent *agent = NULL;
  trm__flow *flow = NULL;
  trm__steps *record = NULL;
  json_t *input = NULL, *outcome = NULL;
  const trm__agent_options *o = &line->options;
  trm_status status = trm__command_agent(line, &agent, &err);
  if (!status) status = trm__flow_load(&flow, line->words[0], agent, &err);
  if (!status) status = trm__command_input(line->count > 1 ? line->words[1] : NULL, &input, &err);
  if (!status && *o->journal) status = trm__steps_open(&record, o->journal, NULL, &err);
  if (!status) {
    const trm__flow_config config = {.agent = agent,
                                     .parallel = (int)o->parallel,
                                     .timeout_s = isnan(o->timeout_s) ? -1 : o->timeout_s,
                                     .cancelled = line->cancelled,
                                     .record = record,
                                     .run = *o->run ? o->run : flow->name};
    status = trm__flow_run(flow, &config, input, &outcome, &err);
  }
  int code = status ? trm__command_error(line, &err) : flow_tell(line, outcome);
  trm__steps_close(&record);
  json_decref(input);
  trm__flow_close(&flow);
  trm__agent_close(&agent);
  return code;
}

int trm__command_flow_show(const trm__agent_line *line) {
  trm_error err = {.code = TRM_OK};
  trm__flow *flow = NULL;
  trm__steps *record = NULL;
  trm__flow_state *states = NULL;
  const trm__agent_options *o = &line->options;
  trm_status status = trm__flow_load(&flow, line->words[0], NULL, &err);
  if (!status && *o->journal) {
    states = trm__calloc(flow->count, sizeof *states);
    status = trm__steps_open(&record, o->journal, NULL, &err);
    if (!status && states) status = trm__flow_states(flow, record, *o->run ? o->run : flow->name, states, &err);
  }
  char *text = NULL;
  if (!status) text = o->svg ? trm__flow_svg(flow, states) : trm__flow_text(flow, states);
  int code = status ? trm__command_error(line, &err) : text ? TRM__AGENT_OK : TRM__AGENT_FAULT;
  if (text) (void)fputs(text, stdout);
  trm__free(text);
  trm__free(states);
  trm__steps_close(&record);
  trm__flow_close(&flow);
  return code;
}
