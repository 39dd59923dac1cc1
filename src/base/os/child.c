/* A program that is asked lines: see child.h. All its ends are read and written without waiting, and one poll waits for
 * all of them, so that neither side can block the other however much is written. */
#include "base/os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"

enum { IN, OUT, ERR, ENDS }; /* of the child */

struct trm__child {
  pid_t pid;
  int fd[ENDS]; /* our ends; -1: closed. IN is a socket, whose writes may be kept from raising SIGPIPE */
  char *name;
  char reply[TRM__CHILD_REPLY + 1];
  size_t used;     /* bytes in reply that were read */
  char words[160]; /* the last line of standard error that is not empty */
  size_t said;     /* bytes of the line that is being read into words */
  int line_ended;  /* 1: the next byte begins another line */
};

static void child_close_fd(int *fd) {
  if (*fd >= 0) (void)close(*fd);
  *fd = -1;
}

/* pair[0] is ours, pair[1] the child's; neither is inherited by other children. */
static int child_open_pair(int pair[2], int end) {
  int both[2];
  if (end == IN) return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
  if (pipe2(both, O_CLOEXEC)) return -1;
  pair[0] = both[0], pair[1] = both[1];
  return 0;
}

/* Between fork and exec: system calls alone, as other threads may hold any lock. */
static void child_become(const char *command, const int theirs[ENDS]) {
  char *arguments[] = {"sh", "-c", (char *)(uintptr_t)command, NULL}; /* execv changes none */
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigset_t none;
  (void)setpgid(0, 0);
  for (int number = 1; number < NSIG; number++) (void)sigaction(number, &standard, NULL);
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  for (int end = 0; end < ENDS; end++)
    if (dup2(theirs[end], end) < 0) _exit(127);
  (void)execv("/bin/sh", arguments);
  _exit(127);
}

/* 0, or the error's number. */
static int child_spawn(trm__child *c, const char *command, const int theirs[ENDS]) {
  c->pid = fork();
  if (c->pid == 0) child_become(command, theirs);
  if (c->pid < 0) return errno;
  (void)setpgid(c->pid, c->pid); /* here too, so that it is done when this returns */
  return 0;
}

/* Descriptors under 3 would be in each other's way when they become the child's 0, 1 and 2. */
static int child_raise(int *fd) {
  if (*fd > 2) return 0;
  int higher = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
  if (higher < 0) return -1;
  (void)close(*fd);
  *fd = higher;
  return 0;
}

trm_status trm__child_open(trm__child **out, const char *command, const char *name, trm_error *err) {
  trm__child *c = trm__calloc(1, sizeof *c);
  int theirs[ENDS] = {-1, -1, -1}, problem = 0;
  if (!c || !(c->name = trm__strdup(name))) {
    trm__free(c);
    return trm__fail_memory(err, name, sizeof *c);
  }
  c->pid = -1;
  for (int end = 0; end < ENDS; end++) c->fd[end] = -1;
  for (int end = 0; end < ENDS && !problem; end++) {
    int pair[2];
    if (child_open_pair(pair, end)) {
      problem = errno;
      break;
    }
    c->fd[end] = pair[0], theirs[end] = pair[1];
    if (child_raise(&theirs[end]) || fcntl(c->fd[end], F_SETFL, O_NONBLOCK)) problem = errno;
  }
  if (!problem) problem = child_spawn(c, command, theirs);
  for (int end = 0; end < ENDS; end++) child_close_fd(&theirs[end]);
  if (!problem) {
    *out = c;
    return TRM_OK;
  }
  trm__child_close(&c);
  errno = problem;
  return trm__fail_errno(err, name, "cannot be started");
}

/* -- its end ------------------------------------------------------------------------------------------------------- */

/* Waits so many seconds for its end, and leaves it to be reaped. 1: it has ended. */
static int child_await_end(const trm__child *c, double seconds, siginfo_t *how) {
  double end = trm__clock() + seconds;
  for (;;) {
    memset(how, 0, sizeof *how);
    if (waitid(P_PID, (id_t)c->pid, how, WEXITED | WNOHANG | WNOWAIT) || how->si_pid == c->pid) return 1;
    if (trm__clock() >= end) return 0;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
}

void trm__child_close(trm__child **child) {
  trm__child *c = child ? *child : NULL;
  siginfo_t how;
  if (!c) return;
  for (int end = 0; end < ENDS; end++) child_close_fd(&c->fd[end]);
  if (c->pid > 0) {
    (void)child_await_end(c, 0.2, &how);
    (void)kill(-c->pid, SIGKILL); /* it is not reaped, so the number is nobody else's */
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
  }
  trm__free(c->name);
  trm__free(c);
  *child = NULL;
}

/* -- what it says -------------------------------------------------------------------------------------------------- */

/* Of standard error the last line with something in it is kept, as much as there is room for. */
static void child_keep_words(trm__child *c, const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char byte = text[i];
    if (byte == '\n') {
      c->line_ended = 1;
      continue;
    }
    if ((unsigned char)byte < ' ' || byte == 0x7f) byte = ' ';
    if (c->line_ended) c->said = 0, c->line_ended = 0;
    if (c->said == 0 && byte == ' ') continue;
    if (c->said < sizeof c->words - 1) c->words[c->said++] = byte, c->words[c->said] = '\0';
  }
}

