#include "agent/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "proc/role.h"
#include "proc/spawn.h"

#define GRACE_S 0.5 /* between SIGTERM and SIGKILL */
#define TICK_MS 20  /* how often a cancel is looked at */
#define FILE_BYTES (1 << 26)
#define FILES 64

typedef struct runner_child {
  const trm__runner_job *job;
  trm__runner_end *end;
  pid_t pid;
  int in, out, errors; /* our ends; -1: closed */
  size_t written, room;
  double terminated; /* when it got SIGTERM; 0: not yet */
  int status;
  int ended; /* 1: it can be waited for */
} runner_child;

static void runner_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* -- the child ----------------------------------------------------------------------------------------------------- */

/* Between fork and exec: system calls alone. */
static void runner_become(const trm__runner_job *job, const int fds[3], pid_t parent) {
  static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LANG=C.UTF-8";
  char *const environment[] = {path, lang, NULL};
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigset_t none;
  trm__spawn_bind(parent);
  setpgid(0, 0);
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  const struct rlimit core = {0, 0}, memory = {job->memory, job->memory}, file = {FILE_BYTES, FILE_BYTES},
                      files = {FILES, FILES};
  (void)setrlimit(RLIMIT_CORE, &core);
  (void)setrlimit(RLIMIT_AS, &memory);
  (void)setrlimit(RLIMIT_FSIZE, &file);
  (void)setrlimit(RLIMIT_NOFILE, &files);
  int copy[3];
  for (int i = 0; i < 3; i++)
    if ((copy[i] = fcntl(fds[i], F_DUPFD, 3)) < 0) _exit(TRM__EXIT_PROGRAM);
  for (int i = 0; i < 3; i++)
    if (dup2(copy[i], i) < 0) _exit(TRM__EXIT_PROGRAM);
#ifdef SYS_close_range
  syscall(SYS_close_range, 3u, UINT_MAX, 0);
#else
  for (int i = 3; i < 1024; i++) close(i);
#endif
  execve(job->argv[0], (char *const *)(uintptr_t)job->argv, environment);
  _exit(TRM__EXIT_PROGRAM);
}

static int runner_pipe(int pair[2], int ours) {
  if (pipe2(pair, O_CLOEXEC) < 0) return -1;
  return fcntl(pair[ours], F_SETFL, O_NONBLOCK);
}

static trm_status runner_start(runner_child *c, trm_error *err) {
  int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
  pid_t parent = getpid();
  trm_status status = TRM_OK;
  if (runner_pipe(in, 1) || runner_pipe(out, 0) || runner_pipe(errors, 0))
    status = trm__fail_errno(err, c->job->argv[0], "no pipe for it");
  if (!status && (c->pid = fork()) < 0) status = trm__fail_errno(err, c->job->argv[0], "no new process");
  if (!status && c->pid == 0) {
    const int fds[3] = {in[0], out[1], errors[1]};
    runner_become(c->job, fds, parent);
  }
  if (!status) (void)setpgid(c->pid, c->pid);
  runner_close(&in[0]);
  runner_close(&out[1]);
  runner_close(&errors[1]);
  c->in = in[1];
  c->out = out[0];
  c->errors = errors[0];
  return status;
}

/* -- while it runs ------------------------------------------------------------------------------------------------- */

static void runner_feed(runner_child *c) {
  ssize_t n = write(c->in, c->job->input + c->written, c->job->input_size - c->written);
  if (n > 0) c->written += (size_t)n;
  if ((n < 0 && errno != EAGAIN && errno != EINTR) || c->written == c->job->input_size) runner_close(&c->in);
}

static trm_status runner_read(runner_child *c, trm_error *err) {
  char part[16384];
  ssize_t n = read(c->out, part, sizeof part);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) runner_close(&c->out);
  if (n <= 0) return TRM_OK;
  if (c->end->size + (size_t)n > c->job->most) {
    c->end->too_much = 1;
    runner_close(&c->out);
    return TRM_OK;
  }
  if (c->end->size + (size_t)n + 1 > c->room) {
    size_t room = 2 * (c->end->size + (size_t)n + 1);
    char *grown = trm__realloc(c->end->output, room, 1);
    if (!grown) return trm__fail_memory(err, c->job->argv[0], room);
    c->end->output = grown;
    c->room = room;
  }
  memcpy(c->end->output + c->end->size, part, (size_t)n);
  c->end->size += (size_t)n;
  c->end->output[c->end->size] = 0;
  return TRM_OK;
}

