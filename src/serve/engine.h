/* The engine process: it holds the models and solves what the gateway gives it over a channel. It keeps nothing: what a
 * puzzle needs comes with it and leaves with its answer.
 *
 * Threads. The main thread has the channel, the signals and the line to the root process, and all of struct
 * trm__serve_engine but the outbox. Each solver has a thread, whose puzzles are a queue of libtrm (trm/solve.h) and
 * whose runtime is its own, so that models, and options that need a solver of their own, are computed at the same time;
 * hints and new puzzles have a thread each. What those threads have to say they put into the outbox, which the main
 * thread empties.
 *
 * An item's way, seen by the main thread:
 *   1. It is in the list of items from its ITEM frame on until its DONE or BACK has been taken by the channel; then it
 *      is freed. Of each item one of the two is sent, once.
 *   2. It has a place: it waits for a solver (no unit, no helper), or is in exactly one unit or helper.
 *   3. A unit counts the items that it has; one that has some is never closed.
 *   4. After SIGTERM no item begins its first step; what has not begun is handed back.
 * The engine is alive, and says so to the root, only while work moves: no unit or helper with items has been without a
 * step, an end or a blocked outbox for stall_s. */
#ifndef TRM_SERVE_ENGINE_H
#define TRM_SERVE_ENGINE_H

typedef struct trm__serve_engine_options {
  int channel;          /* a stream socket to the gateway, which is taken */
  const char *build_id; /* as of the gateway */
  const char *device;   /* that it computes on, whatever the gateway says; NULL: as that says */
  int supervised;       /* 1: a child of the root process, which is told that it is ready and alive (proc/role.h) */
} trm__serve_engine_options;

/* Runs until SIGTERM, or, unless supervised, until the channel ends. Returns the exit status of the process. The
 * process must have no other thread, so that SIGTERM, which is blocked from here on, reaches the engine's own. */
int trm__serve_engine_run(const trm__serve_engine_options *options);

#endif
