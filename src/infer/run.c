/* A call of the engine: fills and rounds until the sources have no more, or something stops it. Several engines take
 * their rounds in turn, so that their puzzles go on side by side though each has a network of its own. */
#include "base/clock.h"
#include "base/status.h"
#include "infer/engine.h"

/* Free slots get puzzles; while nobody is at work the sources wait for some. 0: no engine has one. */
static int run_fill(trm_solver *const *solvers, int count) {
  int active = 0;
  for (int wait = 0; wait < 2 && !active; wait++)
    for (int i = 0; i < count; i++) {
      trm__engine_fill(&solvers[i]->engine, wait && !active);
      active |= solvers[i]->engine.active > 0;
    }
  return active;
}

/* A round of every engine with puzzles. When one of them stops the call the others still take theirs, so that each
 * puzzle that has entered has an answer. */
static trm_status run_rounds(trm_solver *const *solvers, int count, int *stop, trm_error *err) {
  trm_status status = TRM_OK;
  for (int i = 0; i < count && !status; i++)
    if (solvers[i]->engine.active > 0) status = trm__engine_round(&solvers[i]->engine, stop, err);
  return status;
}

static int run_is_cancelled(const trm_solver *s) {
  return s->cancel && atomic_load(&s->cancel->all);
}

/* What a call that a callback or a mark may have ended before its source did returns. */
static trm_status run_verdict(const trm__engine *e, int64_t puzzles, int64_t finished, trm_error *err) {
  if (puzzles < 0 && e->ended && finished == e->next) return TRM_OK;
  if (puzzles < 0) return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld puzzles", (long long)finished);
  if (finished == puzzles) return TRM_OK;
  return trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld of %lld puzzles", (long long)finished,
                   (long long)puzzles);
}

trm_status trm__engine_run_together(trm_solver *const *solvers, const trm__job *jobs, int count, trm_error *err) {
  trm_status status = TRM_OK;
  for (int i = 0; i < count; i++)
    if (!solvers[i]->network) return trm__fail(err, TRM_E_UNSUPPORTED, solvers[i]->path, TRM__NO_STEPS);
  double start = trm__clock();
  int64_t call = trm__event_call();
  int stop = 0;
  for (int i = 0; i < count; i++) {
    trm__engine_begin(solvers[i], &jobs[i], call);
    stop |= run_is_cancelled(solvers[i]);
  }
  while (!stop && !status && run_fill(solvers, count)) status = run_rounds(solvers, count, &stop, err);
  int64_t finished = solvers[0]->engine.left;
  for (int i = 0; i < count; i++) {
    trm__engine_end(&solvers[i]->engine, status != TRM_OK);
    solvers[i]->stats.seconds = trm__clock() - start;
  }
  return status ? status : run_verdict(&solvers[0]->engine, jobs[0].source.puzzles, finished, err);
}

trm_status trm__engine_run(trm_solver *solver, const trm__job *job, trm_error *err) {
  return trm__engine_run_together(&solver, job, 1, err);
}
