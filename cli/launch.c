/* Starting a job of ranks: mpirun with this program again, as often as ranks are lost and --elastic says so. mpirun
 * runs in a process group of its own, so that Ctrl-C reaches only this process, which asks the ranks to stop (SIGUSR1,
 * which mpirun passes on); when this process is killed, mpirun is ended too.
 *
 * What mpirun itself has to say stands between two lines of dashes. It is kept back, and shown only when the job ended
 * in a way that trm has no words for. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ranks.h"

#define PATIENCE 10 /* seconds that mpirun has to end after a rank gave another up, which it may not notice itself */

enum { FRUITLESS = 4, KEPT = 8192, WORDS = 64 }; /* starts without a new checkpoint; bytes of what mpirun said; words */

typedef struct launch {
  const cli_command *command;
  const cli_job *job;
  int ranks; /* of this start */
  char kept[KEPT];
  size_t used;
  char line[1024]; /* of what comes from the job, until it is known what it is */
  size_t length;
  int inside;   /* between dashes */
  double given; /* when a rank gave up another; 0: not yet */
} launch;

/* -- what the job writes to standard error ------------------------------------------------------------------------ */

static int launch_is_rule(const char *line, size_t length) {
  return length > 60 && strspn(line, "-") >= length;
}

static void launch_line(launch *l) {
  if (launch_is_rule(l->line, l->length)) {
    l->inside = !l->inside;
  } else if (l->inside) {
    size_t room = sizeof l->kept - 1 - l->used, take = l->length + 1 < room ? l->length : 0;
    memcpy(l->kept + l->used, l->line, take);
    l->used += take;
    if (take) l->kept[l->used++] = '\n';
  } else {
    if (!l->given && memmem(l->line, l->length, "(--rank-timeout)", 16)) l->given = trm_clock();
    (void)fwrite(l->line, 1, l->length, stderr);
    (void)fputc('\n', stderr);
  }
  l->length = 0;
}

static void launch_hear(launch *l, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '\n' || l->length == sizeof l->line) launch_line(l);
    if (text[i] != '\n') l->line[l->length++] = text[i];
  }
  (void)fflush(stderr);
}

/* -- one start ----------------------------------------------------------------------------------------------------- */

/* The words of mpirun's command line. */
static size_t launch_words(const launch *l, const char **word, char *first, char *count, char *program) {
  static const char *const passed_on[] = {"TRM_THREADS", "TRM_ISA", "TRM_DEVICE"};
  const cli_ranks_options *o = l->job->options;
  size_t n = 0;
  for (char *save, *w = strtok_r(first, " ", &save); w && n < WORDS / 2; w = strtok_r(NULL, " ", &save)) word[n++] = w;
  word[n++] = "-n";
  word[n++] = count;
  word[n++] = "--bind-to";
  word[n++] = "none";
  if (o->hosts[0]) {
    word[n++] = "--hostfile";
    word[n++] = o->hosts;
  } else {
    word[n++] = "--oversubscribe";
  }
  word[n++] = "--mca";
  word[n++] = "mpi_yield_when_idle"; /* ranks may share cores */
  word[n++] = "1";
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
    if (cli_environment(passed_on[i])) word[n++] = "-x", word[n++] = passed_on[i];
  word[n++] = program;
  return n;
}

static void launch_exec(const launch *l, char **arguments, int errors, pid_t parent) {
  char program[PATH_MAX], count[16], first[512];
  const char *given = cli_environment("TRM_MPIRUN");
  size_t rest = 0;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = 0;
  (void)snprintf(count, sizeof count, "%d", l->ranks);
  (void)snprintf(first, sizeof first, "%s", given ? given : "mpirun");
  while (arguments[rest]) rest++;
  const char **word = cli_alloc(WORDS + rest + 1, sizeof *word);
  size_t n = launch_words(l, word, first, count, program);
  for (size_t i = 0; i < rest; i++) word[n++] = arguments[i];
  (void)setpgid(0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  (void)dup2(errors, STDERR_FILENO);
  (void)execvp(word[0], (char **)(uintptr_t)word);
  _exit(127);
}

/* Waits for the job, passing on what it writes and a wish to stop. Returns what waitpid says. */
static int launch_watch(launch *l, pid_t child, int errors) {
  char text[4096];
  int asked = 0, result = 0;
  struct pollfd wait[2] = {{.fd = errors, .events = POLLIN}, {.fd = cli_signal_descriptor(), .events = POLLIN}};
  for (;;) {
    wait[1].fd = asked ? -1 : cli_signal_descriptor();
    if (poll(wait, 2, l->given > 0 ? 1000 : -1) < 0 && errno != EINTR) break;
    if (l->given > 0 && trm_clock() - l->given > PATIENCE) {
      (void)kill(-child, SIGKILL);
      break;
    }
    if (cli_interrupted() && !asked) {
      asked = 1;
      (void)kill(child, SIGUSR1);
    }
    if (!(wait[0].revents & (POLLIN | POLLHUP))) continue;
    ssize_t size = read(errors, text, sizeof text);
    if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) break;
    if (size > 0) launch_hear(l, text, (size_t)size);
  }
  if (l->length) launch_line(l);
  while (waitpid(child, &result, 0) < 0 && errno == EINTR) continue;
  return result;
}

