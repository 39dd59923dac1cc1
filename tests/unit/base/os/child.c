/* A program that is asked lines: one that answers, and every way in which one may not. */
#include "support/check.h"

#include "base/clock.h"
#include "base/os/child.h"

static const char *child_ask(trm__child *child, const char *line, double seconds, trm_error *err) {
  const char *reply = NULL;
  return trm__child_ask(child, line, strlen(line), seconds, &reply, err) ? NULL : reply;
}

static int descriptors(void) {
  char **names;
  size_t count;
  trm_error err = {0};
  CHECK_OK(trm__dir_list("/proc/self/fd", &names, &count, &err), err);
  trm__dir_list_free(names, count);
  return (int)count;
}

static void it_answers_line_after_line(void **state) {
  (void)state;
  trm__child *child = NULL;
  trm_error err = {0};
  int before = descriptors();
  CHECK_OK(trm__child_open(&child, "cat; echo unheard >&2", "cat", &err), err);
  for (int i = 0; i < 50; i++) {
    char line[80], want[64];
    int length = snprintf(want, sizeof want, "line %d", i);
    (void)snprintf(line, sizeof line, "%s\n", want);
    const char *reply = child_ask(child, line, 30, &err);
    if (!reply) fail_msg("%s: %s", err.where, err.message);
    assert_string_equal(reply, want);
    assert_int_equal(strlen(reply), length);
  }
  trm__child_close(&child);
  assert_null(child);
  trm__child_close(&child);
  assert_int_equal(descriptors(), before);
}

/* More than any pipe holds, and a child that says much on standard error before it answers. */
static void neither_side_blocks_the_other(void **state) {
  (void)state;
  enum { LONG = 3 << 20 };
  trm__child *child = NULL;
  trm_error err = {0};
  char *line = trm__calloc(LONG + 1, 1);
  assert_non_null(line);
  memset(line, 'x', LONG);
  line[LONG - 1] = '\n';
  CHECK_OK(
      trm__child_open(&child, "head -c 1000000 /dev/zero >&2; while IFS= read -r l; do echo ${#l}; done", "long", &err),
      err);
  for (int i = 0; i < 2; i++) {
    const char *reply = child_ask(child, line, 120, &err);
    if (!reply) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(atoi(reply), LONG - 1);
  }
  trm__child_close(&child);
  trm__free(line);
}

static void what_is_no_answer_is_named(void **state) {
  (void)state;
  static const struct {
    const char *command, *want, *words;
    double seconds;
  } cases[] = {
      {"exit 7", "ended with exit code 7", "", 60},
      {"echo '  first' >&2; echo 'second try' >&2; exit 1", "it said: second try", "", 60},
      {"trm-no-such-program-at-all", "ended with exit code 127", "it said: ", 60},
      {"kill -9 $$", "ended by signal 9", "", 60},
      {"read l; exit 0", "ended with exit code 0", "", 60},
      {"read l; printf half", "ended with exit code 0", "", 60},
      {"exec >&-; sleep 60", "closed its input or output", "", 60},
      {"sleep 60", "has not answered for 0.2 seconds", "", 0.2},
      {"read l; printf 'no end'; sleep 60", "has not answered for 0.2 seconds", "", 0.2},
      {"trap '' TERM INT HUP; read l; while :; do sleep 1; done", "has not answered", "", 0.2},
      {"read l; printf 'a\\nb\\n'; sleep 60", "more than one line", "", 60},
      {"read l; head -c 5000 /dev/zero | tr '\\0' x; sleep 60", "over 4096 bytes", "", 60},
      {"cat /dev/zero", "over 4096 bytes", "", 60},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm__child *child = NULL;
    trm_error err = {0};
    const char *reply;
    double start = trm__clock();
    CHECK_OK(trm__child_open(&child, cases[i].command, "the child", &err), err);
    CHECK_FAILS(trm__child_ask(child, "question\n", 9, cases[i].seconds, &reply, &err), TRM_E_INPUT, err,
                cases[i].want);
    assert_string_equal(err.where, "the child");
    if (!strstr(err.message, cases[i].words)) fail_msg("%s: %s", cases[i].command, err.message);
    trm__child_close(&child);
    if (trm__clock() - start > 50) fail_msg("%s: took %g seconds", cases[i].command, trm__clock() - start);
  }
}

/* A line that comes before it is asked, or after its answer. */
static void a_line_too_many_is_found_at_the_next_question(void **state) {
  (void)state;
  trm__child *child = NULL;
  trm_error err = {0};
  const char *reply;
  CHECK_OK(trm__child_open(&child, "read l; echo one; read l; sleep 0.1; echo two; echo three; read l", "many", &err),
           err);
  reply = child_ask(child, "a\n", 30, &err);
  if (!reply) fail_msg("%s", err.message);
  assert_string_equal(reply, "one");
  /* "two" and "three" come together or after each other, so either question may find them */
  if (child_ask(child, "b\n", 30, &err)) (void)usleep(300000);
  CHECK_FAILS(trm__child_ask(child, "c\n", 2, 30, &reply, &err), TRM_E_INPUT, err, "expected one in answer to each");
  trm__child_close(&child);
}

/* What it started goes with it. */
static void all_of_it_ends_at_close(void **state) {
  (void)state;
  trm__child *child = NULL;
  trm_error err = {0};
  CHECK_OK(trm__child_open(&child, "sleep 1000 & echo $!; wait; read l", "parent", &err), err);
  const char *reply;
  /* it answers unasked: the number is read by a question that fails no earlier than its answer is there */
  (void)usleep(200000);
  CHECK_FAILS(trm__child_ask(child, "a\n", 2, 30, &reply, &err), TRM_E_INPUT, err, "not asked for");
  trm__child_close(&child);
  FILE *found = popen("ps -eo args | grep -c '^sleep 1000$'", "r");
  char count[16] = "";
  assert_non_null(found);
  assert_non_null(fgets(count, sizeof count, found));
  (void)pclose(found);
  assert_int_equal(atoi(count), 0);
}

static trm_status open_and_ask(void *context, trm_error *err) {
  trm__child *child = NULL;
  const char *reply = NULL;
  (void)context;
  trm_status status = trm__child_open(&child, "cat", "cat", err);
  if (!status) status = trm__child_ask(child, "a\n", 2, 60, &reply, err);
  trm__child_close(&child);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  check_each_allocation(open_and_ask, NULL);
}

/* Without free descriptors there is an error and nothing is left open. */
static int open_without_descriptors(void *context) {
  trm__child *child = NULL;
  trm_error err = {0};
  (void)context;
  for (rlim_t most = 3; most < 12; most++) {
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){most, 64})) return 3;
    trm_status status = trm__child_open(&child, "cat", "cat", &err);
    if (status && status != TRM_E_IO) return 1;
    if (!status && !child) return 2;
    trm__child_close(&child);
  }
  return 0;
}

static void without_descriptors_it_is_an_error(void **state) {
  (void)state;
  assert_int_equal(check_in_child(open_without_descriptors, NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_answers_line_after_line),
      cmocka_unit_test(neither_side_blocks_the_other),
      cmocka_unit_test(what_is_no_answer_is_named),
      cmocka_unit_test(a_line_too_many_is_found_at_the_next_question),
      cmocka_unit_test(all_of_it_ends_at_close),
      cmocka_unit_test(each_allocation_may_fail),
      cmocka_unit_test(without_descriptors_it_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
