/* Opening a schema: every document is walked once, subschema by subschema, and then every reference is resolved, which
 * may bring in another document, until none is open. */
#include <string.h>

#include "agent/schema/keywords.h"
#include "agent/schema/state.h"
#include "agent/schema/uri.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

#define MAX_NESTED 128 /* subschemas inside one another, in the text */
#define MAX_DOCUMENTS 64

typedef struct load {
  trm__schema *schema;
  const char *where;
  trm_error *err;
  const char *document; /* URI, for messages */
  size_t resolved;      /* nodes whose references are resolved */
} load;

trm__schema_config trm__schema_config_default(void) {
  return (trm__schema_config){.uri = "", .max_steps = 2000000, .max_depth = 400, .max_s = 1, .max_schemas = 20000};
}

static trm_status load_memory(const load *l) {
  return trm__fail_memory(l->err, l->where, 0);
}

static trm_status load_walk(load *l, const json_t *schema, schema_resource *resource, int depth);

static json_t *load_iterable(const json_t *value) { /* jansson's iterators are not const; nothing is changed */
  return (json_t *)(uintptr_t)value;
}

/* -- documents and resources --------------------------------------------------------------------------------------- */

/* A document that is known neither as one nor as a part of one; NULL in *out: nobody has it. */
static trm_status load_fetch(load *l, const char *uri, json_t **out) {
  const trm__schema_config *config = &l->schema->config;
  *out = NULL;
  if (!strcmp(uri, TRM__SCHEMA_DRAFT)) {
    *out = trm__schema_meta();
    return *out ? TRM_OK : load_memory(l);
  }
  if (json_array_size(l->schema->documents) >= MAX_DOCUMENTS)
    return trm__fail(l->err, TRM_E_INPUT, l->where, "refers to more than %d other documents", MAX_DOCUMENTS);
  return config->fetch ? config->fetch(config->context, uri, out, l->err) : TRM_OK;
}

/* The document is owned by the schema from here on; it is walked as the resource of that URI. */
static trm_status load_document(load *l, json_t *document, const char *uri, schema_resource **out) {
  schema_resource *resource;
  if (json_array_append_new(l->schema->documents, document)) return load_memory(l);
  const json_t *id = json_object_get(document, "$id");
  const char *own = json_is_string(id) ? json_string_value(id) : NULL;
  char *absolute = own ? trm__schema_uri(uri, own) : trm__strdup(uri);
  if (!absolute) return load_memory(l);
  const char *before = l->document;
  l->document = uri;
  trm_status status = trm__schema_resource_add(l->schema, absolute, document, &resource, l->err);
  if (!status) resource->vocabularies = SCHEMA_ALL;
  if (!status && strcmp(resource->uri, uri)) status = trm__schema_name_add(l->schema, uri, resource, l->err);
  if (!status) status = load_walk(l, document, resource, 0);
  l->document = before;
  if (!status) *out = resource;
  return status;
}

/* Which vocabularies the meta-schema of that URI puts into force. */
static trm_status load_vocabularies(load *l, const char *uri, unsigned *vocabularies) {
  json_t *meta = NULL;
  size_t length = strcspn(uri, "#");
  if (length == strlen(TRM__SCHEMA_DRAFT) && !strncmp(uri, TRM__SCHEMA_DRAFT, length)) return TRM_OK;
  trm_status status = load_fetch(l, uri, &meta);
  if (status) return status;
  if (!meta)
    return trm__fail(l->err, TRM_E_INPUT, l->where, "\"$schema\": found \"%.200s\", expected \"%s\", or none", uri,
                     TRM__SCHEMA_DRAFT);
  json_t *flags = json_object_get(meta, "$vocabulary");
  if (json_is_object(flags)) *vocabularies = SCHEMA_CORE;
  for (void *at = json_object_iter(flags); at && !status; at = json_object_iter_next(flags, at)) {
    unsigned bit = trm__schema_vocabulary(json_object_iter_key(at));
    *vocabularies |= bit;
    if (!bit && json_is_true(json_object_iter_value(at)))
      status = trm__fail(l->err, TRM_E_INPUT, l->where,
                         "\"$schema\": %.100s needs the vocabulary %.200s, which is not known", uri,
                         json_object_iter_key(at));
  }
  json_decref(meta);
  return status;
}

