/* SIGINT and SIGTERM ask a command to end after the step at hand; a second signal ends the program at once. */
#include <signal.h>

#include "cli/cli.h"

static volatile sig_atomic_t signal_seen;

static void signal_note(int number) {
  (void)number;
  signal_seen = 1;
  (void)signal(SIGINT, SIG_DFL);
  (void)signal(SIGTERM, SIG_DFL);
}

void cli_catch_signals(void) {
  struct sigaction action = {.sa_handler = signal_note};
  (void)sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
}

int cli_interrupted(void) {
  return signal_seen;
}
