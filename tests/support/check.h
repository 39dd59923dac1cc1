/* What test programs share: assertions that show the error, float comparison in which NaN fails, temporary folders,
 * children for tests that need a process of their own (limits, kills), and a loop that makes each allocation fail.
 * Header only; include it after cmocka's headers or instead of them. */
#ifndef TRM_TESTS_SUPPORT_CHECK_H
#define TRM_TESTS_SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

/* CHECK_OK(trm_x_open(&x, config, &err), err): shows what went wrong. */
#define CHECK_OK(call, err)                                                                                            \
  do {                                                                                                                 \
    trm_status check_status = (call);                                                                                  \
    if (check_status) fail_msg("%s\n  %s: %s: %s", #call, trm_status_name(check_status), (err).where, (err).message);  \
  } while (0)

/* The call fails with this status, and its message contains all of text (NULL: any message, but not an empty one). */
#define CHECK_FAILS(call, expected, err, text)                                                                         \
  do {                                                                                                                 \
    (err) = (trm_error){0};                                                                                            \
    trm_status check_status = (call);                                                                                  \
    if (check_status != (expected) || (err).code != (expected) || !(err).message[0] ||                                 \
        (check_text_of(text) && !strstr((err).message, check_text_of(text)) &&                                         \
         !strstr((err).where, check_text_of(text))))                                                                   \
      fail_msg("%s\n  got %s: %s: %s\n  expected %s with \"%s\"", #call, trm_status_name(check_status), (err).where,   \
               (err).message, trm_status_name(expected), check_text_of(text) ? check_text_of(text) : "");              \
  } while (0)

/* 1 in a build for AddressSanitizer or ThreadSanitizer, whose memory the address space is full of. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHECK_SANITIZER 1
#endif
#endif
#ifndef CHECK_SANITIZER
#define CHECK_SANITIZER 0
#endif

/* valgrind, which needs the address space itself too, loads a library of its own into the program. */
static inline int check_under_valgrind(void) {
  const char *loaded = getenv("LD_PRELOAD");
  return loaded && strstr(loaded, "vgpreload") != NULL;
}

static inline const char *check_text_of(const char *text) {
  return text;
}

/* |a[i] - b[i]| <= tolerance for all; a NaN anywhere fails. */
static inline void check_close(const float *a, const float *b, size_t count, double tolerance, const char *what) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= tolerance))
      fail_msg("%s: [%zu] is %.9g, expected %.9g within %g", what, i, (double)a[i], (double)b[i], tolerance);
}

static inline void check_close_double(const double *a, const double *b, size_t count, double tolerance,
                                      const char *what) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs(a[i] - b[i]) <= tolerance))
      fail_msg("%s: [%zu] is %.17g, expected %.17g within %g", what, i, a[i], b[i], tolerance);
}

/* Makes a new folder below the working directory; path has room for at least 64 bytes. */
static inline void check_temp_dir(char *path) {
  strcpy(path, "check-tmp-XXXXXX");
  if (!mkdtemp(path)) fail_msg("no temporary folder");
}

static inline void check_remove(const char *path) {
  trm_error err = {0};
  CHECK_OK(trm__dir_remove(path, &err), err);
}

/* "dir/name" in one of four buffers used in turn. */
static inline const char *check_path(const char *dir, const char *name) {
  static char path[4][512];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, sizeof path[0], "%s/%s", dir, name);
  return p;
}

/* Runs fn in a child process; returns its exit status, or 1000 + the signal that killed it. Assertions do not work
 * in the child: return a number that says what failed. */
static inline int check_in_child(int (*fn)(void *context), void *context) {
  fflush(stdout);
  fflush(stderr);
  pid_t child = fork();
  if (child == 0) _exit(fn(context));
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* For use in a child: from now on no file can grow beyond so many bytes (writes fail with EFBIG, as on a full disk). */
static inline void check_limit_file_size(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
}

/* -- the library's calls of write, fsync and rename: counted, and one of them may fail -- */

typedef struct check_disk_calls {
  long made, failing; /* failing: which of them does, counted from 1; 0: none */
  int number;         /* its errno */
} check_disk_calls;

static inline check_disk_calls *check_disk(void) {
  static check_disk_calls calls;
  return &calls;
}

static inline int check_disk_fails(void) {
  if (++check_disk()->made != check_disk()->failing) return 0;
  errno = check_disk()->number;
  return 1;
}

static inline ssize_t check_disk_write(int fd, const void *data, size_t size) {
  if (check_disk()->made + 1 == check_disk()->failing && write(fd, data, size / 2) < 0) return -1; /* half is out */
  return check_disk_fails() ? -1 : write(fd, data, size);
}

static inline int check_disk_fsync(int fd) {
  (void)fd;
  return check_disk_fails() ? -1 : 0;
}

static inline int check_disk_rename(const char *from, const char *to) {
  return check_disk_fails() ? -1 : rename(from, to);
}

/* From now on the nth call fails with this errno (0: none does), and nothing waits for the disk. Until
 * trm__file_ops_set(NULL); check_disk()->made says how many calls there were. */
static inline void check_disk_fail_at(long nth, int number) {
  static const trm__file_ops ops = {check_disk_write, check_disk_fsync, check_disk_rename};
  *check_disk() = (check_disk_calls){.failing = nth, .number = number};
  trm__file_ops_set(&ops);
}

/* -- memory -- */

/* Calls fn with the first, second, ... allocation failing, until it succeeds without a failure in between. Each failed
 * call must return TRM_E_MEMORY and leave no memory behind; so must the good one. Returns the number of failures. */
static inline size_t check_each_allocation(trm_status (*fn)(void *context, trm_error *err), void *context) {
  for (size_t n = 1; n < 100000; n++) {
    trm_error err = {0};
    size_t used = trm__mem_used();
    trm__mem_fail_at(n);
    trm_status status = fn(context, &err);
    size_t counted = trm__mem_fail_at(0);
    if (trm__mem_used() != used) fail_msg("allocation %zu failed: %zu bytes leaked", n, trm__mem_used() - used);
    if (counted < n) {
      if (status) fail_msg("no allocation failed, but: %s: %s", err.where, err.message);
      return n - 1;
    }
    if (status != TRM_E_MEMORY)
      fail_msg("allocation %zu failed: status %s (%s: %s)", n, trm_status_name(status), err.where, err.message);
  }
  fail_msg("allocations never end");
  return 0;
}

/* Test data that is not part of the source; NULL, with a note, when it is absent. */
static inline const char *check_shared(const char *name) {
  static char path[4][1024];
  static int turn;
  char *p = path[turn++ & 3];
#ifdef TRM_SOURCE_DIR
  snprintf(p, sizeof path[0], "%s/../shared/%s", TRM_SOURCE_DIR, name);
  if (access(p, R_OK) == 0) return p;
#endif
  print_message("note: ../shared/%s is absent; what needs it is not tested\n", name);
  return NULL;
}

#endif
