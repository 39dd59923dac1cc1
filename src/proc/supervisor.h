/* One level of supervision, with the semantics of OTP, as a state machine without processes and without a clock: the
 * caller says what happened and what time it is, and asks what to do. proc/root.h carries the orders out with real
 * processes, and builds trees, in which a child may be a supervisor itself.
 *
 *     trm__supervisor_init(&s, &config, &err);
 *     trm__supervisor_add(&s, &rule);                          once a child; their order is that of starting
 *     trm__supervisor_start(&s, now);
 *     for each event: trm__supervisor_ready, _beat, _exited, _stop, ...
 *     then and when trm__supervisor_due(&s) has come: while (trm__supervisor_next(&s, now, &order)) carry out order;
 *
 * Restarts. A permanent child is started again whenever it ends, a transient one unless it ended normally, a temporary
 * one never. With it are stopped and started again: nobody else (one_for_one), the children after it (rest_for_one),
 * all (one_for_all); of these the temporary are gone for good, and the transient that had ended normally run again, as
 * in OTP. Each restart is noted; notes older than the period are dropped; more than `restarts` of them, and all
 * children are stopped and the supervisor has given up: N pass, N + 1 give up. A start that fails is an end like any
 * other: tell it with trm__supervisor_exited. A child that says by its end that another start is of no use
 * (TRM__END_HOPELESS), and was not ready before, makes the supervisor give up at once.
 *
 * Order. Children are started in order, each when those before it are ready, and stopped in reverse, each when those
 * after it are gone. Under one_for_one this holds for the first start and for stopping everything; later each child is
 * on its own. A stopped child is told to end (TERM) and killed when its shutdown time is over.
 *
 * Beyond OTP. A restart waits: backoff_ms, doubled with each end of that child that was not preceded by a period of
 * being ready, at most backoff_most_ms, less up to half of it by chance. A child that is not ready in time, or falls
 * silent, is killed, and its end counts. A first start that fails is tried again like any other.
 *
 * Memory: all in the struct, which belongs to the caller; nothing is allocated. Threads: one at a time. */
#ifndef TRM_PROC_SUPERVISOR_H
#define TRM_PROC_SUPERVISOR_H

#include <stdint.h>
#include <trm/error.h>

#define TRM__PLACES 128       /* children of one supervisor, at most */
#define TRM__MOST_RESTARTS 64 /* that a configuration may allow in one period */
#define TRM__NEVER INT64_MAX  /* a time that does not come, and a span that does not end */

typedef enum trm__strategy { TRM__ONE_FOR_ONE, TRM__REST_FOR_ONE, TRM__ONE_FOR_ALL } trm__strategy;
typedef enum trm__restart { TRM__PERMANENT, TRM__TRANSIENT, TRM__TEMPORARY } trm__restart;
typedef enum trm__end { TRM__END_NORMAL, TRM__END_FAILED, TRM__END_HOPELESS } trm__end;

/* Times are milliseconds of one monotonic clock, spans too; at most 2^40 of them. */
typedef struct trm__supervisor_config {
  trm__strategy strategy;
  int restarts;      /* N, 0..TRM__MOST_RESTARTS */
  int64_t period_ms; /* of the window; a note of exactly this age still counts */
  int64_t backoff_ms, backoff_most_ms;
  uint64_t seed; /* of the backoff's chance */
} trm__supervisor_config;

typedef struct trm__child_rule {
  trm__restart restart;
  int64_t start_ms;     /* from the start until it is ready, at most; 0: it is ready when started; or TRM__NEVER */
  int64_t shutdown_ms;  /* from TERM to KILL; 0: KILL at once; or TRM__NEVER */
  int64_t heartbeat_ms; /* the longest silence of a ready child; 0: it has no heartbeat */
} trm__child_rule;

typedef enum trm__child_state {
  TRM__CHILD_FREE,     /* the place has no child */
  TRM__CHILD_DOWN,     /* not running */
  TRM__CHILD_STARTING, /* running, not ready */
  TRM__CHILD_UP,
  TRM__CHILD_STOPPING, /* told to end */
  TRM__CHILD_KILLED    /* killed; its end has not been told yet */
} trm__child_state;

typedef struct trm__child {
  trm__child_rule rule;
  trm__child_state state;
  int wanted;         /* 1: to be started as soon as it is down and its turn */
  int stop;           /* 1: running, and to be stopped when it is its turn: its end is expected */
  int retired;        /* 1: its place is free when it is down */
  int gone;           /* 1: never started again: temporary, and it ran */
  int was_up;         /* 1: it has been ready, in this or an earlier run, since the supervisor started */
  int streak;         /* ends in a row without a period of being ready between them */
  uint32_t starts;    /* since the supervisor started */
  int64_t not_before; /* of the next start */
  int64_t up_since;   /* TRM__NEVER: it was not ready in its last run */
  int64_t deadline;   /* STARTING: to be ready; UP: of the next beat; STOPPING: of the kill */
} trm__child;

typedef enum trm__supervisor_phase {
  TRM__PHASE_IDLE,    /* not started yet */
  TRM__PHASE_RUNNING, /* children are started, run, and are started again */
  TRM__PHASE_ENDING,  /* all are being stopped, none is started */
  TRM__PHASE_ENDED    /* none runs */
} trm__supervisor_phase;

