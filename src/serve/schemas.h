/* JSON Schemas (2020-12) of what clients send, put together from the option tables: for /v1/openapi.json and for tools.
 * All return NULL without memory. */
#ifndef TRM_SERVE_SCHEMAS_H
#define TRM_SERVE_SCHEMAS_H

#include <jansson.h>
#include <trm/options.h>

/* The bodies of the routes. */
json_t *trm__schema_solve(void);
json_t *trm__schema_check(void);
json_t *trm__schema_needs_puzzle(void);
json_t *trm__schema_generate(void);
json_t *trm__schema_steps(void);
json_t *trm__schema_cell(void);
json_t *trm__schema_pin(void);

/* Their parts. */
json_t *trm__schema_object(void); /* without properties; others are not allowed */
json_t *trm__schema_puzzle(void);
json_t *trm__schema_number(int most);                                          /* an integer from 0 on */
void trm__schema_property(json_t *schema, const char *name, json_t *property); /* property is taken */
void trm__schema_add(json_t *schema, const trm_option *table, size_t count);   /* the options of a table */

#endif
