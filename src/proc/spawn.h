/* One child process: fork, bound to its parent, with exactly the descriptors it should have, then exec. */
#ifndef TRM_PROC_SPAWN_H
#define TRM_PROC_SPAWN_H

#include <sys/types.h>

#define TRM__MOST_GIVEN 16 /* descriptors */

typedef struct trm__spawn {
  const char *const *argv; /* the program's path, its arguments, NULL */
  int line, channel;       /* become TRM__ROLE_LINE and TRM__ROLE_CHANNEL; channel negative: there is none */
  const int *given;        /* [count], become TRM__ROLE_GIVEN and so on; at most TRM__MOST_GIVEN */
  int count;
} trm__spawn;

/* The child has the standard descriptors and those above, no others; no signal blocked, none ignored; a process group
 * of its own, so that Ctrl-C reaches the parent alone. The kernel kills it when the calling thread ends. All
 * descriptors stay the caller's. Negative: there is no child, errno says why. A program that cannot be run ends with
 * TRM__EXIT_PROGRAM. */
pid_t trm__spawn_child(const trm__spawn *spawn);

/* In a new process: it is to die with parent. Ends the process when that is gone already. */
void trm__spawn_bind(pid_t parent);

#endif