/* What $id, $schema and the anchors of a subschema say. *resource: the one that it is in, from here on. */
static trm_status load_identity(load *l, const json_t *schema, schema_resource **resource) {
  const json_t *id = json_object_get(schema, "$id"), *dialect = json_object_get(schema, "$schema");
  trm_status status = TRM_OK;
  if (json_is_string(id) && *trm__schema_fragment(json_string_value(id)))
    return trm__fail(l->err, TRM_E_INPUT, l->where, "\"$id\": found \"%.200s\", expected a URI without a fragment",
                     json_string_value(id));
  if (json_is_string(id) && (*resource)->root != schema) {
    unsigned vocabularies = (*resource)->vocabularies;
    char *uri = trm__schema_uri((*resource)->uri, json_string_value(id));
    if (!uri) return load_memory(l);
    status = trm__schema_resource_add(l->schema, uri, schema, resource, l->err);
    if (!status) (*resource)->vocabularies = vocabularies;
  }
  if (!status && json_is_string(dialect) && (*resource)->root == schema)
    status = load_vocabularies(l, json_string_value(dialect), &(*resource)->vocabularies);
  for (int dynamic = 0; dynamic < 2 && !status; dynamic++) {
    const json_t *anchor = json_object_get(schema, dynamic ? "$dynamicAnchor" : "$anchor");
    if (json_is_string(anchor))
      status = trm__schema_anchor_add(*resource, json_string_value(anchor), schema, dynamic, l->err);
  }
  return status;
}

/* -- walking ------------------------------------------------------------------------------------------------------- */

static trm_status load_patterns(load *l, schema_node *node, const json_t *keyword) {
  size_t count = json_object_size(keyword);
  node->patterns = trm__calloc(count, sizeof(trm__pattern *));
  if (!node->patterns) return load_memory(l);
  for (void *at = json_object_iter(load_iterable(keyword)); at;
       at = json_object_iter_next(load_iterable(keyword), at)) {
    trm_status status = trm__pattern_open(&node->patterns[node->pattern_count], json_object_iter_key(at),
                                          json_object_iter_key_len(at), l->where, l->err);
    if (status) return status;
    node->pattern_count++;
  }
  return TRM_OK;
}

/* Adds the keyword's function to the node's steps unless it is there, in front of those that come last. */
static void load_step(trm__schema *s, schema_node *node, const schema_keyword *keyword, const json_t *value) {
  size_t at = node->step_count;
  if (!keyword->check || !(node->resource->vocabularies & keyword->vocabulary)) return;
  for (size_t i = 0; i < node->step_count; i++)
    if (node->steps[i].keyword->check == keyword->check) return;
  while (at && node->steps[at - 1].keyword->last && !keyword->last) {
    node->steps[at] = node->steps[at - 1];
    at--;
  }
  node->steps[at] = (schema_step){keyword, value};
  node->step_count++;
  s->tracks |= keyword->last;
}

/* The schemas in a keyword's value. */
static trm_status load_inside(load *l, const schema_node *node, schema_shape shape, const json_t *value, int depth) {
  trm_status status = TRM_OK;
  if (shape == SHAPE_SCHEMA) return load_walk(l, value, node->resource, depth + 1);
  for (size_t i = 0; shape == SHAPE_SCHEMAS && i < json_array_size(value) && !status; i++)
    status = load_walk(l, json_array_get(value, i), node->resource, depth + 1);
  if (shape != SHAPE_SCHEMA_MAP && shape != SHAPE_PATTERN_MAP) return status;
  for (void *at = json_object_iter(load_iterable(value)); at && !status;
       at = json_object_iter_next(load_iterable(value), at))
    status = load_walk(l, json_object_iter_value(at), node->resource, depth + 1);
  return status;
}

