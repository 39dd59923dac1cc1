/* What a training update decides: its number and rates, the judgement on losses and gradient norm, halting, the log.
 * The formulas are those of docs/spec.md, the random numbers those of base/rng.c. Small: bound by latency, but for the
 * norm. */
#include "kernels/cuda/block/squares.cuh"
#include "kernels/cuda/update/random.cuh"
#include "kernels/update.h"

enum { THREADS = 256, WARPS = THREADS / 32 };

/* -- before the step ----------------------------------------------------------------------------------------------- */

TRM_DEVICE double schedule(const trm__update_rule &rule, int64_t t) {
  if (t < rule.warmup) return (double)t / (double)rule.warmup;
  if (rule.total <= rule.warmup) return 1; /* the run ends before the decay begins */
  double progress = (double)(t - rule.warmup) / (double)(rule.total - rule.warmup);
  if (progress > 1) progress = 1;
  /* cospi rather than cos: nothing to reduce, so no stack for a table of the digits of pi */
  return rule.min_ratio + (1 - rule.min_ratio) * (1 + cospi(progress)) / 2;
}

TRM_KERNEL __launch_bounds__(THREADS)
    update_begin(trm__update_state *state, trm__update_rule rule, uint64_t *index, int count) {
  bool sound = state->diverged == TRM__SOUND;
  int64_t t = state->t + sound;
  __syncthreads();
  if (sound && threadIdx.x == 0) {
    state->t = t;
    state->factor = schedule(rule, t);
    state->ema_decay = t <= rule.ema_from ? 0 : rule.ema_decay;
  }
  for (int i = (int)threadIdx.x; index && i < count; i += THREADS)
    index[i] = (uint64_t)t * (uint64_t)rule.batch + (uint64_t)rule.first + (uint64_t)i;
}

extern "C" void trm__cuda_update_begin(trm__cuda_queue *q, trm__update_state *state, const trm__update_rule *rule,
                                       uint64_t *index, int count) {
  trm_launch(q, update_begin, dim3(1), THREADS, 0, state, *rule, index, count);
}

/* -- between gradients and optimizers ------------------------------------------------------------------------------ */

struct judge_room {
  double part[WARPS];
  double value[THREADS][3];
};

/* lm_loss, halt_loss and q_halt added in slot order, by threads 0, 1 and 2. */
TRM_DEVICE double add_slots(judge_room *r, const trm__example_stats *stats, int batch) {
  double sum = 0;
  for (int first = 0; first < batch; first += THREADS) {
    int count = batch - first < THREADS ? batch - first : THREADS, i = first + (int)threadIdx.x;
    if (i < batch) {
      r->value[threadIdx.x][0] = stats[i].lm_loss;
      r->value[threadIdx.x][1] = stats[i].halt_loss;
      r->value[threadIdx.x][2] = stats[i].q_halt;
    }
    __syncthreads();
#pragma unroll 8
    for (int k = 0; threadIdx.x < 3 && k < count; k++) sum += r->value[k][threadIdx.x];
    __syncthreads();
  }
  return sum;
}

TRM_DEVICE int32_t judgement(const trm__update_state *s, const trm__update_rule &rule) {
  double loss = s->lm_loss + rule.halt_weight * s->halt_loss;
  if (!isfinite(loss) || loss > rule.max_loss) return TRM__LOSS_BAD;
  if (!isfinite(s->grad_norm)) return TRM__NORM_BAD;
  return s->q_halt > rule.q_halt_floor ? TRM__SOUND : TRM__HALTING_LOST;
}

TRM_KERNEL __launch_bounds__(THREADS) update_judge(trm__update_state *state, trm__update_rule rule,
                                                   const trm__example_stats *stats, const double *partial, int parts) {
  if (state->diverged != TRM__SOUND) return;
  judge_room *r = (judge_room *)trm_shared();
  double norm = sqrt(trm_add_squares(partial, parts, r->part)), sum = add_slots(r, stats, rule.batch);
  if (threadIdx.x < 3) r->part[threadIdx.x] = sum / (double)rule.batch;
  __syncthreads();
  if (threadIdx.x) return;
  state->lm_loss = r->part[0];
  state->halt_loss = r->part[1];
  state->q_halt = r->part[2];
  state->grad_norm = norm;
  state->grad_scale = rule.clip > 0 && norm > rule.clip ? rule.clip / norm : 1;
  state->diverged = judgement(state, rule);
  if (state->diverged != TRM__SOUND) state->t--;
}

