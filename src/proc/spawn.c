/* Between fork and exec only calls that are safe in the child of a process with threads or in the middle of an
 * allocation: system calls alone. */
#include "proc/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/role.h"

/* PR_SET_PDEATHSIG tells of a parent's end from now on. One that ended before has left us to another parent, and is
 * seen by that. */
void trm__spawn_bind(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) _exit(TRM__EXIT_ORPHAN);
#ifndef TRM_PLANT_130
  if (getppid() != parent) _exit(TRM__EXIT_ORPHAN);
#endif
}

static void spawn_reset_signals(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First copies of all above the places, since a place may be held by one that is still to be moved. */
static int spawn_place_descriptors(const trm__spawn *spawn) {
  int copy[TRM__MOST_GIVEN + 2], end = TRM__ROLE_GIVEN + spawn->count;
  for (int i = TRM__ROLE_LINE; i < end; i++) {
    int from = i == TRM__ROLE_LINE      ? spawn->line
               : i == TRM__ROLE_CHANNEL ? spawn->channel
                                        : spawn->given[i - TRM__ROLE_GIVEN];
    copy[i - TRM__ROLE_LINE] = from < 0 ? -1 : fcntl(from, F_DUPFD, end);
    if (from >= 0 && copy[i - TRM__ROLE_LINE] < 0) return -1;
  }
  for (int i = TRM__ROLE_LINE; i < end; i++) {
    int from = copy[i - TRM__ROLE_LINE];
    if (from < 0) close(i);
    else if (dup2(from, i) < 0) return -1;
  }
#ifdef SYS_close_range
  syscall(SYS_close_range, (unsigned)end, UINT_MAX, 0);
#endif
  return 0;
}

pid_t trm__spawn_child(const trm__spawn *spawn) {
  pid_t parent = getpid(), child = fork();
  if (child > 0) setpgid(child, child); /* here too, so that it is done when this returns */
  if (child) return child;
  trm__spawn_bind(parent);
  setpgid(0, 0);
  spawn_reset_signals();
  if (spawn_place_descriptors(spawn)) _exit(TRM__EXIT_PROGRAM);
  execv(spawn->argv[0], (char *const *)(uintptr_t)spawn->argv);
  _exit(TRM__EXIT_PROGRAM);
}
