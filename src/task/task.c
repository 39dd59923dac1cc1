/* What tokens mean: which task a shape suggests, symbols, whether a task is consistent, its JSON form. A task is plain
 * data, so everything else (parsing, judging, datasets, model files) works from the same few numbers and one alphabet.
 * What differs from kind to kind is asked of the table. */
#include "task/task.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "task/generic/symmetry.h"
#include "task/kind.h"

/* Generic takes every shape, so it is asked last. */
trm_task trm__task_infer(int64_t seq_len, int64_t vocab_size) {
  trm_task task;
  const trm__kind *kind;
  for (trm_task_kind number = TRM_TASK_GENERIC + 1; (kind = trm__kind_find(number)); number++)
    if (trm__task_infer_as(&task, number, seq_len, vocab_size)) return task;
  (void)trm__task_infer_as(&task, TRM_TASK_GENERIC, seq_len, vocab_size);
  return task;
}

int trm__task_infer_as(trm_task *task, trm_task_kind number, int64_t seq_len, int64_t vocab_size) {
  const trm__kind *kind = trm__kind_find(number);
  memset(task, 0, sizeof *task);
  int inferred = kind && kind->infer && kind->infer(task, seq_len, vocab_size);
  task->kind = number;
  return inferred;
}

void trm__task_symbols(const trm_task *task, int numbers, int answer, int16_t map[256]) {
  const trm__kind *kind = trm__kind_of(task);
  for (int i = 0; i < 256; i++) map[i] = -1;
  if (numbers) {
    for (int i = 0; i < 256 && i + kind->first_number < task->vocab_size; i++)
      map[i] = (int16_t)(i + kind->first_number);
  } else {
    for (size_t i = 0; task->alphabet[i] != '\0' && i < sizeof task->alphabet; i++)
      map[(unsigned char)task->alphabet[i]] = (int16_t)(i + 1);
    if (kind->symbols) kind->symbols(task, map);
  }
  for (int i = 0; i < 256 && answer && kind->blank; i++)
    if (map[i] == kind->blank) map[i] = -1;
}

void trm__task_expected(const trm_task *task, int answer, char *text, size_t size) {
  const trm__kind *kind = trm__kind_of(task);
  if (kind->expected) kind->expected(task, answer, text, size);
  else (void)snprintf(text, size, "one of \"%s\"", task->alphabet);
}

const char *trm_task_name(const trm_task *task) {
  const trm__kind *kind = trm__kind_find(task->kind);
  return kind ? kind->name : "unknown";
}

const char *trm_task_title(const trm_task *task, char *text, size_t size) {
  if (size) trm__kind_of(task)->title(task, text, size);
  return text;
}

const char *trm_task_rules(const trm_task *task) {
  return task->asked ? "what its judge says" : trm__kind_of(task)->rules;
}

/* -- consistency and JSON -- */

static trm_status task_check_alphabet(const trm_task *task, const char *where, trm_error *err) {
  size_t symbols = strnlen(task->alphabet, sizeof task->alphabet);
  if (symbols == sizeof task->alphabet) return trm__fail(err, TRM_E_INPUT, where, "alphabet has no end");
  for (size_t i = 0; i < symbols; i++) {
    unsigned char c = (unsigned char)task->alphabet[i];
    if (c < 0x20 || c > 0x7e)
      return trm__fail(err, TRM_E_INPUT, where, "alphabet: byte 0x%02x at %zu, expected printable ASCII", c, i + 1);
    if (memchr(task->alphabet, c, i))
      return trm__fail(err, TRM_E_INPUT, where, "alphabet: '%c' appears twice, expected each symbol once", c);
  }
  if (symbols != 0 && (int)symbols + 1 != task->vocab_size)
    return trm__fail(err, TRM_E_INPUT, where, "alphabet has %zu symbols, expected vocab_size - 1 = %d", symbols,
                     task->vocab_size - 1);
  return TRM_OK;
}

static trm_status task_check_kind(const trm_task *task, const char *where, trm_error *err) {
  trm_task same = *task;
  const trm__kind *kind = trm__kind_find(task->kind);
  const char *what = NULL;
  char kinds[400];
  trm__kind_list(kinds, sizeof kinds);
  if (!kind)
    return trm__fail(err, TRM_E_INPUT, where, "kind: found the number %d, expected that of %s", task->kind, kinds);
  same.box_width = same.box_height = 0;
  trm_status status = kind->shape ? kind->shape(&same, task, where, err) : TRM_OK;
  if (status) return status;
  if (same.width != task->width) what = "width";
  else if (same.height != task->height) what = "height";
  else if (same.vocab_size != task->vocab_size) what = "vocab_size";
  else if (same.box_width != task->box_width) what = "box_width";
  else if (same.box_height != task->box_height) what = "box_height";
  else if (strcmp(same.alphabet, task->alphabet) != 0) what = "alphabet";
  if (!what) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, where,
                   "%s does not fit kind %s: expected width %d, height %d, boxes %dx%d, vocab_size %d, alphabet \"%s\"",
                   what, kind->name, same.width, same.height, same.box_width, same.box_height, same.vocab_size,
                   same.alphabet);
}