/* The exit code of mpirun, 128 + N for a signal; -1 when it could not be started. */
static int launch_once(launch *l, char **arguments) {
  int pipes[2];
  pid_t self = getpid();
  l->used = l->length = 0;
  l->inside = 0;
  l->given = 0;
  if (pipe2(pipes, O_CLOEXEC)) return -1;
  (void)fflush(stdout);
  pid_t child = fork();
  if (child == 0) launch_exec(l, arguments, pipes[1], self);
  (void)close(pipes[1]);
  int result = child > 0 ? launch_watch(l, child, pipes[0]) : -1;
  (void)close(pipes[0]);
  if (child < 0) return -1;
  if (l->given > 0) return CLI_LOST;
  return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

/* -- again and again ----------------------------------------------------------------------------------------------- */

/* As Open MPI wants it: said before it is started, in one line. */
static int launch_check_root(const cli_command *command) {
  if (geteuid() != 0 ||
      (cli_environment("OMPI_ALLOW_RUN_AS_ROOT") && cli_environment("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")))
    return CLI_CONTINUE;
  return cli_usage(command, "--ranks: mpirun does not start jobs of root unless OMPI_ALLOW_RUN_AS_ROOT=1 and "
                            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 are set");
}

static int launch_is_lost(int code) {
  return code == CLI_LOST || code > 128;
}

static void launch_say_lost(const launch *l, int code, int64_t newest, const char *checkpoint) {
  char how[64], what[CLI_RANKS_PATH + 96];
  if (code > 128) (void)snprintf(how, sizeof how, "one of %d was killed by signal %d", l->ranks, code - 128);
  else (void)snprintf(how, sizeof how, "one of %d was lost", l->ranks);
  if (newest) (void)snprintf(what, sizeof what, "the last whole checkpoint is %s", checkpoint);
  else (void)snprintf(what, sizeof what, "there is no checkpoint yet");
  if (l->job->options->elastic) cli_note("ranks: %s; %s", how, what);
  else if (l->job->run)
    cli_warn(l->command, "ranks: %s; %s; trm train --resume %s --ranks %d goes on", how, what, l->job->run, l->ranks);
  else cli_warn(l->command, "ranks: %s", how);
}

/* Whether the run has begun, so that it can be resumed. */
static int launch_has_begun(const cli_job *job) {
  char path[CLI_RANKS_PATH + 32];
  if (!job->run) return 0;
  (void)snprintf(path, sizeof path, "%s/config.json", job->run);
  return access(path, F_OK) == 0;
}

/* The end of a job that was not lost. */
static int launch_end(const launch *l, int code) {
  if (code == 127 || code < 0)
    return cli_usage(l->command, "--ranks: mpirun cannot be started; install Open MPI (tools/setup --mpi)"), CLI_FAULT;
  if (code == CLI_UNSOLVED || code > CLI_LOST) { /* no code of trm train */
    (void)fwrite(l->kept, 1, l->used, stderr);
    return cli_usage(l->command, "--ranks: mpirun ended with exit code %d", code), CLI_FAULT;
  }
  return code;
}

int cli_launch(const cli_command *command, const cli_job *job) {
  int64_t before = 0;
  int fruitless = 0, code = launch_check_root(command);
  if (code != CLI_CONTINUE) return code;
  launch *l = cli_alloc(1, sizeof *l);
  l->command = command;
  l->job = job;
  l->ranks = (int)job->options->ranks;
  cli_catch_signals();
  for (;;) {
    char checkpoint[CLI_RANKS_PATH + 64] = "";
    code = launch_once(l, launch_has_begun(job) ? job->again : job->first);
    if (!launch_is_lost(code) || cli_interrupted()) break;
    int64_t newest = job->run ? cli_newest_checkpoint(job->run, checkpoint, sizeof checkpoint) : 0;
    launch_say_lost(l, code, newest, checkpoint);
    fruitless = newest > before ? 1 : fruitless + 1;
    before = newest;
    if (!job->options->elastic || fruitless == FRUITLESS) break;
    if (fruitless > 1 && l->ranks > 1) l->ranks /= 2;
    cli_note("starting again with %d rank%s", l->ranks, l->ranks == 1 ? "" : "s");
  }
  int lost = launch_is_lost(code);
  if (lost && job->options->elastic && !cli_interrupted())
    cli_warn(command, "ranks: lost %d times without a new checkpoint, given up", FRUITLESS);
  if (!lost) code = launch_end(l, code);
  free(l);
  return lost ? CLI_FAULT : code;
}
