/* The element-wise operations of the recursion: adding the inputs of a call to the state, and adding up gradients. */
#include "backend/cpu/cpu.h"

typedef struct inject_job {
  const trm__kernels *kernels;
  trm__real *h;
  const trm__real *in, *p, *q;
  int round;
} inject_job;

static void inject_span(void *context, size_t begin, size_t count) {
  const inject_job *job = context;
  trm__real *h = job->h + begin;
  if (job->h != job->in) memcpy(h, job->in + begin, count * sizeof *h);
  job->kernels->inject(h, job->p + begin, job->q ? job->q + begin : NULL, count, job->round);
}

void trm__cpu_inject(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in, const trm__act *p,
                     const trm__act *q) {
  inject_job job = {&w->kernels,          (trm__real *)h,       (const trm__real *)in,
                    (const trm__real *)p, (const trm__real *)q, w->dims.bf16};
  trm__cpu_spans(be, &w->kernels, (size_t)b * (size_t)w->dims.L * (size_t)w->dims.D, inject_span, &job);
}

static void accumulate_span(void *context, size_t begin, size_t count) {
  const inject_job *job = context;
  job->kernels->add(job->h + begin, job->in + begin, count);
}

void trm__cpu_accumulate(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from) {
  inject_job job = {.kernels = &w->kernels, .h = (trm__real *)to, .in = (const trm__real *)from};
  trm__cpu_spans(be, &w->kernels, (size_t)b * (size_t)w->dims.L * (size_t)w->dims.D, accumulate_span, &job);
}