extern "C" size_t trm__cuda_norm_scratch(size_t n) {
  return (size_t)trm_square_parts(n);
}

extern "C" void trm__cuda_update_judge(trm__cuda_queue *q, trm__update_state *state, const trm__update_rule *rule,
                                       const void *stats, const float *grads, size_t n, double *partial) {
  trm_squares_of(q, grads, n, partial);
  trm_launch(q, update_judge, dim3(1), THREADS, sizeof(judge_room), state, *rule, (const trm__example_stats *)stats,
             (const double *)partial, trm_square_parts(n));
}

TRM_KERNEL __launch_bounds__(THREADS) add_squares(const double *partial, int parts, double *sum) {
  double total = trm_add_squares(partial, parts, (double *)trm_shared());
  if (threadIdx.x == 0) *sum = total;
}

extern "C" void trm__cuda_sum_squares(trm__cuda_queue *q, const float *x, size_t n, double *partial, double *sum) {
  trm_squares_of(q, x, n, partial);
  trm_launch(q, add_squares, dim3(1), THREADS, WARPS * sizeof(double), (const double *)partial, trm_square_parts(n),
             sum);
}

/* -- after it ------------------------------------------------------------------------------------------------------ */

/* With the exploration's probability uniform in 2..max_steps, otherwise 0. */
TRM_DEVICE int64_t least_steps(const trm__update_rule &rule, uint64_t index) {
  trm_stream stream = {rule.seed, index, TRM__RNG_HALT};
  trm_words w = trm_philox(stream, 0);
  if (rule.max_steps < 2 || trm_unit(w.w[0], w.w[1]) >= rule.exploration_prob) return 0;
  return 2 + (int64_t)trm_below(stream, 2, (uint32_t)(rule.max_steps - 1));
}

TRM_DEVICE bool halts(const trm__update_rule &rule, int64_t t, int slot, double q_halt, int64_t steps) {
  if (steps >= rule.max_steps) return true;
  if (!(q_halt > 0)) return false;
  uint64_t index = (uint64_t)t * (uint64_t)rule.batch + (uint64_t)rule.first + (uint64_t)slot;
  return steps >= least_steps(rule, index);
}

/* One thread a slot. An update that diverged leaves the slots alone, and its entry lies where it would have been. */
TRM_KERNEL __launch_bounds__(THREADS)
    update_end(const trm__update_state *state, trm__update_rule rule, const trm__example_stats *stats, trm__slots slots,
               trm__update_log log) {
  int i = (int)(blockIdx.x * THREADS + threadIdx.x);
  bool sound = state->diverged == TRM__SOUND;
  size_t place = log.entries ? (size_t)((state->t + !sound) % log.entries) : 0;
  if (i == 0 && log.entries) log.state[place] = *state;
  if (i >= slots.count) return;
  if (sound) {
    int32_t steps = slots.steps[i] + 1;
    slots.steps[i] = steps;
    slots.halted[i] = halts(rule, state->t, i, stats[i].q_halt, steps);
  }
  if (!log.entries) return;
  size_t at = place * (size_t)log.count + (size_t)i;
  log.stats[at] = stats[i];
  log.steps[at] = slots.steps[i];
  log.halted[at] = slots.halted[i];
}

extern "C" void trm__cuda_update_end(trm__cuda_queue *q, const trm__update_state *state, const trm__update_rule *rule,
                                     const void *stats, const trm__slots *slots, const trm__update_log *log) {
  trm__update_log none = {};
  unsigned blocks = trm_blocks((size_t)slots->count, THREADS);
  trm_launch(q, update_end, dim3(blocks ? blocks : 1), THREADS, 0, state, *rule, (const trm__example_stats *)stats,
             *slots, log ? *log : none);
}
