/* Random graphs whose process is killed at random moments, again and again, until the run has ended: what is on disk
 * and what the actions did is compared with what the graph says. ROUNDS=n for more, SEED=n for others; each failure
 * prints its seed. */
#include "support/check.h"

#include <fcntl.h>
#include <time.h>

#include "agent/flow/flow.h"
#include "base/os/file.h"
#include "base/rng.h"
#include "base/text/json.h"

#define STEPS 60
static char folder[64];

/* -- an action that leaves a line, and its undo -------------------------------------------------------------------- */

static void leave_line(const char *what, const json_t *input) {
  char line[200];
  int fd = open(check_path(folder, "effects"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  int length = snprintf(line, sizeof line, "%s %s\n", what, json_string_value(json_object_get(input, "name")));
  if (write(fd, line, (size_t)length) != length) _exit(9);
  close(fd);
}

static int effect(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)call;
  struct timespec pause = {.tv_nsec = json_integer_value(json_object_get(input, "us")) * 1000};
  leave_line("do", input);
  nanosleep(&pause, NULL);
  if (json_is_true(json_object_get(input, "fail"))) return trm__fault_set(fault, TRM__FAULT_EXECUTION, "on purpose");
  *output = json_pack("{s:O}", "name", json_object_get(input, "name"));
  return 0;
}

static int undo_effect(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)call;
  (void)fault;
  leave_line("undo", json_object_get(input, "input"));
  *output = json_object();
  return 0;
}

/* -- a random graph ------------------------------------------------------------------------------------------------ */

static void make_graph(trm__rng *rng, int fails) {
  json_t *steps = json_object();
  uint32_t bad = fails ? STEPS / 2 + trm__rng_below(rng, STEPS / 2) : STEPS;
  trm_error err = {0};
  for (uint32_t i = 0; i < STEPS; i++) {
    char name[16], before[16];
    json_t *after = json_array();
    for (uint32_t k = i ? trm__rng_below(rng, 3) : 0; k > 0; k--) {
      snprintf(before, sizeof before, "s%u", trm__rng_below(rng, i));
      json_array_append_new(after, json_string(before));
    }
    snprintf(name, sizeof name, "s%u", i);
    json_t *step = json_pack("{s:s, s:{s:s, s:i, s:b}, s:o}", "action", "effect", "input", "name", name, "us",
                             (int)trm__rng_below(rng, 3000), "fail", i == bad, "after", after);
    json_object_set_new(steps, name, step);
  }
  json_t *flow = json_pack("{s:i, s:s, s:s, s:i, s:o}", "trm", 1, "kind", "workflow", "name", "random", "parallel",
                           1 + (int)trm__rng_below(rng, 6), "steps", steps);
  CHECK_OK(trm__json_save(flow, check_path(folder, "flow.json"), &err), err);
  json_decref(flow);
}

/* 0: it ended; the outcome is in the file. In a child: other numbers are failures. */
static int run_it(void *context) {
  (void)context;
  trm_error err = {0};
  trm__agent *agent = NULL;
  trm__flow *flow = NULL;
  trm__steps *record = NULL;
  json_t *outcome = NULL, *input = json_object();
  const trm__agent_config config = {.folders = "", .definitions = ""};
  if (trm__agent_open(&agent, &config, &err)) return 10;
  if (trm__agent_add(agent, json_loads("{\"name\": \"effect\"}", 0, NULL), effect, undo_effect, "test", &err))
    return 11;
  if (trm__flow_load(&flow, check_path(folder, "flow.json"), agent, &err)) return 12;
  if (trm__steps_open(&record, check_path(folder, "state"), NULL, &err)) return 13;
  const trm__flow_config running = {.agent = agent, .timeout_s = -1, .record = record, .run = "r"};
  if (trm__flow_run(flow, &running, input, &outcome, &err)) {
    fprintf(stderr, "%s: %s\n", err.where, err.message);
    return 14;
  }
  return trm__json_save(outcome, check_path(folder, "outcome"), &err) ? 15 : 0;
}

/* -- what must hold ------------------------------------------------------------------------------------------------ */

typedef struct seen {
  int done[STEPS], failed[STEPS], undone[STEPS], ended, count;
  int order[STEPS], orders, undone_order[STEPS], undos;
} seen;