static trm_status load_keyword(load *l, schema_node *node, const char *name, const json_t *value, int depth) {
  const char *nearest = "", *wrong;
  const schema_keyword *keyword = trm__schema_keyword(name, &nearest);
  if (!keyword && l->schema->config.strict)
    return trm__fail(l->err, TRM_E_INPUT, l->where, "\"%.100s\" is no keyword of JSON Schema%s%s%s", name,
                     *nearest ? "; did you mean \"" : "", nearest, *nearest ? "\"?" : "");
  if (!keyword) return TRM_OK;
  wrong = trm__schema_shape_wrong(keyword->shape, value);
  if (wrong)
    return trm__fail(l->err, TRM_E_INPUT, l->where, "%s%s\"%s\": found %s, expected %s", l->document,
                     *l->document ? ": " : "", name, trm__json_type_name(value), wrong);
  trm_status status = TRM_OK;
  if (keyword->shape == SHAPE_PATTERN)
    status = trm__pattern_open(&node->pattern, json_string_value(value), json_string_length(value), l->where, l->err);
  if (keyword->shape == SHAPE_PATTERN_MAP) status = load_patterns(l, node, value);
  if (status) return status;
  load_step(l->schema, node, keyword, value);
  return load_inside(l, node, keyword->shape, value, depth);
}

static trm_status load_walk(load *l, const json_t *schema, schema_resource *resource, int depth) {
  schema_node *node;
  if (json_is_boolean(schema) || trm__schema_node(l->schema, schema)) return TRM_OK;
  if (!json_is_object(schema))
    return trm__fail(l->err, TRM_E_INPUT, l->where, "found %s, expected a schema: an object, true or false",
                     trm__json_type_name(schema));
  if (depth > MAX_NESTED)
    return trm__fail(l->err, TRM_E_INPUT, l->where, "schemas nested deeper than %d levels", MAX_NESTED);
  trm_status status = load_identity(l, schema, &resource);
  if (!status) status = trm__schema_node_add(l->schema, schema, resource, &node, l->err);
  if (status) return status;
  node->steps = trm__calloc(json_object_size(schema), sizeof *node->steps);
  if (!node->steps) return load_memory(l);
  for (void *at = json_object_iter(load_iterable(schema)); at && !status;
       at = json_object_iter_next(load_iterable(schema), at))
    status = load_keyword(l, node, json_object_iter_key(at), json_object_iter_value(at), depth);
  return status;
}

/* -- references ---------------------------------------------------------------------------------------------------- */

/* Decodes %XX of a fragment into a new text, trm__free; NULL without memory. A malformed escape stays as it is. */
static char *fragment_decode(const char *fragment) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  char *text = trm__strdup(fragment), *out = text;
  for (const char *in = text; text && *in; in++) {
    const char *high = in[0] == '%' && in[1] ? strchr(digits, in[1]) : NULL;
    const char *low = high && in[2] ? strchr(digits, in[2]) : NULL;
    if (low && ((high - digits) % 16 || (low - digits) % 16)) {
      *out++ = (char)((high - digits) % 16 * 16 + (low - digits) % 16);
      in += 2;
    } else {
      *out++ = *in;
    }
  }
  if (text) *out = 0;
  return text;
}

/* One step of a JSON pointer: from *at, over the key that begins at pointer. Returns what follows; *at NULL: nothing is
 * there. */
static char *pointer_step(char *pointer, const json_t **at) {
  char *end = strchr(pointer, '/'), *out = pointer;
  size_t index = 0;
  if (!end) end = pointer + strlen(pointer);
  char *next = *end ? end + 1 : NULL;
  for (char *in = pointer; in < end; in++) {
    if (*in == '~' && in + 1 < end && (in[1] == '0' || in[1] == '1')) *out++ = *++in == '0' ? '~' : '/';
    else *out++ = *in;
  }
  size_t length = (size_t)(out - pointer);
  int number = length > 0 && length < 10 && (length == 1 || pointer[0] != '0');
  for (size_t i = 0; i < length && number; i++) {
    number = pointer[i] >= '0' && pointer[i] <= '9';
    index = index * 10 + (size_t)(pointer[i] - '0');
  }
  *at = json_is_object(*at) ? json_object_getn(*at, pointer, length) : number ? json_array_get(*at, index) : NULL;
  return next;
}

