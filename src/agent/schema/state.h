/* An open schema: documents, and what was worked out from them. A resource is a document, or a part of one with an $id
 * of its own. A node is one subschema (an object; true and false need none): the resource that it is in, what its
 * references lead to, and its keywords as steps in the order in which they are checked. Nodes are found by the address
 * of their JSON object, which the schema owns. */
#ifndef TRM_AGENT_SCHEMA_STATE_H
#define TRM_AGENT_SCHEMA_STATE_H

#include "agent/schema/pattern.h"
#include "agent/schema/schema.h"

typedef struct schema_anchor {
  const char *name; /* of the document */
  const json_t *schema;
  int dynamic;
  struct schema_anchor *next;
} schema_anchor;

typedef struct schema_resource {
  char *uri; /* absolute, without fragment; "" for a schema that has none */
  const json_t *root;
  unsigned vocabularies; /* bits of schema_vocabulary */
  schema_anchor *anchors;
} schema_resource;

typedef struct schema_name { /* a resource by one of its URIs: its $id, or the one that it was fetched by */
  char *uri;
  schema_resource *resource;
} schema_name;

struct schema_keyword;

typedef struct schema_step {
  const struct schema_keyword *keyword;
  const json_t *value; /* of the keyword */
} schema_step;

typedef struct schema_node {
  const json_t *schema;
  schema_resource *resource;
  const json_t *reference;  /* where $ref leads; NULL: none */
  const json_t *dynamic;    /* where $dynamicRef leads when no resource on the way here has the anchor */
  const char *dynamic_name; /* that anchor; NULL: $dynamicRef is an ordinary reference */
  trm__pattern *pattern;    /* of "pattern" */
  trm__pattern **patterns;  /* [members of "patternProperties"], in their order */
  size_t pattern_count;
  schema_step *steps;
  size_t step_count;
} schema_node;

struct trm__schema {
  trm__schema_config config;
  const json_t *root;
  json_t *documents; /* an array that owns them */
  schema_resource **resources;
  schema_name *names;
  schema_node **nodes;
  size_t resource_count, name_count, node_count;
  size_t *index; /* [index_size]: a node's number + 1, by its address; 0: free */
  size_t index_size;
  int tracks; /* 1: some schema has unevaluatedProperties or unevaluatedItems */
};

/* NULL for true, false and what is no schema. */
schema_node *trm__schema_node(const trm__schema *s, const json_t *schema);
trm_status trm__schema_node_add(trm__schema *s, const json_t *schema, schema_resource *resource, schema_node **out,
                                trm_error *err);
/* uri is taken over, also on failure. */
trm_status trm__schema_resource_add(trm__schema *s, char *uri, const json_t *root, schema_resource **out,
                                    trm_error *err);
trm_status trm__schema_name_add(trm__schema *s, const char *uri, schema_resource *resource, trm_error *err);
schema_resource *trm__schema_resource_find(const trm__schema *s, const char *uri);
trm_status trm__schema_anchor_add(schema_resource *resource, const char *name, const json_t *schema, int dynamic,
                                  trm_error *err);
const schema_anchor *trm__schema_anchor_find(const schema_resource *resource, const char *name);
void trm__schema_free(trm__schema *s);

#endif
