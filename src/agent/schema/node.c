/* The tables of an open schema: nodes by address, resources by URI, anchors by name. They only grow, and are freed
 * together. */
#include <string.h>

#include "agent/schema/state.h"
#include "base/mem.h"
#include "base/status.h"

#define MAX_RESOURCES 1000

static size_t node_place(const trm__schema *s, const json_t *schema) {
  size_t at = (size_t)(((uintptr_t)schema >> 4) * (uintptr_t)0x9e3779b97f4a7c15u) & (s->index_size - 1);
  while (s->index[at] && s->nodes[s->index[at] - 1]->schema != schema) at = (at + 1) & (s->index_size - 1);
  return at;
}

schema_node *trm__schema_node(const trm__schema *s, const json_t *schema) {
  if (!s->index_size || !json_is_object(schema)) return NULL;
  size_t found = s->index[node_place(s, schema)];
  return found ? s->nodes[found - 1] : NULL;
}

/* Twice the room, for nodes and for their index, which is at most half full. */
static trm_status node_grow(trm__schema *s, trm_error *err) {
  size_t room = s->index_size ? s->index_size : 32;
  schema_node **nodes = trm__realloc(s->nodes, room, sizeof(schema_node *));
  if (nodes) s->nodes = nodes;
  size_t *index = nodes ? trm__calloc(2 * room, sizeof *index) : NULL;
  if (!index) return trm__fail_memory(err, "schema", room * sizeof *nodes);
  trm__free(s->index);
  s->index = index;
  s->index_size = 2 * room;
  for (size_t i = 0; i < s->node_count; i++) s->index[node_place(s, s->nodes[i]->schema)] = i + 1;
  return TRM_OK;
}

trm_status trm__schema_node_add(trm__schema *s, const json_t *schema, schema_resource *resource, schema_node **out,
                                trm_error *err) {
  if (s->node_count >= s->config.max_schemas)
    return trm__fail(err, TRM_E_INPUT, "schema", "more than %zu subschemas", s->config.max_schemas);
  if (s->node_count + 1 > s->index_size / 2) {
    trm_status status = node_grow(s, err);
    if (status) return status;
  }
  schema_node *node = trm__calloc(1, sizeof *node);
  if (!node) return trm__fail_memory(err, "schema", sizeof *node);
  node->schema = schema;
  node->resource = resource;
  s->nodes[s->node_count++] = node;
  s->index[node_place(s, schema)] = s->node_count;
  *out = node;
  return TRM_OK;
}

schema_resource *trm__schema_resource_find(const trm__schema *s, const char *uri) {
  for (size_t i = 0; i < s->name_count; i++)
    if (!strcmp(s->names[i].uri, uri)) return s->names[i].resource;
  return NULL;
}

trm_status trm__schema_name_add(trm__schema *s, const char *uri, schema_resource *resource, trm_error *err) {
  if (s->name_count >= 2 * MAX_RESOURCES)
    return trm__fail(err, TRM_E_INPUT, uri, "more than %d schemas with a URI of their own", MAX_RESOURCES);
  schema_name *names = trm__realloc(s->names, s->name_count + 1, sizeof *names);
  if (names) s->names = names;
  char *copy = names ? trm__strdup(uri) : NULL;
  if (!copy) return trm__fail_memory(err, "schema", sizeof *names);
  s->names[s->name_count++] = (schema_name){copy, resource};
  return TRM_OK;
}

trm_status trm__schema_resource_add(trm__schema *s, char *uri, const json_t *root, schema_resource **out,
                                    trm_error *err) {
  schema_resource *resource = NULL, **all = NULL;
  trm_status status = TRM_OK;
  if (trm__schema_resource_find(s, uri))
    status = trm__fail(err, TRM_E_INPUT, uri, "is the $id of two schemas, expected each once");
  else if (!(all = trm__realloc(s->resources, s->resource_count + 1, sizeof(schema_resource *))) ||
           !(resource = trm__calloc(1, sizeof *resource)))
    status = trm__fail_memory(err, "schema", sizeof *resource);
  if (all) s->resources = all;
  if (status) {
    trm__free(uri);
    return status;
  }
  resource->uri = uri;
  resource->root = root;
  s->resources[s->resource_count++] = resource;
  status = trm__schema_name_add(s, uri, resource, err);
  if (!status) *out = resource;
  return status;
}

trm_status trm__schema_anchor_add(schema_resource *resource, const char *name, const json_t *schema, int dynamic,
                                  trm_error *err) {
  const schema_anchor *same = trm__schema_anchor_find(resource, name);
  if (same && same->schema != schema)
    return trm__fail(err, TRM_E_INPUT, name, "is the anchor of two schemas of \"%s\", expected each once",
                     resource->uri);
  schema_anchor *anchor = trm__calloc(1, sizeof *anchor);
  if (!anchor) return trm__fail_memory(err, "schema", sizeof *anchor);
  *anchor = (schema_anchor){name, schema, dynamic || (same && same->dynamic), resource->anchors};
  resource->anchors = anchor;
  return TRM_OK;
}

const schema_anchor *trm__schema_anchor_find(const schema_resource *resource, const char *name) {
  const schema_anchor *anchor = resource->anchors;
  while (anchor && strcmp(anchor->name, name)) anchor = anchor->next;
  return anchor;
}

static void node_free(schema_node *node) {
  trm__pattern_free(node->pattern);
  for (size_t i = 0; i < node->pattern_count; i++) trm__pattern_free(node->patterns[i]);
  trm__free(node->patterns);
  trm__free(node->steps);
  trm__free(node);
}

void trm__schema_free(trm__schema *s) {
  for (size_t i = 0; i < s->node_count; i++) node_free(s->nodes[i]);
  for (size_t i = 0; i < s->name_count; i++) trm__free(s->names[i].uri);
  for (size_t i = 0; i < s->resource_count; i++) {
    for (schema_anchor *a = s->resources[i]->anchors, *next; a; a = next) {
      next = a->next;
      trm__free(a);
    }
    trm__free(s->resources[i]->uri);
    trm__free(s->resources[i]);
  }
  trm__free(s->nodes);
  trm__free(s->names);
  trm__free(s->resources);
  trm__free(s->index);
  json_decref(s->documents);
  trm__free(s);
}
