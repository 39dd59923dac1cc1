/* What the tests of sessions share: solvers of several number types with and without noise, the steps of one puzzle as
 * trm_solve tells of them, and comparisons of a session's history with them, bit by bit. */
#ifndef TRM_TESTS_UNIT_INFER_SESSION_SUPPORT_H
#define TRM_TESTS_UNIT_INFER_SESSION_SUPPORT_H

#include "unit/infer/support.h"

#include <trm/session.h>

enum { MOST = TRM_SESSION_HISTORY + 12 }; /* steps */

typedef struct variant {
  int mixer, dtype;
  double noise;
} variant;

static const variant variants[] = {
    {1, TRM_SOLVE_FLOAT32, 0},    {0, TRM_SOLVE_FLOAT32, 0},    {1, TRM_SOLVE_FLOAT32, 0.5},
    {0, TRM_SOLVE_BFLOAT16, 0.5}, {1, TRM_SOLVE_BFLOAT16, 0.5}, {0, TRM_SOLVE_INT8, 0},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static inline trm_solver *variant_solver(const fixture *f, const variant *v, int64_t max_steps) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  config.batch = 2;
  config.max_steps = max_steps;
  config.halt = 0;
  config.dtype = v->dtype;
  config.start_noise = config.latent_noise = v->noise;
  config.seed = 11;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &config, &err), err);
  return solver;
}

/* What the steps of one puzzle gave. */
typedef struct course {
  int steps;
  int32_t answer[MOST][CELLS];
  float confidence[MOST][CELLS], q[MOST];
} course;

static inline int course_watch(void *context, const trm_step *step) {
  course *c = context;
  assert_in_range(step->step, 1, MOST);
  int i = step->step - 1;
  c->steps = step->step;
  memcpy(c->answer[i], step->answer, sizeof c->answer[i]);
  memcpy(c->confidence[i], step->confidence, sizeof c->confidence[i]);
  c->q[i] = step->q;
  return TRM_STEP_ON;
}

/* The steps of the puzzle alone, up to the solver's limit. */
static inline void course_of(course *c, trm_solver *solver, const int32_t *tokens, int32_t identifier) {
  trm_error err = {0};
  int32_t answer[CELLS];
  memset(c, 0, sizeof *c);
  CHECK_OK(trm_solve(solver, 1, tokens, &identifier, answer, NULL, course_watch, c, &err), err);
}

static inline trm_session *session_of(trm_solver *solver, const int32_t *tokens, int32_t identifier) {
  trm_error err = {0};
  trm_session *session = NULL;
  CHECK_OK(trm_session_open(&session, solver, tokens, identifier, &err), err);
  return session;
}

static inline void advance(trm_session *session, int64_t steps) {
  trm_error err = {0};
  int64_t taken = -1, before = trm_session_describe(session).steps;
  CHECK_OK(trm_session_step(session, steps, &taken, &err), err);
  assert_int_equal(taken, steps);
  assert_int_equal(trm_session_describe(session).steps, before + steps);
}

static inline void check_entry(const trm_session *session, const course *c, int64_t step) {
  trm_error err = {0};
  trm_session_entry entry;
  CHECK_OK(trm_session_at(session, step, &entry, &err), err);
  assert_int_equal(entry.step, step);
  assert_memory_equal(entry.answer, c->answer[step - 1], sizeof c->answer[0]);
  assert_memory_equal(entry.confidence, c->confidence[step - 1], sizeof c->confidence[0]);
  assert_memory_equal(&entry.q, &c->q[step - 1], sizeof entry.q);
}

/* The session has taken so many steps, keeps the last of them and has no others, and they are those of the course. */
static inline void check_history(const trm_session *session, const course *c, int64_t steps, int64_t kept) {
  trm_error err = {0};
  trm_session_entry entry;
  trm_session_info info = trm_session_describe(session);
  assert_int_equal(info.steps, steps);
  assert_int_equal(info.kept, kept);
  for (int64_t step = steps - kept + 1; step <= steps; step++) check_entry(session, c, step);
  CHECK_FAILS(trm_session_at(session, steps - kept, &entry, &err), TRM_E_USAGE, err, "step");
  CHECK_FAILS(trm_session_at(session, steps + 1, &entry, &err), TRM_E_USAGE, err, "step");
  const trm_state *state = trm_session_state(session);
  assert_int_equal(state != NULL, steps > 0);
  if (state) assert_int_equal(trm_state_describe(state).steps, steps);
}

#endif