/* Of standard error the end is kept. */
static void runner_hear(runner_child *c) {
  char part[sizeof c->end->errors], *kept = c->end->errors;
  size_t used = strlen(kept), most = sizeof c->end->errors - 1;
  ssize_t n = read(c->errors, part, most);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) runner_close(&c->errors);
  if (n <= 0) return;
  size_t got = (size_t)n, drop = used + got > most ? used + got - most : 0;
  if (drop > used) drop = used;
  memmove(kept, kept + drop, used - drop);
  used -= drop;
  for (size_t i = 0; i < got; i++)
    kept[used + i] = (unsigned char)part[i] < ' ' || (unsigned char)part[i] >= 127 ? ' ' : part[i];
  kept[used + got] = 0;
}

static int runner_is_cancelled(const runner_child *c) {
  return c->job->cancelled && atomic_load(c->job->cancelled);
}

/* Ends it when it has to end. */
static void runner_watch(runner_child *c) {
  double now = trm__clock();
  if (c->terminated <= 0 && !c->end->too_much) {
    c->end->late = c->job->deadline > 0 && now >= c->job->deadline;
    c->end->cancelled = !c->end->late && runner_is_cancelled(c);
  }
  int unwanted = c->end->late || c->end->cancelled || c->end->too_much;
  if (unwanted && c->terminated <= 0) {
    c->terminated = now;
    (void)kill(-c->pid, SIGTERM);
  } else if (c->terminated > 0 && now > c->terminated + GRACE_S) {
    (void)kill(-c->pid, SIGKILL);
  }
}

static int runner_timeout(const runner_child *c) {
  double left = c->job->deadline > 0 && c->terminated <= 0 ? (c->job->deadline - trm__clock()) * 1000 : TICK_MS;
  return left < 0 ? 0 : left < TICK_MS ? (int)left + 1 : TICK_MS;
}

static trm_status runner_loop(runner_child *c, trm_error *err) {
  trm_status status = TRM_OK;
  while (!status && !c->ended) {
    struct pollfd watched[3] = {{c->in, POLLOUT, 0}, {c->out, POLLIN, 0}, {c->errors, POLLIN, 0}};
    int open = c->out >= 0 || c->errors >= 0;
    (void)poll(watched, 3, open ? runner_timeout(c) : 1);
    if (c->in >= 0 && watched[0].revents) runner_feed(c);
    if (c->out >= 0 && watched[1].revents) status = runner_read(c, err);
    if (c->errors >= 0 && watched[2].revents) runner_hear(c);
    runner_watch(c);
    /* A child of the child may hold the pipes open: what it writes after the end of the first is not waited for. */
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid) c->ended = 1;
  }
  while (!status && c->out >= 0) { /* what it wrote last */
    size_t before = c->end->size;
    status = runner_read(c, err);
    if (c->end->size == before) break;
  }
  if (c->errors >= 0) runner_hear(c);
  return status;
}

trm_status trm__runner_run(const trm__runner_job *job, trm__runner_end *end, trm_error *err) {
  runner_child c = {.job = job, .end = end, .pid = -1, .in = -1, .out = -1, .errors = -1};
  memset(end, 0, sizeof *end);
  end->code = -1;
  trm_status status = runner_start(&c, err);
  if (!status) status = runner_loop(&c, err);
  if (c.pid > 0) { /* its group first: the number is nobody else's until it is waited for */
    (void)kill(-c.pid, SIGKILL);
    (void)kill(c.pid, SIGKILL);
    while (waitpid(c.pid, &c.status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(c.status)) end->code = WEXITSTATUS(c.status);
    else if (WIFSIGNALED(c.status)) end->signal = WTERMSIG(c.status);
  }
  runner_close(&c.in);
  runner_close(&c.out);
  runner_close(&c.errors);
  if (status) {
    trm__free(end->output);
    end->output = NULL;
  }
  return status;
}

int trm__runner_allows(const char *list, const char *program) {
  char *real = realpath(program, NULL);
  int allowed = 0;
  while (real && list && *list && !allowed) {
    size_t length = strcspn(list, ",");
    char *one = trm__format("%.*s", (int)length, list), *listed = one ? realpath(one, NULL) : NULL;
    allowed = listed && !strcmp(listed, real);
    free(listed);
    trm__free(one);
    list += length + (list[length] == ',');
  }
  free(real);
  return allowed;
}
