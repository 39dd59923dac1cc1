/* JSON Schema, draft 2020-12: whether a value is what a schema says, and if not, where, what was found and what was
 * expected.
 *
 * All of core, applicator, unevaluated and validation is checked; format and content only annotate, as the draft has
 * it. References are resolved when a schema is opened, never later: the draft's own meta-schema is built in, any other
 * document comes from `fetch`, and nothing is loaded from a network. Regular expressions are ECMAScript's, as far as
 * PCRE2 has the same (schema/pattern.h).
 *
 * Schema and value may both be hostile: a check ends with an error after max_steps steps, max_depth nested schemas or
 * max_s seconds, so that neither can hold its caller up. An open schema is not changed by checks, so several threads
 * may check with it at the same time. */
#ifndef TRM_AGENT_SCHEMA_SCHEMA_H
#define TRM_AGENT_SCHEMA_SCHEMA_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

typedef struct trm__schema trm__schema;

/* A new reference to the document of an absolute URI (without fragment) in *out, which is left alone when there is
 * none; a failure ends trm__schema_open. */
typedef trm_status (*trm__schema_fetch)(void *context, const char *uri, json_t **out, trm_error *err);

typedef struct trm__schema_config {
  const char *uri; /* of the schema itself; "": none */
  trm__schema_fetch fetch;
  void *context;
  int strict;         /* 1: an unknown keyword is an error that names the nearest one, otherwise an annotation */
  int64_t max_steps;  /* a check: schemas applied, members and items looked at */
  int max_depth;      /* schemas inside one another */
  double max_s;       /* seconds of the monotonic clock */
  size_t max_schemas; /* subschemas of all documents together */
} trm__schema_config;

trm__schema_config trm__schema_config_default(void);

/* where: what errors name. TRM_E_INPUT: the schema is malformed, or refers to what does not exist. The schema is
 * copied; config may be NULL. */
trm_status trm__schema_open(trm__schema **out, const json_t *schema, const trm__schema_config *config,
                            const char *where, trm_error *err);
void trm__schema_close(trm__schema **schema); /* accepts NULL inside */

#define TRM__SCHEMA_POINTER 256 /* bytes; a longer one ends with "..." */

/* TRM_OK: the value is valid. TRM_E_INPUT: it is not, with the message "/puzzle/3: found "x", expected a whole number",
 * or the check reached a limit. pointer (NULL: not wanted) gets the JSON pointer of the place; "" is the whole value.
 */
trm_status trm__schema_check(const trm__schema *schema, const json_t *value, const char *where,
                             char pointer[TRM__SCHEMA_POINTER], trm_error *err);

#endif
