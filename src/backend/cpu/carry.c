/* The carry between supervision steps: refill of halted slots, noise on latents, their distances, blending and merging.
 */
#include "backend/cpu/cpu.h"
#include "base/rng.h"

typedef struct carry_job {
  const trm__weights *w;
  size_t n; /* elements of one example's state */
  const uint8_t *halted;
  const trm__real *y0, *z0;
  trm__real *y, *z;
} carry_job;

static size_t carry_state_size(const trm__weights *w) {
  return (size_t)w->dims.L * (size_t)w->dims.D;
}

/* -- refill ----------------------------------------------------------------------------------------------------- */

static void refill_slot(const carry_job *job, trm__real *to, const trm__real *row) {
  size_t D = (size_t)job->w->dims.D;
  if (job->w->dims.bf16) job->w->kernels.round_bf16(to, row, D);
  else memcpy(to, row, D * sizeof *to);
  for (size_t i = D; i < job->n; i += D) memcpy(to + i, to, D * sizeof *to);
}

static void refill_task(void *context, int task, int worker) {
  (void)worker;
  const carry_job *job = context;
  if (!job->halted[task]) return;
  refill_slot(job, job->y + (size_t)task * job->n, job->y0);
  refill_slot(job, job->z + (size_t)task * job->n, job->z0);
}

void trm__cpu_refill(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                     const trm__real *z0, trm__act *y, trm__act *z) {
  carry_job job = {w, carry_state_size(w), halted, y0, z0, (trm__real *)y, (trm__real *)z};
  trm__cpu_run(be, &w->kernels, b, refill_task, &job);
}

/* -- noise ------------------------------------------------------------------------------------------------------ */

typedef struct noise_job {
  const trm__weights *w;
  trm__real *x;
  double sigma;
  uint64_t seed;
  const uint64_t *index;
  uint64_t offset;
  const uint8_t *mask;
} noise_job;

static void noise_task(void *context, int task, int worker) {
  (void)worker;
  const noise_job *job = context;
  if (job->mask && !job->mask[task]) return;
  size_t n = carry_state_size(job->w);
  trm__real *x = job->x + (size_t)task * n;
  trm__rng rng = trm__rng_make(job->seed, TRM__RNG_NOISE, job->index[task]);
  rng.block = job->offset / 2; /* a block is four words, a normal number takes two */
  for (size_t i = 0; i < n; i++) x[i] += (trm__real)(job->sigma * trm__rng_normal(&rng));
  if (job->w->dims.bf16) job->w->kernels.round_bf16(x, x, n);
}

void trm__cpu_noise(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                    const uint64_t *index, uint64_t offset, const uint8_t *mask) {
  noise_job job = {w, (trm__real *)x, sigma, seed, index, offset, mask};
  if (sigma != 0) trm__cpu_run(be, &w->kernels, b, noise_task, &job);
}

/* -- distance --------------------------------------------------------------------------------------------------- */

typedef struct distance_job {
  const trm__weights *w;
  const trm__real *x, *was;
  double *out;
} distance_job;

/* Four sums, so that they need not wait for each other. */
static void distance_task(void *context, int task, int worker) {
  (void)worker;
  const distance_job *job = context;
  size_t n = carry_state_size(job->w);
  const trm__real *x = job->x + (size_t)task * n, *was = job->was + (size_t)task * n;
  double moved[4] = {0}, size[4] = {0};
  for (size_t i = 0; i < n; i++) {
    double d = (double)x[i] - (double)was[i];
    moved[i % 4] += d * d;
    size[i % 4] += (double)x[i] * (double)x[i];
  }
  job->out[2 * task] = moved[0] + moved[1] + moved[2] + moved[3];
  job->out[2 * task + 1] = size[0] + size[1] + size[2] + size[3];
}

void trm__cpu_distance(trm__backend *be, trm__weights *w, int b, const trm__act *x, const trm__act *was, double *out) {
  distance_job job = {w, (const trm__real *)x, (const trm__real *)was, out};
  trm__cpu_run(be, &w->kernels, b, distance_task, &job);
}

/* -- blend ------------------------------------------------------------------------------------------------------ */

typedef struct blend_job {
  const trm__kernels *kernels;
  trm__real *x;
  const trm__real *other;
  double keep, take;
  int round;
} blend_job;

static void blend_span(void *context, size_t begin, size_t count) {
  const blend_job *job = context;
  trm__real keep = (trm__real)job->keep, take = (trm__real)job->take, *x = job->x + begin;
  const trm__real *other = job->other + begin;
  for (size_t i = 0; i < count; i++) x[i] = keep * x[i] + take * other[i];
  if (job->round) job->kernels->round_bf16(x, x, count);
}

