/* Cancel marks (include/trm/solve.h): flags that any thread may set and that the engine reads between two steps. */
#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"

trm_status trm_cancel_open(trm_cancel **out, int64_t puzzles, trm_error *err) {
  if (puzzles < 0) return trm__fail(err, TRM_E_USAGE, "trm_cancel_open", "%lld puzzles", (long long)puzzles);
  trm_cancel *c = trm__calloc(1, sizeof *c);
  atomic_uchar *marks = trm__calloc((size_t)puzzles, sizeof *marks);
  if (!c || !marks) {
    trm__free(c);
    trm__free(marks);
    return trm__fail_memory(err, "cancel marks", (size_t)puzzles);
  }
  c->puzzle = marks;
  c->puzzles = puzzles;
  *out = c;
  return TRM_OK;
}

void trm_cancel_close(trm_cancel **cancel) {
  trm_cancel *c = cancel ? *cancel : NULL;
  if (!c) return;
  trm__free((void *)c->puzzle);
  trm__free(c);
  *cancel = NULL;
}

void trm_cancel_puzzle(trm_cancel *cancel, int64_t puzzle) {
  if (puzzle >= 0 && puzzle < cancel->puzzles) atomic_store(&cancel->puzzle[puzzle], 1);
}

void trm_cancel_all(trm_cancel *cancel) {
  atomic_store(&cancel->all, 1);
}

void trm_cancel_reset(trm_cancel *cancel) {
  atomic_store(&cancel->all, 0);
  for (int64_t i = 0; i < cancel->puzzles; i++) atomic_store(&cancel->puzzle[i], 0);
}

void trm_solver_set_cancel(trm_solver *solver, const trm_cancel *cancel) {
  solver->cancel = cancel;
}
