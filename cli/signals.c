/* SIGINT and SIGTERM, of a rank SIGUSR1 too, ask a command to end after the step at hand; a second signal ends the
 * program at once. Who waits for something else at that time waits for cli_signal_descriptor too. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t signal_seen;
static int signal_pipe[2] = {-1, -1};

static void signal_note(int number) {
  (void)number;
  signal_seen = 1;
  if (signal_pipe[1] >= 0 && write(signal_pipe[1], "", 1) < 0) signal_seen = 2; /* full: it is readable already */
  (void)signal(SIGINT, SIG_DFL);
  (void)signal(SIGTERM, SIG_DFL);
}

void cli_catch_signals(void) {
  struct sigaction action = {.sa_handler = signal_note};
  if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) signal_pipe[0] = signal_pipe[1] = -1;
  (void)sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  if (cli_is_rank()) (void)sigaction(SIGUSR1, &action, NULL); /* which mpirun passes on, while it kills at the others */
}

int cli_interrupted(void) {
  return signal_seen != 0;
}

int cli_signal_descriptor(void) {
  return signal_pipe[0];
}