static trm_status see(void *context, const trm__steps_entry *entry, trm_error *err) {
  seen *s = context;
  (void)err;
  s->count++;
  if (!*entry->step) {
    s->ended += entry->event == TRM__STEPS_ENDED;
    return TRM_OK;
  }
  int i = atoi(entry->step + 1);
  if (entry->event == TRM__STEPS_DONE) s->done[i]++, s->order[s->orders++] = i;
  if (entry->event == TRM__STEPS_FAILED) s->failed[i]++;
  if (entry->event == TRM__STEPS_UNDONE) s->undone[i]++, s->undone_order[s->undos++] = i;
  return TRM_OK;
}

static int place_of(const seen *s, int step) {
  for (int i = 0; i < s->orders; i++)
    if (s->order[i] == step) return i;
  return -1;
}

static void check_record(uint64_t seed, int fails) {
  static seen s;
  trm_error err = {0};
  trm__steps *record = NULL;
  json_t *flow = NULL, *outcome = NULL;
  memset(&s, 0, sizeof s);
  CHECK_OK(trm__steps_open(&record, check_path(folder, "state"), NULL, &err), err);
  CHECK_OK(trm__steps_each(record, "r", see, &s, &err), err);
  trm__steps_close(&record);
  CHECK_OK(trm__json_load(&flow, check_path(folder, "flow.json"), 1 << 20, &err), err);
  CHECK_OK(trm__json_load(&outcome, check_path(folder, "outcome"), 1 << 20, &err), err);
  if (s.ended != 1) fail_msg("seed %llu: %d outcomes", (unsigned long long)seed, s.ended);
  assert_string_equal(json_string_value(json_object_get(outcome, "status")), fails ? "failed" : "done");
  for (int i = 0; i < STEPS; i++) {
    char name[16];
    snprintf(name, sizeof name, "s%d", i);
    const json_t *after = json_object_get(json_object_get(json_object_get(flow, "steps"), name), "after");
    if (s.done[i] > 1 || s.undone[i] > 1 || (!fails && s.done[i] != 1))
      fail_msg("seed %llu: %s is done %d times, undone %d times", (unsigned long long)seed, name, s.done[i],
               s.undone[i]);
    if (fails && s.done[i] && !s.undone[i]) fail_msg("seed %llu: %s is not undone", (unsigned long long)seed, name);
    for (size_t k = 0; s.done[i] && k < json_array_size(after); k++) {
      int before = atoi(json_string_value(json_array_get(after, k)) + 1);
      if (!s.done[before] || place_of(&s, before) > place_of(&s, i))
        fail_msg("seed %llu: %s was recorded before s%d, which it needs", (unsigned long long)seed, name, before);
    }
  }
  int last = STEPS;
  for (int u = 0; u < s.undos; u++) { /* those that are done, in reverse order */
    int at = place_of(&s, s.undone_order[u]);
    if (at < 0) continue;
    if (at > last) fail_msg("seed %llu: s%d is undone too late", (unsigned long long)seed, s.undone_order[u]);
    last = at;
  }
  json_decref(flow);
  json_decref(outcome);
}

static uint64_t number_of(const char *name, uint64_t usual) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : usual;
}

static void one_round(uint64_t seed) {
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  int fails = (int)trm__rng_below(&rng, 2), kills = 0;
  check_temp_dir(folder);
  make_graph(&rng, fails);
  for (;;) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(run_it(NULL));
    struct timespec wait = {.tv_nsec = (long)(1 + trm__rng_below(&rng, 200)) * 1000000};
    if (kills < 12) nanosleep(&wait, NULL);
    if (kills < 12) kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    if (WIFEXITED(status)) fail_msg("seed %llu: the run gave %d", (unsigned long long)seed, WEXITSTATUS(status));
    kills++;
  }
  check_record(seed, fails);
  print_message("seed %llu: %s after %d kills\n", (unsigned long long)seed, fails ? "undone" : "done", kills);
  check_remove(folder);
}

static void runs_survive_kills(void **state) {
  (void)state;
  uint64_t seed = number_of("SEED", 1), rounds = number_of("ROUNDS", 6);
  for (uint64_t i = 0; i < rounds; i++) one_round(seed + i);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(runs_survive_kills)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
