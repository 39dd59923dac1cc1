/* What a training update does besides arithmetic on activations: slots, puzzle rows, the schedule, the judgement on
 * losses and gradient norm, halting and the log. A device does the same where the numbers are, so nothing here may need
 * anything but its arguments. */
#include "backend/cpu/cpu.h"
#include "base/rng.h"

/* -- slots -------------------------------------------------------------------------------------------------------- */

void trm__cpu_admit(trm__backend *be, const trm__slots *slots, const int32_t *inputs, const int32_t *labels,
                    const int32_t *ids) {
  (void)be;
  size_t s = (size_t)slots->seq_len;
  for (size_t i = 0; i < (size_t)slots->count; i++) {
    if (!slots->halted[i]) continue;
    memcpy(slots->inputs + i * s, inputs + i * s, s * sizeof *inputs);
    memcpy(slots->labels + i * s, labels + i * s, s * sizeof *labels);
    slots->ids[i] = ids[i];
    slots->steps[i] = 0;
    slots->halted[i] = 0;
  }
}

void trm__cpu_gather_rows(trm__backend *be, trm__real *rows, const trm__real *table, int table_rows, int ndim,
                          const int32_t *ids, int b) {
  (void)be;
  size_t n = (size_t)ndim;
  for (size_t i = 0; i < (size_t)b; i++) {
    if (ids[i] >= 0 && ids[i] < table_rows) memcpy(rows + i * n, table + (size_t)ids[i] * n, n * sizeof *rows);
    else memset(rows + i * n, 0, n * sizeof *rows);
  }
}

/* -- before the step ---------------------------------------------------------------------------------------------- */

/* docs/spec.md, Schedule. */
static double update_schedule(const trm__update_rule *rule, int64_t t) {
  static const double pi = 3.14159265358979323846;
  if (t < rule->warmup) return (double)t / (double)rule->warmup;
  if (rule->total <= rule->warmup) return 1; /* the run ends before the decay begins */
  double progress = (double)(t - rule->warmup) / (double)(rule->total - rule->warmup);
  if (progress > 1) progress = 1;
  return rule->min_ratio + (1 - rule->min_ratio) * (1 + cos(pi * progress)) / 2;
}

void trm__cpu_update_begin(trm__backend *be, trm__update_state *state, const trm__update_rule *rule, uint64_t *index,
                           int count) {
  (void)be;
  if (state->diverged == TRM__SOUND) {
    state->t++;
    state->factor = update_schedule(rule, state->t);
    state->ema_decay = state->t <= rule->ema_from ? 0 : rule->ema_decay;
  }
  for (int i = 0; index && i < count; i++)
    index[i] = (uint64_t)state->t * (uint64_t)rule->batch + (uint64_t)rule->first + (uint64_t)i;
}

/* -- between gradients and optimizers ------------------------------------------------------------------------------ */

static trm__diverged update_verdict(const trm__update_state *s, const trm__update_rule *rule) {
  double loss = s->lm_loss + rule->halt_weight * s->halt_loss;
  if (!isfinite(loss) || loss > rule->max_loss) return TRM__LOSS_BAD;
  if (!isfinite(s->grad_norm)) return TRM__NORM_BAD;
  return s->q_halt > rule->q_halt_floor ? TRM__SOUND : TRM__HALTING_LOST;
}

void trm__cpu_update_judge(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                           const trm__example_stats *stats, const trm__real *grads, size_t n) {
  double lm = 0, update_halt = 0, q = 0, batch = rule->batch;
  if (state->diverged != TRM__SOUND) return;
  for (int i = 0; i < rule->batch; i++) {
    lm += stats[i].lm_loss;
    update_halt += stats[i].halt_loss;
    q += stats[i].q_halt;
  }
  state->lm_loss = lm / batch;
  state->halt_loss = update_halt / batch;
  state->q_halt = q / batch;
  state->grad_norm = sqrt(trm__cpu_sum_squares(be, grads, n));
  state->grad_scale = rule->clip > 0 && state->grad_norm > rule->clip ? rule->clip / state->grad_norm : 1;
  state->diverged = (int32_t)update_verdict(state, rule);
  if (state->diverged != TRM__SOUND) state->t--;
}

/* -- after it ------------------------------------------------------------------------------------------------------ */

/* m of docs/spec.md, Adaptive computation: with the exploration's probability uniform in 2..max_steps, otherwise 0. */
static int64_t update_least_steps(const trm__update_rule *rule, uint64_t index) {
  trm__rng rng = trm__rng_make(rule->seed, TRM__RNG_HALT, index);
  if (rule->max_steps < 2 || trm__rng_unit(&rng) >= rule->exploration_prob) return 0;
  return 2 + (int64_t)trm__rng_below(&rng, (uint32_t)(rule->max_steps - 1));
}

static void update_halt(const trm__update_rule *rule, int64_t t, const trm__example_stats *stats,
                        const trm__slots *slots) {
  for (int i = 0; i < slots->count; i++) {
    int64_t steps = ++slots->steps[i];
    int done = steps >= rule->max_steps;
    if (!done && stats[i].q_halt > 0) {
      uint64_t slot = (uint64_t)rule->first + (uint64_t)i;
      done = steps >= update_least_steps(rule, (uint64_t)t * (uint64_t)rule->batch + slot);
    }
    slots->halted[i] = (uint8_t)done;
  }
}

void trm__cpu_update_end(trm__backend *be, const trm__update_state *state, const trm__update_rule *rule,
                         const trm__example_stats *stats, const trm__slots *slots, const trm__update_log *log) {
  (void)be;
  int sound = state->diverged == TRM__SOUND;
  size_t count = (size_t)log->count, at = (size_t)((state->t + !sound) % log->entries);
  if (sound && rule->max_steps > 0) update_halt(rule, state->t, stats, slots);
  log->state[at] = *state;
  memcpy(log->stats + at * count, stats, count * sizeof *stats);
  memcpy(log->steps + at * count, slots->steps, count * sizeof *slots->steps);
  memcpy(log->halted + at * count, slots->halted, count);
}
