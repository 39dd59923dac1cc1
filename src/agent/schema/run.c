/* Applying subschemas, with limits, and finding words for what fails. */
#include "agent/schema/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/schema/keywords.h"
#include "agent/schema/value.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define CLOCK_STEPS 2000 /* between two looks at the clock */

static int run_stop(schema_run *r, const char *what) {
  if (!r->status) r->status = trm__fail(r->err, TRM_E_INPUT, r->where, "the check was ended: %s", what);
  return 0;
}

int trm__schema_spend(schema_run *r, int64_t steps) {
  if (r->status) return 0;
  r->steps -= steps;
  if (r->steps < 0) return run_stop(r, "it takes more steps than allowed; simplify the schema, or shorten the value");
  if (r->steps < r->next_clock) {
    r->next_clock = r->steps - CLOCK_STEPS;
    if (trm__clock() > r->until) return run_stop(r, "it takes too long; simplify the schema, or shorten the value");
  }
  return 1;
}

int trm__schema_match(schema_run *r, const trm__pattern *pattern, const char *source, const char *text, size_t length) {
  if (!trm__schema_spend(r, 20 + (int64_t)(length / 8))) return 0;
  trm__pattern_found found = trm__pattern_match(pattern, text, length);
  if (found == TRM__PATTERN_LIMIT && !r->status)
    r->status = trm__fail(r->err, TRM_E_INPUT, r->where,
                          "the check was ended: the pattern \"%.200s\" takes too long; simplify it", source);
  r->next_clock = r->steps; /* one match may have taken a while */
  return found == TRM__PATTERN_YES;
}

/* -- marks --------------------------------------------------------------------------------------------------------- */

void trm__schema_mark(schema_marks *marks, size_t at) {
  if (marks && marks->bits) marks->bits[at / 8] |= (unsigned char)(1u << (at % 8));
}

int trm__schema_marked(const schema_marks *marks, size_t at) {
  return marks && marks->bits && (marks->bits[at / 8] >> (at % 8) & 1);
}

static size_t marks_needed(const schema_run *r, const json_t *value) {
  if (!r->schema->tracks) return 0;
  return json_is_object(value) ? json_object_size(value) : json_array_size(value);
}

static int marks_open(schema_run *r, schema_marks *marks, const json_t *value) {
  *marks = (schema_marks){NULL, marks_needed(r, value)};
  if (!marks->count) return 1;
  marks->bits = trm__calloc(marks->count / 8 + 1, 1);
  if (!marks->bits && !r->status) r->status = trm__fail_memory(r->err, r->where, marks->count / 8 + 1);
  return marks->bits && trm__schema_spend(r, (int64_t)(marks->count / 512));
}

/* -- applying ------------------------------------------------------------------------------------------------------ */

/* Loudly, all keywords have their say: a typing mistake in a key is told before the key that is missing for it. */
static int run_steps(schema_run *r, const schema_frame *f) {
  int ok = 1;
  for (size_t i = 0; i < f->node->step_count && (ok || r->loud); i++) {
    const schema_step *step = &f->node->steps[i];
    ok = step->keyword->check(r, f, step->value) && ok;
    if (r->status) return 0;
  }
  return ok;
}

int trm__schema_apply(schema_run *r, const json_t *schema, const json_t *value, const schema_place *place,
                      schema_marks *marks) {
  if (!trm__schema_spend(r, 1)) return 0;
  if (json_is_true(schema)) return 1;
  if (json_is_false(schema)) return trm__schema_say(r, place, value, "nothing here: the schema is false");
  schema_marks own = {NULL, 0};
  schema_frame f = {trm__schema_node(r->schema, schema), value, place, marks};
  if (!f.node) return run_stop(r, "a subschema that was not read");
  if (++r->depth > r->schema->config.max_depth)
    return run_stop(r, "schemas inside one another without an end; a $ref leads back to itself");
  const schema_scope *before = r->scope, inside = {before, f.node->resource};
  if (!before || before->resource != f.node->resource) r->scope = &inside;
  int ok = 1;
  if (!marks && marks_needed(r, value)) {
    ok = marks_open(r, &own, value);
    f.marks = &own;
  }
  ok = ok && run_steps(r, &f);
  trm__free(own.bits);
  r->scope = before;
  r->depth--;
  return ok;
}

