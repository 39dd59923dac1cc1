/* Checks of what a puzzle asks for: see request.h. */
#include "infer/request.h"

#include <math.h>
#include <stdio.h>

#include "base/status.h"
#include "infer/engine.h"
#include "infer/values.h"

_Static_assert(TRM__VALUES_STEPS < 1 << TRM__NOISE_STEP_BITS, "a step and its noise's name share 64 bits");

enum { WHERE = 64 };

static void request_where(char where[WHERE], int64_t number) {
  (void)snprintf(where, WHERE, "puzzle %lld", (long long)number);
}

trm_status trm__request_check_tokens(const trm_solver *solver, int64_t number, const int32_t *tokens,
                                     int32_t identifier, trm_error *err) {
  const trm_model_config *m = &solver->model;
  char where[WHERE];
  request_where(where, number);
  for (int64_t s = 0; s < m->seq_len; s++)
    if (tokens[s] < 0 || tokens[s] >= m->vocab_size)
      return trm__fail(err, TRM_E_INPUT, where, "token %d at position %lld, the model's vocabulary is 0..%lld",
                       (int)tokens[s], (long long)s, (long long)m->vocab_size - 1);
  if (solver->puzzle_rows && (identifier < 0 || identifier >= m->num_puzzle_identifiers))
    return trm__fail(err, TRM_E_INPUT, where, "puzzle identifier %d, the model knows 0..%lld", (int)identifier,
                     (long long)m->num_puzzle_identifiers - 1);
  return TRM_OK;
}

static trm_status request_check_range(const char *where, const char *what, int64_t found, int64_t most,
                                      trm_error *err) {
  if (found >= 0 && found <= most) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, where, "%s %lld, expected 0 to %lld", what, (long long)found, (long long)most);
}

static trm_status request_check_state(const trm_solver *solver, const char *where, const trm_puzzle *p,
                                      trm_error *err) {
  int64_t steps = trm_state_describe(p->state).steps, most = p->max_steps ? p->max_steps : solver->config.max_steps;
  if (steps < most) return trm_state_check(p->state, solver, err);
  return trm__fail(err, TRM_E_INPUT, where, "its state has taken %lld steps and its limit is %lld", (long long)steps,
                   (long long)most);
}

trm_status trm__request_check(const trm_solver *solver, int64_t number, const trm_puzzle *p, trm_error *err) {
  char where[WHERE];
  request_where(where, number);
  trm_status status = trm__request_check_tokens(solver, number, p->tokens, p->identifier, err);
  if (!status) status = request_check_range(where, "max_steps", p->max_steps, TRM__VALUES_STEPS, err);
  if (!status) status = request_check_range(where, "latent_cycles", p->latent_cycles, TRM__VALUES_CYCLES, err);
  if (!status) status = request_check_range(where, "recursion_cycles", p->recursion_cycles, TRM__VALUES_CYCLES, err);
  if (!status) status = request_check_range(where, "rules", p->rules, TRM_RULES_IGNORE, err);
  if (status) return status;
  if (p->search < TRM_SEARCH_OFF || p->search == TRM_SEARCH_USUAL || p->search > TRM__VALUES_STEPS)
    return trm__fail(err, TRM_E_INPUT, where, "search %lld, expected 0 to %d, or TRM_SEARCH_OFF", (long long)p->search,
                     TRM__VALUES_STEPS);
  if (!isnan(p->start_noise) && !(p->start_noise >= 0 && p->start_noise <= 100))
    return trm__fail(err, TRM_E_INPUT, where, "start_noise %g, expected 0 to 100", p->start_noise);
  if (isnan(p->deadline)) return trm__fail(err, TRM_E_INPUT, where, "the deadline is not a number");
  if (p->noise_name != TRM_NOISE_UNNAMED && p->noise_name >> TRM__NOISE_NAME_BITS)
    return trm__fail(err, TRM_E_INPUT, where, "noise_name %llu, expected less than 2^%d",
                     (unsigned long long)p->noise_name, TRM__NOISE_NAME_BITS);
  return p->state ? request_check_state(solver, where, p, err) : TRM_OK;
}

trm_puzzle trm_puzzle_default(void) {
  return (trm_puzzle){.size = sizeof(trm_puzzle),
                      .halt_threshold = (double)NAN,
                      .start_noise = (double)NAN,
                      .noise_name = TRM_NOISE_UNNAMED};
}

trm_source trm_source_default(void) {
  return (trm_source){.size = sizeof(trm_source), .puzzles = -1};
}
