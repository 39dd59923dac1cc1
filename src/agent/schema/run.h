/* One check of a value: what the functions behind the keywords are given. Each gets a frame, the subschema that is
 * applied and the place in the value that it is applied to, and says 1 (valid) or 0.
 *
 * A check runs twice at most: quietly, which decides, and when the value is not valid once more loudly, to find words
 * for it. Of several alternatives that all fail the message is of the failure deepest inside the value, which is what
 * its author most probably meant.
 *
 * Marks are the draft's annotations of what was evaluated: a bit for each member (in its order) or item of the value at
 * this place. A subschema applied to the same place has marks of its own, which count only when it is valid. */
#ifndef TRM_AGENT_SCHEMA_RUN_H
#define TRM_AGENT_SCHEMA_RUN_H

#include "agent/schema/state.h"

typedef struct schema_place { /* in the value; the root has no `up` */
  const struct schema_place *up;
  const char *key; /* of a member; NULL: an item */
  size_t key_length, index;
  int depth;
} schema_place;

typedef struct schema_scope { /* resources entered on the way, for $dynamicRef */
  const struct schema_scope *up;
  const schema_resource *resource;
} schema_scope;

typedef struct schema_run {
  const trm__schema *schema;
  const schema_scope *scope;
  int64_t steps; /* left */
  int depth, loud;
  double until;       /* trm__clock */
  int64_t next_clock; /* steps at which the clock is looked at */
  trm_status status;  /* not TRM_OK: the check cannot be decided, and 0 means nothing */
  trm_error *err;
  const char *where;
  int said_depth; /* of the place that the message is about; -1: none yet */
  char pointer[TRM__SCHEMA_POINTER], message[640];
} schema_run;

typedef struct schema_marks {
  unsigned char *bits; /* NULL: nothing is marked */
  size_t count;
} schema_marks;

typedef struct schema_frame {
  const schema_node *node;
  const json_t *value;
  const schema_place *place;
  schema_marks *marks;
} schema_frame;

typedef int (*schema_check_fn)(schema_run *r, const schema_frame *f, const json_t *keyword);

/* Applies a subschema to a value. marks may be NULL. */
int trm__schema_apply(schema_run *r, const json_t *schema, const json_t *value, const schema_place *place,
                      schema_marks *marks);
/* The same to the frame's own place; its marks become the frame's when it is valid. */
int trm__schema_apply_here(schema_run *r, const schema_frame *f, const json_t *schema);
/* One of both without a word. */
int trm__schema_apply_quietly(schema_run *r, const schema_frame *f, const json_t *schema);

/* Whether the pattern, whose text is source, matches. */
int trm__schema_match(schema_run *r, const trm__pattern *pattern, const char *source, const char *text, size_t length);

/* Takes so many steps; 0 at a limit, which is told in r->status. */
int trm__schema_spend(schema_run *r, int64_t steps);
/* Records that the value at the place failed: "found FOUND, expected ...", and returns 0. */
int trm__schema_say(schema_run *r, const schema_place *place, const json_t *found, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same in words of its own. */
int trm__schema_say_words(schema_run *r, const schema_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void trm__schema_mark(schema_marks *marks, size_t at);
int trm__schema_marked(const schema_marks *marks, size_t at);

#endif
