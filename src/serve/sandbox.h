/* What an engine may do once its models are loaded: compute, and talk to its gateway over the socket that it has. Two
 * parts of the kernel see to it, and each may be missing:
 *
 *   Landlock (Linux 5.13)   from the models' loading on: of files it reads the models, /proc and /sys, and writes none
 *   seccomp                 from then on, for all threads: no program is run, no process made or signalled, no socket
 * made, no file made, changed or opened for writing, no memory made executable, no other process looked into. What it
 * may not do fails with an error; calls of another architecture kill it
 *
 * seccomp names what is forbidden, since what the C library needs changes with its version. What is asked for and does
 * not stand in its list is allowed; what is newer than this list is not.
 * The card's profile is weaker, since drivers open devices, write caches and start threads of their own: no Landlock,
 * and of the calls only those that run programs, make processes or sockets, or look into others are forbidden. */
#ifndef TRM_SERVE_SANDBOX_H
#define TRM_SERVE_SANDBOX_H

enum {
  TRM__SANDBOX_OFF,
  TRM__SANDBOX_AUTO,
  TRM__SANDBOX_REQUIRE
};                                                            /* the configuration: as far as it is there; all of it */
enum { TRM__SANDBOX_LANDLOCK = 1, TRM__SANDBOX_SECCOMP = 2 }; /* parts, as a mask */

/* 1: this thread, and those that it starts, read no file but these and what stands in /proc and /sys. 0: not, and
 * nothing has changed. Before there is another thread. */
int trm__sandbox_files(const char *const *files, int count);
/* 1: no thread of this process does any more what is forbidden. 0: not, and nothing has changed. */
int trm__sandbox_calls(int card);

#endif
