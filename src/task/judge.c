/* Judges: programs of one's own that know the rules of a task. One process is asked line after line (base/os/child.h).
 * The first failure is kept, and nothing is asked after it, so that whoever runs a solver finds it out at its end. */
#include "task/judge.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/child.h"
#include "base/status.h"
#include "base/text/json.h"
#include "task/kind.h"

#define EXPECTED "expected {\"right\": true}, or {\"right\": false, \"why\": \"...\"}"

struct trm_judge {
  pthread_mutex_t lock; /* held while it is asked */
  trm__child *child;
  char name[300]; /* judge "python3 check.py" */
  double seconds;
  char *line; /* [room]: what it is asked */
  size_t room;
  int right; /* the last verdict, and its reason */
  char why[200];
  trm_error failed; /* code TRM_OK: it has not */
};

trm_status trm_judge_open(trm_judge **out, const char *command, double seconds, trm_error *err) {
  trm_judge *j;
  if (command[strspn(command, " ")] == '\0')
    return trm__fail(err, TRM_E_USAGE, "judge", "no command, expected one such as \"python3 check.py\"");
  if (strlen(command) >= sizeof((trm_task *)0)->judge)
    return trm__fail(err, TRM_E_USAGE, "judge", "a command of %zu bytes, expected at most %zu", strlen(command),
                     sizeof((trm_task *)0)->judge - 1);
  if (!(seconds > 0 && seconds <= 86400))
    return trm__fail(err, TRM_E_USAGE, "judge_seconds", "found %g, expected more than 0, and at most 86400", seconds);
  j = trm__calloc(1, sizeof *j);
  if (!j) return trm__fail_memory(err, "judge", sizeof *j);
  (void)snprintf(j->name, sizeof j->name, "judge \"%s\"", command);
  j->seconds = seconds;
  trm_status status = trm__child_open(&j->child, command, j->name, err);
  if (!status && pthread_mutex_init(&j->lock, NULL)) {
    trm__child_close(&j->child);
    status = trm__fail_memory(err, j->name, sizeof j->lock);
  }
  if (status) trm__free(j);
  else *out = j;
  return status;
}

void trm_judge_close(trm_judge **judge) {
  trm_judge *j = judge ? *judge : NULL;
  if (!j) return;
  trm__child_close(&j->child);
  (void)pthread_mutex_destroy(&j->lock);
  trm__free(j->line);
  trm__free(j);
  *judge = NULL;
}

trm_status trm_judge_status(trm_judge *judge, trm_error *err) {
  if (!judge) return TRM_OK;
  (void)pthread_mutex_lock(&judge->lock);
  const trm_error failed = judge->failed;
  (void)pthread_mutex_unlock(&judge->lock);
  return failed.code ? trm__fail(err, failed.code, failed.where, "%s", failed.message) : TRM_OK;
}

trm_status trm_task_set_judge(trm_task *task, trm_judge *judge, trm_error *err) {
  const trm__kind *kind = trm__kind_of(task);
  if (judge && !kind->declared)
    return trm__fail(err, TRM_E_USAGE, "judge", "found for a task of kind %s, which no judge is for; leave it out",
                     kind->name);
  task->asked = judge;
  return TRM_OK;
}

/* -- the question -------------------------------------------------------------------------------------------------- */

/* Room for a cell: a number of five digits and a comma; and for a row its quotes or brackets. */
static trm_status judge_reserve(trm_judge *j, const trm_task *task, trm_error *err) {
  size_t height = (size_t)task->height, cells = (size_t)task->width * height, room = 2 * (6 * cells + 3 * height) + 64;
  if (room <= j->room) return TRM_OK;
  char *larger = trm__realloc(j->line, room, 1);
  if (!larger) return trm__fail_memory(err, j->name, room);
  j->line = larger;
  j->room = room;
  return TRM_OK;
}

static char *judge_put(char *at, const char *text) {
  size_t length = strlen(text);
  memcpy(at, text, length);
  return at + length;
}

/* A row as a text, or, where tokens have no symbols, as a list of tokens. */
static char *judge_put_row(char *at, const trm_task *task, const int32_t *tokens) {
  int numbers = task->alphabet[0] == '\0';
  *at++ = numbers ? '[' : '"';
  for (int c = 0; c < task->width; c++) {
    char symbol = trm__text_symbol(task, tokens[c]);
    if (numbers) {
      at += sprintf(at, "%s%d", c ? "," : "", (int)tokens[c]);
      continue;
    }
    if (symbol == '"' || symbol == '\\') *at++ = '\\';
    *at++ = symbol;
  }
  *at++ = numbers ? ']' : '"';
  return at;
}

static char *judge_put_grid(char *at, const trm_task *task, const char *key, const int32_t *tokens) {
  at = judge_put(at, key);
  for (int r = 0; r < task->height; r++) {
    if (r) *at++ = ',';
    at = judge_put_row(at, task, tokens + (size_t)r * (size_t)task->width);
  }
  return at;
}

/* -- the verdict --------------------------------------------------------------------------------------------------- */

/* A text from outside is shown in one line of printable ASCII. */
static void judge_clean(char *to, size_t size, const char *from) {
  size_t used = 0;
  for (; *from && used < size - 1; from++) {
    unsigned char c = (unsigned char)*from;
    to[used++] = c < ' ' || c > '~' ? '?' : *from;
  }
  to[used] = '\0';
}

static trm_status judge_read(trm_judge *j, const char *reply, trm_error *err) {
  char start[64];
  json_t *json = NULL;
  trm_status status = trm__json_parse(&json, reply, strlen(reply), j->name, NULL);
  const json_t *right = json_object_get(json, "right"), *why = json_object_get(json, "why");
  if (status == TRM_E_MEMORY) return trm__fail_memory(err, j->name, strlen(reply));
  if (status || !json_is_boolean(right) || (why && !json_is_string(why))) {
    judge_clean(start, sizeof start, reply);
    status = trm__fail(err, TRM_E_INPUT, j->name, "answered %s%s, " EXPECTED, start,
                       strlen(reply) >= sizeof start ? "..." : "");
  } else {
    j->right = json_is_true(right);
    judge_clean(j->why, sizeof j->why, why && !j->right ? json_string_value(why) : "");
  }
  json_decref(json);
  return status;
}

static trm_status judge_ask(trm_judge *j, const trm_task *task, const int32_t *question, const int32_t *answer,
                            trm_error *err) {
  const char *reply;
  trm_status status = judge_reserve(j, task, err);
  if (status) return status;
  char *at = judge_put_grid(j->line, task, "{\"question\": [", question);
  at = judge_put_grid(at, task, "], \"answer\": [", answer);
  at = judge_put(at, "]}\n");
  status = trm__child_ask(j->child, j->line, (size_t)(at - j->line), j->seconds, &reply, err);
  return status ? status : judge_read(j, reply, err);
}

int trm__judge_ask(const trm_task *task, const int32_t *question, const int32_t *answer, char *why, size_t size) {
  trm_judge *j = task->asked;
  if (size) why[0] = '\0';
  (void)pthread_mutex_lock(&j->lock);
  int said = -1;
  if (!j->failed.code && !judge_ask(j, task, question, answer, &j->failed)) {
    said = j->right;
    if (size) (void)snprintf(why, size, "%s", j->why);
  }
  (void)pthread_mutex_unlock(&j->lock);
  return said;
}
