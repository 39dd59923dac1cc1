/* Sessions: puzzles that a person or an agent advances step by step, looks at, corrects and takes back. The gateway
 * keeps question, steps and states; a step is an item of work like any other (its state goes to an engine and comes
 * back), so a session does not feel the end of an engine. They live in memory: a new gateway has none.
 *
 * Invariants:
 *   1. at most sessions_limit sessions and SESSION_BYTES of states are kept; a new one over the limit is refused, and
 *      states over it are forgotten from the oldest step on, never the last
 *   2. step k of the history was taken from the state of step k - 1 with the question of that time
 *   3. while a step is at work the session takes no other change */
#ifndef TRM_SERVE_SESSION_H
#define TRM_SERVE_SESSION_H

#include "serve/call.h"

trm_status trm__sessions_open(trm__session_table **out, trm__gateway *gateway, trm_error *err);
void trm__sessions_close(trm__session_table **table);
void trm__sessions_expire(trm__session_table *table, double now); /* on trm_clock() */
int trm__sessions_count(const trm__session_table *table);

#endif
