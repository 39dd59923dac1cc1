/* Sessions: one puzzle that a person or an agent advances step by step, looks at, corrects and takes back. Every step
 * has the bits that the engine would have computed. */
#ifndef TRM_SESSION_H
#define TRM_SESSION_H

#include <stdint.h>
#include <trm/solve.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trm_session trm_session;

/* How many of its last steps a session keeps, with their states. */
#define TRM_SESSION_HISTORY 64

/* One call on a session at a time, and none while its solver is at work elsewhere; sessions may share a solver, which
 * is borrowed. tokens [S]; TRM_E_INPUT when the puzzle does not fit the model. */
trm_status trm_session_open(trm_session **out, trm_solver *solver, const int32_t *tokens, int32_t identifier,
                            trm_error *err);
/* The same of a puzzle that may be smaller than the model's grid (trm_task_fits), in which it is framed: tokens are the
 * cells of its task, and so are all that the session takes and tells, but for its states. */
trm_status trm_session_open_task(trm_session **out, trm_solver *solver, const trm_task *task, const int32_t *tokens,
                                 int32_t identifier, trm_error *err);
void trm_session_close(trm_session **session); /* accepts NULL; clears the pointer */

/* Takes up to `steps` supervision steps (1 or more), whatever the solver's step limit is; with halting it ends after
 * the one whose logit exceeds the solver's threshold. *taken (NULL: skip): how many, also on
 * TRM_E_STOPPED, by the solver's cancel marks. */
trm_status trm_session_step(trm_session *session, int64_t steps, int64_t *taken, trm_error *err);

/* From the next step on, cell has this token as its clue. TRM_E_USAGE for a cell or token that does not exist. */
trm_status trm_session_pin(trm_session *session, int64_t cell, int32_t token, trm_error *err);
/* From the next step on, cell is again as the session was opened with. */
trm_status trm_session_clear(trm_session *session, int64_t cell, trm_error *err);

/* Takes the last `steps` steps back; pins stay as they are. To the very beginning, a session of up to
 * TRM_SESSION_HISTORY steps goes as well. TRM_E_USAGE for more steps than are kept. */
trm_status trm_session_back(trm_session *session, int64_t steps, trm_error *err);

/* One step of the past; pointers are valid until the session's next call. */
typedef struct trm_session_entry {
  int64_t step;            /* 1-based */
  const int32_t *question; /* [S] with the pins of that step */
  const int32_t *answer;   /* [S] */
  const float *confidence; /* [S] */
  float q;                 /* halting logit */
} trm_session_entry;

typedef struct trm_session_info {
  int64_t steps;           /* taken and not taken back */
  int64_t kept;            /* entries of the history: of steps steps - kept + 1 to steps */
  const int32_t *question; /* [S] of the next step; valid until the session's next call */
  int32_t identifier;
  const trm_task *task; /* of the puzzle: S is its cells; valid as long as the session */
} trm_session_info;
trm_session_info trm_session_describe(const trm_session *session);
/* step: one that is kept. TRM_E_USAGE for another. */
trm_status trm_session_at(const trm_session *session, int64_t step, trm_session_entry *entry, trm_error *err);
/* The state after the last step, valid until the session's next call; NULL before the first. */
const trm_state *trm_session_state(const trm_session *session);

/* The whole session as one file, written atomically. Loading gives TRM_E_INPUT for a damaged file, and for one of
 * another model or number type than the solver's. */
trm_status trm_session_save(const trm_session *session, const char *path, trm_error *err);
trm_status trm_session_load(trm_session **out, trm_solver *solver, const char *path, trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
