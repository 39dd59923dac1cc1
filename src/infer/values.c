/* The rule of values.h, once for counts and once for the threshold; and the values of a model that is open. */
#include "infer/values.h"

#include <math.h>

#include "base/config.h"
#include "base/status.h"
#include "infer/lattice/passes.h"
#include "model/halting.h"

#define DEFAULT_THRESHOLD 0.0 /* the founding document's, and what training halts at */

/* Of each source 0 says nothing; the default always says something. */
static trm_counted_value values_count(int64_t option, int64_t model, int64_t usual) {
  if (option) return (trm_counted_value){option, TRM_VALUE_OPTION};
  if (model) return (trm_counted_value){model, TRM_VALUE_MODEL};
  return (trm_counted_value){usual, TRM_VALUE_DEFAULT};
}

static trm_real_value values_threshold(double option, double model) {
  if (!isnan(option)) return (trm_real_value){option, TRM_VALUE_OPTION};
  if (!isnan(model)) return (trm_real_value){model, TRM_VALUE_MODEL};
  return (trm_real_value){DEFAULT_THRESHOLD, TRM_VALUE_DEFAULT};
}

static trm_status values_check_count(const char *name, int64_t value, int64_t most, trm_error *err) {
  if (value >= 0 && value <= most) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, name, "%lld, expected 1 to %lld, or 0 for the model's own", (long long)value,
                   (long long)most);
}

/* A program may have filled the struct itself, so the table's limits are not enough. */
static trm_status values_check(const trm_solver_config *c, trm_error *err) {
  trm_status status = values_check_count("max_steps", c->max_steps, TRM__VALUES_STEPS, err);
  if (!status) status = values_check_count("H_cycles", c->H_cycles, TRM__VALUES_CYCLES, err);
  if (!status) status = values_check_count("L_cycles", c->L_cycles, TRM__VALUES_CYCLES, err);
  if (status || isnan(c->halt_threshold) || fabs(c->halt_threshold) <= TRM__HALTING_MOST) return status;
  return trm__fail(err, TRM_E_USAGE, "halt_threshold", "%g, expected %g to %g, or NaN for the model's own",
                   c->halt_threshold, -TRM__HALTING_MOST, TRM__HALTING_MOST);
}

trm_status trm__values_resolve(trm_solver_values *values, const trm_solver_config *options,
                               const trm__model_says *model, trm_error *err) {
  const trm_model_config usual = trm_model_config_default();
  trm_status status = values_check(options, err);
  if (status) return status;
  *values = (trm_solver_values){
      .max_steps = values_count(options->max_steps, model->max_steps, usual.halt_max_steps),
      .H_cycles = values_count(options->H_cycles, model->H_cycles, usual.H_cycles),
      .L_cycles = values_count(options->L_cycles, model->L_cycles, usual.L_cycles),
      .halt_threshold = values_threshold(options->halt_threshold, model->halt_threshold),
  };
  return TRM_OK;
}

trm_status trm_model_values(const trm_model *model, const trm_solver_config *options, trm_solver_values *values,
                            trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_solver_config, puzzles);
  const trm_model_config *m = trm_model_get_config(model);
  trm_solver_config whole = {.halt_threshold = NAN}; /* no value is given */
  int lattice = m->recursion == TRM_RECURSION_LATTICE, deeper = lattice ? TRM__PASSES_LOOPS : 0;
  int64_t max_steps = trm_model_get_max_steps(model);
  const trm__model_says says = {.max_steps = lattice && !max_steps ? 1 : max_steps, /* a pass */
                                .H_cycles = m->H_cycles,
                                .L_cycles = m->L_cycles > deeper ? m->L_cycles : deeper,
                                .halt_threshold = trm_model_get_halt_threshold(model)};
  trm_status status = options ? trm__config_read(&whole, options, &form, err) : TRM_OK;
  return status ? status : trm__values_resolve(values, &whole, &says, err);
}