static void child_read_words(trm__child *c) {
  char text[512];
  ssize_t got;
  while (c->fd[ERR] >= 0 && (got = read(c->fd[ERR], text, sizeof text)) != 0) {
    if (got > 0) child_keep_words(c, text, (size_t)got);
    else if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    else if (errno != EINTR) break;
  }
  child_close_fd(&c->fd[ERR]);
}

trm_status trm__child_fail(trm__child *c, const char *what, trm_error *err) {
  child_read_words(c);
  return trm__fail(err, TRM_E_INPUT, c->name, "%s%s%s", what, c->words[0] ? "; it said: " : "", c->words);
}

/* It does not read or write any more. */
static trm_status child_fail_ended(trm__child *c, trm_error *err) {
  siginfo_t how;
  char what[96];
  if (!child_await_end(c, 1, &how))
    return trm__child_fail(c, "closed its input or output, expected a line in answer to each", err);
  if (how.si_code == CLD_EXITED)
    (void)snprintf(what, sizeof what, "ended with exit code %d, expected a line in answer to each", how.si_status);
  else (void)snprintf(what, sizeof what, "was ended by signal %d, expected a line in answer to each", how.si_status);
  return trm__child_fail(c, what, err);
}

/* -- asking -------------------------------------------------------------------------------------------------------- */

/* Writes what goes without waiting; 0: it does not read any more. */
static int child_write(trm__child *c, const char **line, size_t *left) {
  while (*left > 0) {
    ssize_t put = send(c->fd[IN], *line, *left, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    *line += put, *left -= (size_t)put;
  }
  return 1;
}

/* Reads what is there; 0: it has closed its output. */
static int child_read(trm__child *c) {
  while (c->used < TRM__CHILD_REPLY) {
    ssize_t got = read(c->fd[OUT], c->reply + c->used, TRM__CHILD_REPLY - c->used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (got == 0) return 0;
    c->used += (size_t)got;
  }
  return 1;
}

/* Waits until something can be read or written, or the time is over: 0. */
static int child_wait(const trm__child *c, size_t left, double end) {
  double seconds = end - trm__clock();
  struct pollfd ends[ENDS] = {{.fd = left ? c->fd[IN] : -1, .events = POLLOUT},
                              {.fd = c->fd[OUT], .events = POLLIN},
                              {.fd = c->fd[ERR], .events = POLLIN}};
  if (!(seconds > 0)) return 0;
  (void)poll(ends, ENDS, (int)ceil(seconds < 1000 ? 1000 * seconds : 1e6)); /* a signal only makes it look again */
  return 1;
}

trm_status trm__child_ask(trm__child *c, const char *line, size_t length, double seconds, const char **reply,
                          trm_error *err) {
  double end = trm__clock() + seconds;
  size_t left = length;
  char what[96];
  if (!child_read(c) && c->used == 0) return child_fail_ended(c, err);
  if (c->used > 0)
    return trm__child_fail(c, "wrote a line that it was not asked for, expected one in answer to each", err);
  for (;;) {
    int writes = child_write(c, &line, &left), reads = child_read(c);
    child_read_words(c);
    const char *newline = memchr(c->reply, '\n', c->used);
    if (newline && newline != c->reply + c->used - 1)
      return trm__child_fail(c, "wrote more than one line, expected one in answer to each", err);
    if (newline && left == 0) break;
    if (newline) return trm__child_fail(c, "answered before it had read the whole line", err);
    if (c->used == TRM__CHILD_REPLY) {
      (void)snprintf(what, sizeof what, "wrote a line of over %d bytes, expected a shorter one", TRM__CHILD_REPLY);
      return trm__child_fail(c, what, err);
    }
    if (!writes || !reads) return child_fail_ended(c, err);
    if (!child_wait(c, left, end)) {
      (void)snprintf(what, sizeof what, "has not answered for %g seconds, expected a line (and a flush after it)",
                     seconds);
      return trm__child_fail(c, what, err);
    }
  }
  c->reply[c->used - 1] = '\0';
  c->used = 0;
  *reply = c->reply;
  return TRM_OK;
}
