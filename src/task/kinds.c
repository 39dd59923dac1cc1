/* The table of task kinds: one line a kind. Registered rows stand behind those that are built in. They are only ever
 * added, and their number is published after the row is written, so readers need no lock. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "task/kind.h"

/* In the order of trm_task_kind. The row of LINE(name) is trm__kind_name, in src/task/name/. */
#define KINDS(LINE)                                                                                                    \
  LINE(generic)                                                                                                        \
  LINE(sudoku)                                                                                                         \
  LINE(maze)                                                                                                           \
  LINE(arc)

#define KIND_DECLARE(name) extern const trm__kind trm__kind_##name;
#define KIND_POINT(name) &trm__kind_##name,
KINDS(KIND_DECLARE)
static const trm__kind *const kinds_built_in[] = {KINDS(KIND_POINT)};

#define BUILT_IN (int)(sizeof kinds_built_in / sizeof *kinds_built_in)

static const trm__kind *kinds_registered[TRM__KINDS_MOST - BUILT_IN];
static atomic_int kinds_added;
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER; /* held while a row is added */

const trm__kind *trm__kind_find(trm_task_kind number) {
  if (number < 0) return NULL;
  if (number < BUILT_IN) return kinds_built_in[number];
  number -= BUILT_IN;
  return number < atomic_load_explicit(&kinds_added, memory_order_acquire) ? kinds_registered[number] : NULL;
}

const trm__kind *trm__kind_of(const trm_task *task) {
  const trm__kind *kind = trm__kind_find(task->kind);
  return kind ? kind : kinds_built_in[TRM_TASK_GENERIC];
}

trm_task_kind trm__kind_named(const char *name) {
  const trm__kind *kind;
  for (trm_task_kind number = 0; (kind = trm__kind_find(number)); number++)
    if (strcmp(kind->name, name) == 0) return number;
  return -1;
}

void trm__kind_list(char *text, size_t size) {
  size_t used = 0;
  for (trm_task_kind number = 0; trm__kind_find(number); number++) {
    int last = !trm__kind_find(number + 1);
    int length = snprintf(text + used, size - used, "%s%s",
                          number == 0 ? ""
                          : last      ? " or "
                                      : ", ",
                          trm__kind_find(number)->name);
    if (length < 0 || (size_t)length >= size - used) return;
    used += (size_t)length;
  }
}

static trm_status kinds_check(const trm__kind *kind, trm_error *err) {
  if (!kind->name || kind->name[0] == '\0')
    return trm__fail(err, TRM_E_USAGE, "kind", "found a task kind without a name, expected one");
  if (!kind->title || !kind->parse || !kind->render)
    return trm__fail(err, TRM_E_USAGE, kind->name, "a function is missing, expected title, parse and render");
  if (kind->first_number < 1)
    return trm__fail(err, TRM_E_USAGE, kind->name, "first_number: found %d, expected 1 or more", kind->first_number);
  if (!kind->rules != !kind->judge || !kind->symmetric != !kind->augment || !kind->metrics != !kind->grade ||
      !kind->rating != !kind->rate)
    return trm__fail(err, TRM_E_USAGE, kind->name,
                     "found half a pair, expected both or neither of rules and judge, of symmetric and augment, of "
                     "metrics and grade, and of rating and rate");
  return TRM_OK;
}

trm_status trm__kind_register(const trm__kind *kind, trm_task_kind *number, trm_error *err) {
  trm_status status = kinds_check(kind, err);
  if (status) return status;
  (void)pthread_mutex_lock(&kinds_lock);
  int added = atomic_load_explicit(&kinds_added, memory_order_relaxed);
  if (trm__kind_named(kind->name) >= 0)
    status = trm__fail(err, TRM_E_USAGE, kind->name, "there is a task kind of this name, expected a new one");
  else if (added == TRM__KINDS_MOST - BUILT_IN)
    status = trm__fail(err, TRM_E_USAGE, kind->name, "there are %d task kinds, expected at most that", TRM__KINDS_MOST);
  if (!status) {
    kinds_registered[added] = kind;
    atomic_store_explicit(&kinds_added, added + 1, memory_order_release);
    if (number) *number = BUILT_IN + added;
  }
  (void)pthread_mutex_unlock(&kinds_lock);
  return status;
}
