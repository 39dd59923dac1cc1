/* What code inside an engine can do once it is in its sandbox: each attempt is made in a process that has entered it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/sandbox.h"

#define MODEL TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors"
#define SECRET TRM_SOURCE_DIR "/README.md"

/* In the child nothing of cmocka is used: its answer is the line of what went wrong. */
#define NEED(condition)                                                                                                \
  do {                                                                                                                 \
    if (!(condition)) return __LINE__;                                                                                 \
  } while (0)
#define REFUSED(call) NEED((errno = 0, (call) < 0) && (errno == EPERM || errno == EACCES || errno == ENOSYS))

static int inside; /* a thread's answer */

static int try_processes(void) {
  char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
  REFUSED(execve(argv[0], argv, argv));
  REFUSED(fork());
  REFUSED(syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0));
  REFUSED(kill(getppid(), 0));
  REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
  REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
  REFUSED(unshare(CLONE_NEWUSER));
  return 0;
}

static int try_sockets(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
  int pair[2];
  REFUSED(socket(AF_INET, SOCK_STREAM, 0));
  REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
  REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
  REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  REFUSED(connect(0, (struct sockaddr *)&to, sizeof to));
  REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
  return 0;
}

static int try_files(void) {
  const char *const name = "sandbox-was-here";
  REFUSED(open(name, O_WRONLY | O_CREAT, 0600));
  REFUSED(open(name, O_CREAT | O_RDONLY, 0600));
  REFUSED(creat(name, 0600));
  REFUSED(open(MODEL, O_RDWR));
  REFUSED(open(MODEL, O_WRONLY | O_APPEND));
  REFUSED(open(".", O_TMPFILE | O_RDWR, 0600));
  REFUSED(mkdir(name, 0700));
  REFUSED(unlink(MODEL));
  REFUSED(rename(MODEL, name));
  REFUSED(link(MODEL, name));
  REFUSED(symlink(MODEL, name));
  REFUSED(truncate(MODEL, 0));
  REFUSED(chmod(MODEL, 0777));
  REFUSED(mkfifo(name, 0600));
  REFUSED(memfd_create(name, 0));
  NEED(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  NEED(access(name, F_OK) < 0);
  return 0;
}

static void *try_in_a_thread(void *unused) {
  (void)unused;
  inside = try_files();
  if (!inside) inside = try_sockets();
  if (!inside) inside = try_processes();
  return NULL;
}

/* What an engine needs goes on. */
static int needs(void) {
  pthread_t thread;
  char text[64];
  NEED(pthread_create(&thread, NULL, try_in_a_thread, NULL) == 0);
  NEED(pthread_join(thread, NULL) == 0);
  NEED(!inside);
  int fd = open("/proc/self/status", O_RDONLY);
  NEED(fd >= 0 && read(fd, text, sizeof text) > 0 && close(fd) == 0);
  void *large = malloc((size_t)64 << 20);
  NEED(large != NULL);
  memset(large, 1, (size_t)64 << 20);
  free(large);
  return 0;
}

static int child_all(void) {
  static const char *const files[] = {MODEL};
  int landlock = trm__sandbox_files(files, 1);
  int fd = open(MODEL, O_RDONLY); /* as loading does */
  NEED(fd >= 0);
  NEED(trm__sandbox_calls(0) == 1);
  int wrong = needs();
  if (!wrong) wrong = try_files();
  if (!wrong) wrong = try_sockets();
  if (!wrong) wrong = try_processes();
  if (wrong) return wrong;
  fd = open(SECRET, O_RDONLY);
  NEED(landlock ? fd < 0 : fd >= 0);
  return 0;
}

static int child_seccomp_alone(void) {
  NEED(trm__sandbox_calls(0) == 1);
  int wrong = needs();
  return wrong ? wrong : try_sockets();
}

static int child_card(void) {
  NEED(trm__sandbox_calls(1) == 1);
  int wrong = try_processes();
  if (!wrong) wrong = try_sockets();
  if (wrong) return wrong;
  int fd = open("/dev/null", O_RDWR);
  NEED(fd >= 0);
  return 0;
}

/* A thread that was there before is bound too. */
static pthread_barrier_t entered;
static void *old_thread(void *unused) {
  pthread_barrier_wait(&entered);
  return try_in_a_thread(unused);
}
static int child_threads(void) {
  pthread_t thread;
  pthread_barrier_init(&entered, NULL, 2);
  NEED(pthread_create(&thread, NULL, old_thread, NULL) == 0);
  NEED(trm__sandbox_calls(0) == 1);
  pthread_barrier_wait(&entered);
  NEED(pthread_join(thread, NULL) == 0);
  return inside;
}

/* A kernel that has neither: both calls are unknown to it. */
static int child_neither(void) {
  static const char *const files[] = {MODEL};
  struct sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_seccomp},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_landlock_create_ruleset},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const struct sock_fprog program = {sizeof code / sizeof *code, code};
  NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
  NEED(trm__sandbox_files(files, 1) == 0);
  NEED(trm__sandbox_calls(0) == 0);
  int fd = open(SECRET, O_RDONLY), made = socket(AF_UNIX, SOCK_STREAM, 0);
  NEED(fd >= 0 && made >= 0);
  return 0;
}

static void run(int (*child)(void)) {
  int status = 0;
  pid_t pid = fork();
  if (!pid) {
    alarm(60);
    int line = child();
    if (line) fprintf(stderr, "%s:%d: not as it should be (errno %d)\n", __FILE__, line, errno);
    _exit(line != 0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void all_of_it(void **state) {
  (void)state;
  run(child_all);
}
static void seccomp_alone(void **state) {
  (void)state;
  run(child_seccomp_alone);
}
static void the_profile_of_cards(void **state) {
  (void)state;
  run(child_card);
}
static void threads_that_were_there(void **state) {
  (void)state;
  run(child_threads);
}
static void neither(void **state) {
  (void)state;
  run(child_neither);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_of_it),
      cmocka_unit_test(seccomp_alone),
      cmocka_unit_test(the_profile_of_cards),
      cmocka_unit_test(threads_that_were_there),
      cmocka_unit_test(neither),
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !(defined(__x86_64__) || defined(__aarch64__))
  return 77; /* there is no sandbox in such a build */
#endif
  if (getenv("LD_PRELOAD") && strstr(getenv("LD_PRELOAD"), "valgrind")) return 77;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
