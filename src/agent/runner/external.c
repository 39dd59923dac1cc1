/* A program is given the input as JSON and answers with the output as JSON. Exit code 0 says that it did it; 75
 * (EX_TEMPFAIL) that another attempt may help; any other that it failed. With a code of failure it may write
 * {"error": {"message": TEXT, "retryable": true}}. */
#include "agent/runner/external.h"

#include <stdlib.h>
#include <string.h>

#include "agent/runner/runner.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text/json.h"

#define MEMORY ((size_t)1 << 30)
#define OUTPUT ((size_t)1 << 22)
#define TEMPORARY 75
#define ARGUMENTS 110

int trm__external_allowed(const trm__call *call, const char *program, trm__fault *fault) {
  const char *list = trm__agent_config_of(call->agent)->allow;
  if (trm__runner_allows(list, program)) return 0;
  return trm__fault_set(fault, TRM__FAULT_CONFIGURATION,
                        "%.300s is not on the list of programs that may be run; allow it with --allow %.300s", program,
                        program);
}

/* How a program failed. */
static int external_failed(const trm__call *call, const char *program, const trm__runner_end *end, trm__fault *fault) {
  if (end->late || end->cancelled) return trm__call_ended(call, fault);
  if (end->too_much)
    return trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.200s wrote more than %zu MiB", program, OUTPUT >> 20);
  json_t *said = NULL, *error;
  if (end->size && !trm__json_parse(&said, end->output, end->size, "output", NULL) &&
      (error = json_object_get(said, "error"))) {
    const char *text = json_string_value(json_object_get(error, "message"));
    (void)trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.500s", text ? text : "failed without a message");
    fault->retryable = json_is_true(json_object_get(error, "retryable"));
    fault->details = json_is_object(error) ? json_incref(error) : NULL;
  } else if (end->signal) {
    (void)trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.200s was ended by signal %d (%s)%s%s", program, end->signal,
                         strsignal(end->signal), *end->errors ? ": " : "", end->errors);
  } else {
    (void)trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.200s ended with exit code %d%s%s", program, end->code,
                         *end->errors ? ": " : "", end->errors);
  }
  if (end->code == TEMPORARY) fault->retryable = 1;
  json_decref(said);
  return 1;
}

static int external_call(trm__call *call, const char *const *argv, const char *program, const json_t *input,
                         json_t **output, trm__fault *fault) {
  const json_t *memory = json_object_get(call->action->about, "memory_bytes");
  trm_error err = {0};
  trm__runner_end end;
  if (trm__external_allowed(call, program, fault)) return 1;
  char *text = trm__json_text(input, JSON_COMPACT | JSON_ENCODE_ANY);
  if (!text) return trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for the input");
  double left = trm__call_left(call);
  trm__runner_job job = {.argv = argv,
                         .input = text,
                         .input_size = strlen(text),
                         .deadline = left < 1e9 ? trm__clock() + left : 0,
                         .cancelled = call->cancelled,
                         .memory = memory ? (size_t)json_integer_value(memory) : MEMORY,
                         .most = OUTPUT};
  int failed = trm__runner_run(&job, &end, &err) ? trm__fault_error(fault, &err) : 0;
  free(text);
  if (!failed && (end.code != 0 || end.late || end.cancelled || end.too_much))
    failed = external_failed(call, program, &end, fault);
  if (!failed && trm__json_parse(output, end.output ? end.output : "", end.size, "output", &err))
    failed =
        trm__fault_set(fault, TRM__FAULT_EXECUTION, "%.200s wrote no JSON: %s: %s", program, err.where, err.message);
  trm__free(end.output);
  return failed;
}

static int external_command(trm__call *call, const json_t *command, const json_t *input, json_t **output,
                            trm__fault *fault) {
  const char *argv[ARGUMENTS + 1] = {NULL};
  for (size_t i = 0; i < json_array_size(command) && i < ARGUMENTS; i++)
    argv[i] = json_string_value(json_array_get(command, i));
  return external_call(call, argv, argv[0], input, output, fault);
}

int trm__external_run(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  const char *plugin = json_string_value(json_object_get(call->action->about, "plugin"));
  if (!plugin) return external_command(call, json_object_get(call->action->about, "command"), input, output, fault);
  const char *argv[] = {trm__agent_config_of(call->agent)->self, "--plugin", plugin, call->action->name, NULL};
  return external_call(call, argv, plugin, input, output, fault);
}

int trm__external_undo(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  return external_command(call, json_object_get(call->action->about, "undo"), input, output, fault);
}
