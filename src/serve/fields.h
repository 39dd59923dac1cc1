/* Structs of numbers and texts as JSON objects and back, by a table: one line a field. It is for what two processes of
 * one build say to each other, so every field must be there, and nothing else. What people write is read by option
 * tables (base/text/options.h). */
#ifndef TRM_SERVE_FIELDS_H
#define TRM_SERVE_FIELDS_H

#include <jansson.h>
#include <stddef.h>
#include <trm/error.h>

typedef enum trm__field_type {
  TRM__FIELD_INT,   /* int, and enums */
  TRM__FIELD_INT64, /* int64_t, and uint64_t below 2^63 */
  TRM__FIELD_FLOAT, /* that is no number: null; infinite: a text */
  TRM__FIELD_DOUBLE,
  TRM__FIELD_TEXT /* char[size]; UTF-8, what is not is replaced */
} trm__field_type;

typedef struct trm__field {
  const char *name;
  trm__field_type type;
  size_t offset, size;
} trm__field;

#define TRM__FIELD(type_, struct_, member_)                                                                            \
  { #member_, TRM__FIELD_##type_, offsetof(struct_, member_), sizeof(((struct_ *)0)->member_) }

/* A new object; NULL without memory. */
json_t *trm__fields_to_json(const trm__field *table, size_t count, const void *from);
/* Sets all fields; TRM_E_INPUT names the key. */
trm_status trm__fields_from_json(const trm__field *table, size_t count, void *to, const json_t *object,
                                 const char *where, trm_error *err);

#endif
