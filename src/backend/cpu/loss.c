/* Losses and metrics of a supervision step, one task an example, in double (docs/spec.md, Losses). With w the weights
 * of the label distribution (label smoothing; they sum to 1) and s the stablemax or the exponential:
 *   loss = sum_j w_j (log sum_k s(a_k) - log s(a_j)),   d loss / d a_k = s'(a_k) / sum s - w_k s'(a_k) / s(a_k). */
#include "backend/cpu/cpu.h"

typedef struct loss_job {
  const trm__dims *dims;
  const trm__loss *loss;
  const trm__heads *heads;
} loss_job;

static int loss_first_maximum(const trm__real *a, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (a[i] > a[best]) best = i;
  return best;
}

/* s(a), its derivative, and log s(a). Softmax is shifted by max, which cancels. */
typedef struct score {
  double s, slope, log;
} score;

static score loss_score_of(trm_loss_type kind, double a, double max) {
  if (kind == TRM_LOSS_SOFTMAX) {
    double e = exp(a - max);
    return (score){e, e, a - max};
  }
  if (a >= 0) return (score){a + 1, 1, log1p(a)};
  double s = 1 / (1 - a + 1e-30);
  return (score){s, s * s, log(s)};
}

/* Negative log-likelihood of one token; its gradient times scale into d [V] unless NULL. */
static double loss_of_token(const loss_job *job, const trm__real *a, int label, double scale, trm__real *d) {
  int V = job->dims->V;
  double max = (double)a[loss_first_maximum(a, V)], sum = 0, mean_log = 0;
  double label_log = loss_score_of(job->loss->kind, (double)a[label], max).log, smooth = job->loss->label_smoothing;
  for (int k = 0; k < V; k++) {
    score s = loss_score_of(job->loss->kind, (double)a[k], max);
    sum += s.s;
    mean_log += s.log / V;
  }
  for (int k = 0; d && k < V; k++) {
    score s = loss_score_of(job->loss->kind, (double)a[k], max);
    double weight = (k == label ? 1 - smooth : 0) + smooth / V;
    double relative = job->loss->kind == TRM_LOSS_SOFTMAX ? 1 : s.slope / s.s; /* exp may be zero */
    d[k] = (trm__real)(scale * (s.slope / sum - weight * relative));
  }
  return log(sum) - (1 - smooth) * label_log - (smooth > 0 ? smooth * mean_log : 0);
}

static int loss_is_labelled(const loss_job *job, int32_t label) {
  return label >= 0 && label < job->dims->V;
}

static void loss_count_tokens(const loss_job *job, const trm__real *logits, const int32_t *labels,
                              trm__example_stats *stats) {
  for (int i = 0; i < job->dims->S; i++) {
    if (!loss_is_labelled(job, labels[i])) continue;
    stats->labelled++;
    stats->right += loss_first_maximum(logits + (size_t)i * (size_t)job->dims->V, job->dims->V) == labels[i];
  }
  stats->exact = stats->right == stats->labelled;
}

/* Binary cross-entropy with logits, stable on both sides. */
static double loss_of_halting(double q, int target) {
  return fmax(q, 0) - q * target + log1p(exp(-fabs(q)));
}

static double loss_sigmoid(double q) {
  return q >= 0 ? 1 / (1 + exp(-q)) : exp(q) / (1 + exp(q));
}

/* What an example's gradients are multiplied by. */
static double loss_grad_scale(const loss_job *job, int example) {
  double decay = job->loss->step_decay;
  if (!job->heads->steps || decay == 0 || decay == 1) return job->loss->grad_scale;
  return job->loss->grad_scale * pow(decay, job->heads->steps[example]);
}

static void loss_task(void *context, int task, int worker) {
  (void)worker;
  const loss_job *job = context;
  const trm__heads *h = job->heads;
  size_t S = (size_t)job->dims->S, V = (size_t)job->dims->V, at = (size_t)task * S;
  const int32_t *labels = h->labels + at;
  const trm__real *logits = h->logits + at * V;
  trm__example_stats stats = {.q_halt = (double)h->q[2 * (size_t)task]};
  loss_count_tokens(job, logits, labels, &stats);
  double per_token = stats.labelled ? 1.0 / stats.labelled : 0, scale = loss_grad_scale(job, task);
  for (size_t i = 0; i < S; i++) {
    trm__real *d = h->dlogits ? h->dlogits + (at + i) * V : NULL;
    if (loss_is_labelled(job, labels[i]))
      stats.lm_loss += per_token * loss_of_token(job, logits + i * V, labels[i], per_token * scale, d);
    else if (d) memset(d, 0, V * sizeof *d);
  }
  stats.halt_loss = loss_of_halting(stats.q_halt, stats.exact);
  if (h->dq) {
    double slope = loss_sigmoid(stats.q_halt) - stats.exact;
    h->dq[2 * (size_t)task] = (trm__real)(scale * job->loss->halt_weight * slope);
    h->dq[2 * (size_t)task + 1] = 0;
  }
  h->stats[task] = stats;
}

/* dlogits and dq are written where given, also without a d to go on to. */
void trm__cpu_loss(trm__backend *be, trm__weights *w, int b, const trm__heads *h) {
  loss_job job = {&w->dims, &h->loss, h};
  trm__pool_run(be->pool, b, loss_task, &job);
}