int trm__schema_apply_here(schema_run *r, const schema_frame *f, const json_t *schema) {
  schema_marks own;
  int ok = marks_open(r, &own, f->value) && trm__schema_apply(r, schema, f->value, f->place, &own);
  for (size_t i = 0; ok && own.bits && f->marks && f->marks->bits && i < own.count / 8 + 1; i++)
    f->marks->bits[i] |= own.bits[i];
  trm__free(own.bits);
  return ok;
}

int trm__schema_apply_quietly(schema_run *r, const schema_frame *f, const json_t *schema) {
  int loud = r->loud;
  r->loud = 0;
  int ok = trm__schema_apply_here(r, f, schema);
  r->loud = loud;
  return ok;
}

/* -- words --------------------------------------------------------------------------------------------------------- */

static void say_pointer(const schema_place *place, char *out, size_t size, size_t *used) {
  if (!place->up) return;
  say_pointer(place->up, out, size, used);
  char digits[24];
  if (!place->key) (void)snprintf(digits, sizeof digits, "%zu", place->index);
  const char *text = place->key ? place->key : digits;
  size_t length = place->key ? place->key_length : strlen(digits);
  if (*used + 1 < size) out[(*used)++] = '/';
  for (size_t i = 0; i < length && *used + 2 < size; i++) {
    const char *escaped = text[i] == '~' ? "~0" : text[i] == '/' ? "~1" : NULL;
    if (escaped) {
      memcpy(out + *used, escaped, 2);
      *used += 2;
    } else {
      out[(*used)++] = (unsigned char)text[i] < ' ' ? '?' : text[i];
    }
  }
  if (*used + 2 >= size) strcpy(out + size - 4, "...");
}

/* Opens a message about the place unless there is one about a deeper place; NULL when there is. */
static char *say_open(schema_run *r, const schema_place *place, size_t *room) {
  if (!r->loud || place->depth <= r->said_depth) return NULL;
  size_t used = 0;
  r->said_depth = place->depth;
  memset(r->pointer, 0, sizeof r->pointer);
  say_pointer(place, r->pointer, sizeof r->pointer - 4, &used);
  *room = sizeof r->message;
  return r->message;
}

int trm__schema_say(schema_run *r, const schema_place *place, const json_t *found, const char *format, ...) {
  size_t room;
  char text[TRM__VALUE_TEXT], *out = say_open(r, place, &room);
  if (!out) return 0;
  int used = snprintf(out, room, "found %s, expected ", trm__value_text(found, text));
  va_list args;
  va_start(args, format);
  (void)trm__vprint(out + used, room - (size_t)used, format, args);
  va_end(args);
  return 0;
}

int trm__schema_say_words(schema_run *r, const schema_place *place, const char *format, ...) {
  size_t room;
  char *out = say_open(r, place, &room);
  if (!out) return 0;
  va_list args;
  va_start(args, format);
  (void)trm__vprint(out, room, format, args);
  va_end(args);
  return 0;
}

/* -- a whole check ------------------------------------------------------------------------------------------------- */

trm_status trm__schema_check(const trm__schema *schema, const json_t *value, const char *where,
                             char pointer[TRM__SCHEMA_POINTER], trm_error *err) {
  const schema_place root = {NULL, NULL, 0, 0, 0};
  schema_run r = {.schema = schema,
                  .steps = schema->config.max_steps,
                  .until = trm__clock() + schema->config.max_s,
                  .err = err,
                  .where = where,
                  .said_depth = -1};
  r.next_clock = r.steps - CLOCK_STEPS;
  if (pointer) pointer[0] = 0;
  if (trm__schema_apply(&r, schema->root, value, &root, NULL)) return TRM_OK;
  if (r.status) return r.status;
  r.loud = 1;
  r.steps = schema->config.max_steps;
  r.next_clock = r.steps - CLOCK_STEPS;
  r.until = trm__clock() + schema->config.max_s;
  (void)trm__schema_apply(&r, schema->root, value, &root, NULL);
  if (r.status == TRM_E_MEMORY) return r.status;
  if (pointer) memcpy(pointer, r.pointer, sizeof r.pointer);
  return trm__fail(err, TRM_E_INPUT, where, "%s%s%s", r.pointer, *r.pointer ? ": " : "",
                   r.said_depth < 0 ? "does not fit the schema" : r.message);
}
