/* Values in force as text and as JSON: see values.h. */
#include "cli/ui/values.h"

static const char *values_origin(int origin) {
  static const char *const words[] = {
      [TRM_VALUE_DEFAULT] = "default", [TRM_VALUE_MODEL] = "model", [TRM_VALUE_OPTION] = "option"};
  return words[origin];
}

const char *cli_values_text(const trm_solver_values *v, char text[CLI_VALUES]) {
  (void)snprintf(text, CLI_VALUES, "halts over %g (%s), %lld steps (%s), T %lld (%s), n %lld (%s)",
                 v->halt_threshold.value, values_origin(v->halt_threshold.origin), (long long)v->max_steps.value,
                 values_origin(v->max_steps.origin), (long long)v->H_cycles.value, values_origin(v->H_cycles.origin),
                 (long long)v->L_cycles.value, values_origin(v->L_cycles.origin));
  return text;
}

json_t *cli_hopeless_json(const trm_hopeless *hopeless) {
  json_t *bounds = json_array();
  for (int t = 0; t < hopeless->count; t++) json_array_append_new(bounds, cli_real(hopeless->bound[t]));
  return bounds;
}

static json_t *values_count_json(const trm_counted_value *v) {
  return json_pack("{s:I, s:s}", "value", (json_int_t)v->value, "from", values_origin(v->origin));
}

json_t *cli_values_json(const trm_solver_values *v) {
  return json_pack("{s:{s:o, s:s}, s:o, s:o, s:o}", "halt_threshold", "value", cli_real(v->halt_threshold.value),
                   "from", values_origin(v->halt_threshold.origin), "max_steps", values_count_json(&v->max_steps),
                   "H_cycles", values_count_json(&v->H_cycles), "L_cycles", values_count_json(&v->L_cycles));
}