/* After an event and the loop of trm__supervisor_next that follows it, the following holds. A child is alive when it is
 * STARTING, UP, STOPPING or KILLED.
 *   1. `alive` is the number of children that are alive.
 *   2. The phase is ENDED exactly when it was ENDING and nobody is alive. IDLE: nobody is alive.
 *   3. While ENDING or ENDED no child is wanted, and each that is alive has `stop`.
 *   4. Only who is alive has `stop`, and STOPPING implies it.
 *   5. While RUNNING at most `restarts` notes are in the window.
 *   6. A gone child is temporary, and is neither wanted nor started twice. A wanted child is not gone, not retired.
 *   7. Stopping in reverse (rest_for_one, one_for_all, ENDING): nobody but who is retired is STOPPING while a later
 * child with `stop` is alive.
 *   8. Starting in order (rest_for_one, one_for_all, while RUNNING): nobody who is alive without `stop` stands behind a
 *      wanted child, or behind one that is STARTING.
 *   9. Under one_for_one the same holds among the configured that have never been ready: at most one of them is alive,
 *      and none before it is wanted.
 *  10. UP with a heartbeat: the deadline is at most heartbeat_ms away, and not yet over.
 *  11. A place that is FREE has nothing set.
 *  12. gave_up names a place only while ENDING or ENDED. */
typedef struct trm__supervisor {
  trm__supervisor_config config;
  trm__supervisor_phase phase;
  trm__child child[TRM__PLACES];
  int configured;                       /* places [0, configured) come back at every start */
  int places;                           /* no child stands at or behind this one */
  int alive;                            /* children that are */
  int64_t note[TRM__MOST_RESTARTS + 1]; /* times of the restarts in the window, oldest first */
  int notes;                            /* of these */
  uint64_t restarts;                    /* since init, for records */
  int killing;                          /* 1: no shutdown times any more */
  int gave_up;                          /* the place for whose end it gave up; -1: it did not */
  trm__end gave_up_end;                 /* HOPELESS: for its word; FAILED: for too many restarts */
  int64_t now;                          /* of the last call; time does not go back */
} trm__supervisor;

typedef enum trm__order_kind { TRM__ORDER_START, TRM__ORDER_TERM, TRM__ORDER_KILL } trm__order_kind;

/* START is followed by trm__supervisor_ready (start_ms 0: not needed) and, sooner or later, by one
 * trm__supervisor_exited: at once, where the start failed. */
typedef struct trm__order {
  trm__order_kind kind;
  int place;
  const char *why; /* for records: "no heartbeat", "not ready in time", "shutdown time is over", ... */
} trm__order;

/* 5 restarts in a minute, 0.2 to 10 s apart; permanent, ready within 30 s, 10 s to end, no heartbeat. */
trm__supervisor_config trm__supervisor_config_default(trm__strategy strategy, uint64_t seed);
trm__child_rule trm__child_rule_default(void);

/* TRM_E_USAGE where a number is out of its range; where names the field. */
trm_status trm__supervisor_init(trm__supervisor *s, const trm__supervisor_config *config, trm_error *err);

/* Before the first start: a configured child, behind the others. Afterwards: an added one, lost when the supervisor
 * starts anew, while the configured come back even when they were retired. Under one_for_one an added child is started
 * at once, otherwise it is the last in order. TRM_E_STOPPED: the supervisor is ending. TRM_E_BUSY: all places are
 * taken. */
trm_status trm__supervisor_add(trm__supervisor *s, const trm__child_rule *rule, int *place, trm_error *err);

/* From IDLE or ENDED: the configured children, as if new; notes are forgotten. */
void trm__supervisor_start(trm__supervisor *s, int64_t now);

/* What happened. A place that has no such child, or a child of whom this cannot be, is ignored, but for _exited, which
 * is for who is alive alone. */
void trm__supervisor_ready(trm__supervisor *s, int place, int64_t now);
void trm__supervisor_beat(trm__supervisor *s, int place, int64_t now);
void trm__supervisor_exited(trm__supervisor *s, int place, trm__end end, int64_t now);

/* The caller, or all of the machine, stood still until now: nobody is to be killed for a silence that he could not
 * break. Heartbeats and starts have all their time again. */
void trm__supervisor_woke(trm__supervisor *s, int64_t now);

void trm__supervisor_retire(trm__supervisor *s, int place, int64_t now); /* stop this child, and never start it again */
void trm__supervisor_stop(trm__supervisor *s, int64_t now);              /* stop all, in reverse */
void trm__supervisor_kill(trm__supervisor *s,
                          int64_t now); /* the same at once: from now on nobody has a shutdown time */

/* The next thing to do at this time; 0: nothing is left. */
int trm__supervisor_next(trm__supervisor *s, int64_t now, trm__order *order);
/* When nothing was left: when there is something again without an event, or TRM__NEVER. */
int64_t trm__supervisor_due(const trm__supervisor *s);

/* Every configured child has been ready, or has ended for good, since the start. */
int trm__supervisor_is_up(const trm__supervisor *s);

int trm__child_is_alive(const trm__child *child);

/* Which invariant does not hold; NULL: all do. */
const char *trm__supervisor_check(const trm__supervisor *s);

#endif