void trm__cpu_blend(trm__backend *be, trm__weights *w, int b, trm__act *x, double keep, const trm__act *other,
                    double take) {
  blend_job job = {&w->kernels, (trm__real *)x, (const trm__real *)other, keep, take, w->dims.bf16};
  trm__cpu_spans(be, &w->kernels, (size_t)b * carry_state_size(w), blend_span, &job);
}

/* -- merge ------------------------------------------------------------------------------------------------------ */

typedef struct merge_job {
  const trm__weights *w;
  trm__merge_kind kind;
  int k, b;
  const trm__real *from, *q;
  trm__real *to;
} merge_job;

static double merge_q_of(const merge_job *job, int candidate, int example) {
  double q = (double)job->q[(size_t)candidate * (size_t)job->b + (size_t)example];
  return isnan(q) ? -INFINITY : q;
}

/* The first of the largest q; NaN counts as the smallest. */
static int merge_best_of(const merge_job *job, int example) {
  int best = 0;
  for (int i = 1; i < job->k; i++)
    if (merge_q_of(job, i, example) > merge_q_of(job, best, example)) best = i;
  return best;
}

/* exp(q - max q), or 1 for the mean: in proportion to the candidate's weight. */
static double merge_share_of(const merge_job *job, int candidate, int example, double max) {
  if (job->kind == TRM__MERGE_MEAN || max == -INFINITY) return 1;
  double q = merge_q_of(job, candidate, example);
  return q == max ? 1 : exp(q - max);
}

static void merge_task(void *context, int task, int worker) {
  (void)worker;
  const merge_job *job = context;
  size_t n = carry_state_size(job->w), stride = (size_t)job->b * n;
  const trm__real *from = job->from + (size_t)task * n;
  trm__real *to = job->to + (size_t)task * n;
  int best = job->kind == TRM__MERGE_MEAN ? 0 : merge_best_of(job, task);
  if (job->kind == TRM__MERGE_BEST) {
    memcpy(to, from + (size_t)best * stride, n * sizeof *to);
    return;
  }
  double max = job->kind == TRM__MERGE_MEAN ? 0 : merge_q_of(job, best, task), sum = 0;
  for (int i = 0; i < job->k; i++) sum += merge_share_of(job, i, task, max);
  memset(to, 0, n * sizeof *to);
  for (int i = 0; i < job->k; i++) {
    trm__real share = (trm__real)(merge_share_of(job, i, task, max) / sum);
    const trm__real *candidate = from + (size_t)i * stride;
    for (size_t j = 0; share != 0 && j < n; j++) to[j] += share * candidate[j];
  }
  if (job->w->dims.bf16) job->w->kernels.round_bf16(to, to, n);
}

void trm__cpu_merge(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                    const trm__real *q, trm__act *to) {
  merge_job job = {w, kind, k, b, (const trm__real *)from, q, (trm__real *)to};
  trm__cpu_run(be, &w->kernels, b, merge_task, &job);
}

/* -- winner takes all -------------------------------------------------------------------------------------------- */

void trm__cpu_winners(trm__backend *be, int k, int b, const trm__example_stats *stats, int32_t *winner) {
  (void)be;
  for (int i = 0; i < b; i++) {
    int best = 0;
    for (int j = 1; j < k; j++) {
      double loss = stats[(size_t)j * (size_t)b + (size_t)i].lm_loss;
      double least = stats[(size_t)best * (size_t)b + (size_t)i].lm_loss;
      if (loss < least || (isnan(least) && !isnan(loss))) best = j;
    }
    winner[i] = best;
  }
}

typedef struct pick_job {
  size_t n, stride;
  const int32_t *winner;
  const trm__real *from;
  trm__real *to;
} pick_job;

static void pick_task(void *context, int task, int worker) {
  (void)worker;
  const pick_job *job = context;
  size_t at = (size_t)task * job->n;
  memcpy(job->to + at, job->from + (size_t)job->winner[task] * job->stride + at, job->n * sizeof *job->to);
}

void trm__cpu_pick(trm__backend *be, trm__weights *w, int k, int b, const int32_t *winner, const trm__act *from,
                   trm__act *to) {
  (void)k;
  size_t n = carry_state_size(w);
  pick_job job = {n, (size_t)b * n, winner, (const trm__real *)from, (trm__real *)to};
  trm__pool_run(be->pool, b, pick_task, &job);
}
