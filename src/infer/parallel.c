/* The step of parallel latents: see parallel.h. */
#include "infer/parallel.h"

/* The numbers of a step's noise are those of the start, those of its latent cycles, then those of the candidates. */
static void parallel_spread(const trm__engine *e, const trm__slice *s, int k, int cycles, trm__act *z) {
  const trm_solver *solver = e->solver;
  const trm_solver_config *c = &solver->config;
  if (c->latent_spread == 0) {
    trm__network_set_damping(solver->network, (double)k / (2 * (double)c->parallel_latents));
    return;
  }
  trm__network_noise noise = {c->latent_spread, (uint64_t)c->seed, solver->noise_index + s->first,
                              (uint64_t)(1 + cycles + k) * trm__network_noise_numbers(solver->network)};
  if (k) trm__network_shake(solver->network, s->count, &noise, z);
}

/* Candidate k takes the step; q [count], on the host, receives what it says of its answer. */
static void parallel_candidate(const trm__engine *e, const trm__slice *s, int k, int cycles, trm__real *q) {
  const trm_solver *solver = e->solver;
  trm__backend *be = solver->backend;
  size_t bytes = (size_t)s->count * e->state, at = (size_t)k * bytes, n = (size_t)s->count;
  trm__act *y = solver->candidate_y + at, *z = solver->candidate_z + at;
  be->copy(be, y, s->y, bytes, TRM__COPY_ON_DEVICE);
  be->copy(be, z, s->z, bytes, TRM__COPY_ON_DEVICE);
  parallel_spread(e, s, k, cycles, z);
  trm__network_step(solver->network, s->count, s->tokens, s->rows, y, z, s->logits, s->q);
  be->copy(be, solver->q_host, s->q, 2 * n * sizeof *s->q, TRM__COPY_TO_HOST);
  (void)be->synchronize(be, NULL); /* a fault stays, and is reported at the end of the round */
  for (size_t i = 0; i < n; i++) q[i] = solver->q_host[2 * i];
}

void trm__parallel_step(const trm__engine *e, const trm__slice *s, int cycles, const trm__loss *loss) {
  const trm_solver *solver = e->solver;
  trm__backend *be = solver->backend;
  int K = (int)solver->config.parallel_latents;
  trm__merge_kind kind = (trm__merge_kind)solver->config.merge;
  size_t n = (size_t)s->count;
  for (int k = 0; k < K; k++) parallel_candidate(e, s, k, cycles, solver->candidate_q_host + (size_t)k * n);
  if (solver->config.latent_spread == 0) trm__network_set_damping(solver->network, solver->model.damping);
  be->copy(be, solver->candidate_q, solver->candidate_q_host, (size_t)K * n * sizeof *solver->candidate_q,
           TRM__COPY_TO_DEVICE);
  trm__network_merge(solver->network, kind, K, s->count, solver->candidate_y, solver->candidate_q, s->y);
  trm__network_merge(solver->network, kind, K, s->count, solver->candidate_z, solver->candidate_q, s->z);
  trm__network_heads(solver->network, s->count, s->y, s->labels, loss, s->logits, s->q, s->scores);
}
