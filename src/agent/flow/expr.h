/* What definitions say about values that are not there yet: references and conditions.
 *
 *   {"$from": "/steps/make/result/question"}      the value at a JSON pointer
 *   {"op": "eq", "path": "/input/size", "value": 9}
 *   op: eq ne lt le gt ge in exists (with path), and or (value: conditions), not (value: a condition); depth at most 16
 */
#ifndef TRM_AGENT_FLOW_EXPR_H
#define TRM_AGENT_FLOW_EXPR_H

#include <jansson.h>
#include <trm/error.h>

#define TRM__EXPR_DEPTH 16

/* The value at a JSON pointer, borrowed; NULL: nothing is there. */
const json_t *trm__expr_at(const json_t *root, const char *pointer);

/* A copy of value with every reference replaced. TRM_E_INPUT naming one that leads nowhere. */
trm_status trm__expr_fill(json_t **out, const json_t *value, const json_t *root, trm_error *err);

/* 1 or 0 in *holds. What is compared with something that is not there does not hold. */
trm_status trm__expr_holds(const json_t *condition, const json_t *root, int *holds, trm_error *err);

/* TRM_E_INPUT when a condition is malformed. */
trm_status trm__expr_check(const json_t *condition, trm_error *err);

/* Calls fn for each pointer in a value, or a condition. A status of fn's ends it. */
typedef trm_status (*trm__expr_fn)(void *context, const char *pointer, trm_error *err);
trm_status trm__expr_pointers(const json_t *value, trm__expr_fn fn, void *context, trm_error *err);

#endif