/* What the owner of a generic task says of it. */
static trm_status task_check_declared(const trm_task *task, const char *where, trm_error *err) {
  trm__declared declared;
  const char *what = task->pad ? "pad" : task->symmetries[0] ? "symmetries" : task->judge[0] ? "judge" : NULL;
  if (what && !trm__kind_of(task)->declared)
    return trm__fail(err, TRM_E_INPUT, where, "%s: found in a task of kind %s, of which that is known; leave it out",
                     what, trm_task_name(task));
  if (task->pad < 0 || task->pad >= task->vocab_size)
    return trm__fail(err, TRM_E_INPUT, where, "pad: found token %d, expected 0 to %d", task->pad, task->vocab_size - 1);
  return task->symmetries[0] ? trm__declared_read(&declared, task, where, err) : TRM_OK;
}

trm_status trm__task_check(const trm_task *task, const char *where, trm_error *err) {
  if (task->width < 1 || task->height < 1 || (int64_t)task->width * task->height > TRM__SEQ_LIMIT)
    return trm__fail(err, TRM_E_INPUT, where, "grid of %d x %d, expected 1 to %d cells", task->width, task->height,
                     TRM__SEQ_LIMIT);
  if (task->vocab_size < 2 || task->vocab_size > TRM__VOCAB_LIMIT)
    return trm__fail(err, TRM_E_INPUT, where, "vocab_size: found %d, expected 2 to %d", task->vocab_size,
                     TRM__VOCAB_LIMIT);
  trm_status status = task_check_alphabet(task, where, err);
  if (!status) status = task_check_kind(task, where, err);
  return status ? status : task_check_declared(task, where, err);
}

/* What is not said is left out, so that such files are what they were before it could be. */
json_t *trm__task_to_json(const trm_task *task) {
  const char *symmetries = task->symmetries[0] ? task->symmetries : NULL, *judge = task->judge[0] ? task->judge : NULL;
  json_t *pad = task->pad ? json_integer(task->pad) : NULL;
  if (task->pad && !pad) return NULL;
  return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:o*, s:s*, s:s*}", "kind", trm_task_name(task), "width",
                   task->width, "height", task->height, "box_width", task->box_width, "box_height", task->box_height,
                   "vocab_size", task->vocab_size, "alphabet", task->alphabet, "pad", pad, "symmetries", symmetries,
                   "judge", judge);
}

static trm_status task_read_kind(trm_task *task, const json_t *json, const char *where, trm_error *err) {
  const char *name = NULL;
  trm_status status = trm__json_string(json, "kind", &name, where, err);
  if (status) return status;
  task->kind = trm__kind_named(name);
  if (task->kind >= 0) return TRM_OK;
  char kinds[400];
  trm__kind_list(kinds, sizeof kinds);
  return trm__fail(err, TRM_E_INPUT, where, "kind: found \"%.40s\", expected %s", name, kinds);
}

/* A text of printable ASCII that may be absent; room: bytes that it has. */
static trm_status task_read_text(const json_t *json, const char *key, char *text, size_t room, const char *where,
                                 trm_error *err) {
  const char *found = "";
  trm_status status = json_object_get(json, key) ? trm__json_string(json, key, &found, where, err) : TRM_OK;
  if (status) return status;
  if (strlen(found) >= room)
    return trm__fail(err, TRM_E_INPUT, where, "%s has %zu bytes, expected at most %zu", key, strlen(found), room - 1);
  for (const char *at = found; *at; at++)
    if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
      return trm__fail(err, TRM_E_INPUT, where, "%s: byte 0x%02x at %zu, expected printable ASCII", key,
                       (unsigned char)*at, (size_t)(at - found) + 1);
  strcpy(text, found);
  return TRM_OK;
}

static trm_status task_read_declared(trm_task *task, const json_t *json, const char *where, trm_error *err) {
  int64_t pad = 0;
  trm_status status = TRM_OK;
  if (json_object_get(json, "pad")) status = trm__json_int(json, "pad", 0, TRM__VOCAB_LIMIT, &pad, where, err);
  if (!status) status = task_read_text(json, "symmetries", task->symmetries, sizeof task->symmetries, where, err);
  if (!status) status = task_read_text(json, "judge", task->judge, sizeof task->judge, where, err);
  task->pad = (int)pad;
  return status;
}

trm_status trm__task_from_json(trm_task *out, const json_t *json, const char *where, trm_error *err) {
  trm_task task = {0};
  if (!json_is_object(json))
    return trm__fail(err, TRM_E_INPUT, where, "expected a JSON object that describes the task");
  trm_status status = task_read_kind(&task, json, where, err);
  if (status) return status;
  const struct {
    const char *key;
    int *field;
  } numbers[] = {{"width", &task.width},
                 {"height", &task.height},
                 {"box_width", &task.box_width},
                 {"box_height", &task.box_height},
                 {"vocab_size", &task.vocab_size}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    int64_t value = 0;
    status = trm__json_int(json, numbers[i].key, 0, TRM__SEQ_LIMIT, &value, where, err);
    if (status) return status;
    *numbers[i].field = (int)value;
  }
  const char *alphabet = NULL;
  status = trm__json_string(json, "alphabet", &alphabet, where, err);
  if (status) return status;
  if (strlen(alphabet) >= sizeof task.alphabet)
    return trm__fail(err, TRM_E_INPUT, where, "alphabet has %zu bytes, expected at most %zu", strlen(alphabet),
                     sizeof task.alphabet - 1);
  strcpy(task.alphabet, alphabet);
  status = task_read_declared(&task, json, where, err);
  if (!status) status = trm__task_check(&task, where, err);
  if (!status) *out = task;
  return status;
}