/* The schema that a fragment names in a resource; NULL: there is none. */
static trm_status load_fragment(load *l, schema_resource *resource, const char *fragment, const json_t **out) {
  *out = resource->root;
  if (!*fragment) return TRM_OK;
  char *text = fragment_decode(fragment);
  if (!text) return load_memory(l);
  trm_status status = TRM_OK;
  if (*text == '/') {
    for (char *at = text + 1; at && *out;) {
      at = pointer_step(at, out);
      const schema_node *node = trm__schema_node(l->schema, *out);
      if (node) resource = node->resource;
    }
    if (*out) status = load_walk(l, *out, resource, 0); /* it may stand where no keyword has schemas */
  } else {
    const schema_anchor *anchor = trm__schema_anchor_find(resource, text);
    *out = anchor ? anchor->schema : NULL;
  }
  trm__free(text);
  return status;
}

static trm_status load_reference(load *l, const schema_node *node, const char *keyword, const json_t **out) {
  const char *reference = json_string_value(json_object_get(node->schema, keyword));
  char *uri = trm__schema_uri(node->resource->uri, reference);
  if (!uri) return load_memory(l);
  json_t *document = NULL;
  trm_status status = TRM_OK;
  schema_resource *resource = *uri || *node->resource->uri ? trm__schema_resource_find(l->schema, uri) : node->resource;
  if (!resource) status = load_fetch(l, uri, &document);
  if (document) status = load_document(l, document, uri, &resource);
  *out = NULL;
  if (!status && resource) status = load_fragment(l, resource, trm__schema_fragment(reference), out);
  if (!status && !*out)
    status = trm__fail(l->err, TRM_E_INPUT, l->where, "\"%s\": found \"%.200s\", %s", keyword, reference,
                       resource ? "which names nothing in that schema" : "a schema that is not there");
  trm__free(uri);
  return status;
}

static trm_status load_resolve(load *l) {
  trm_status status = TRM_OK;
  for (; l->resolved < l->schema->node_count && !status; l->resolved++) {
    schema_node *node = l->schema->nodes[l->resolved];
    if (json_object_get(node->schema, "$ref")) status = load_reference(l, node, "$ref", &node->reference);
    const char *dynamic = json_string_value(json_object_get(node->schema, "$dynamicRef"));
    if (status || !dynamic) continue;
    status = load_reference(l, node, "$dynamicRef", &node->dynamic);
    const json_t *name = status ? NULL : json_object_get(node->dynamic, "$dynamicAnchor");
    if (name && !strcmp(json_string_value(name), trm__schema_fragment(dynamic)))
      node->dynamic_name = json_string_value(name);
  }
  return status;
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

/* Values that were not parsed may be nested deeper than anything can copy. */
static int load_too_deep(const json_t *value, int depth) {
  if (depth > MAX_NESTED) return 1;
  for (size_t i = 0; i < json_array_size(value); i++)
    if (load_too_deep(json_array_get(value, i), depth + 1)) return 1;
  for (void *at = json_object_iter(load_iterable(value)); at; at = json_object_iter_next(load_iterable(value), at))
    if (load_too_deep(json_object_iter_value(at), depth + 1)) return 1;
  return 0;
}

trm_status trm__schema_open(trm__schema **out, const json_t *schema, const trm__schema_config *config,
                            const char *where, trm_error *err) {
  schema_resource *resource;
  if (load_too_deep(schema, 0))
    return trm__fail(err, TRM_E_INPUT, where, "schemas nested deeper than %d levels", MAX_NESTED);
  trm__schema *s = trm__calloc(1, sizeof *s);
  if (!s) return trm__fail_memory(err, where, sizeof *s);
  s->config = config ? *config : trm__schema_config_default();
  s->documents = json_array();
  json_t *copy = json_deep_copy(schema);
  load l = {.schema = s, .where = where, .err = err, .document = ""};
  trm_status status = s->documents && copy ? TRM_OK : load_memory(&l);
  s->root = copy;
  if (status) json_decref(copy);
  else status = load_document(&l, copy, s->config.uri, &resource);
  if (!status) status = load_resolve(&l);
  s->config.uri = ""; /* the caller's */
  if (status) trm__schema_free(s);
  else *out = s;
  return status;
}

void trm__schema_close(trm__schema **schema) {
  if (*schema) trm__schema_free(*schema);
  *schema = NULL;
}
