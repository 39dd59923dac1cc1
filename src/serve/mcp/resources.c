/* Resources: what can be read by its address, and templates of addresses. */
#include <string.h>

#include "serve/mcp/state.h"

static int resource_is_template(const trm__mcp_resource *resource) {
  return strchr(resource->uri, '{') != NULL;
}

/* 1: there is such a thing in this server. */
static int resource_is_here(const trm__mcp *mcp, const trm__mcp_resource *resource) {
  return !resource->durable || mcp->gateway->journal;
}

static json_t *resource_json(const trm__mcp_resource *resource, const char *key) {
  return json_pack("{s:s, s:s, s:s, s:s, s:s}", key, resource->uri, "name", resource->name, "title", resource->title,
                   "description", resource->description, "mimeType", resource->type);
}

static void resources_each(trm__mcp_request *r, int templates, json_t *list) {
  const trm__mcp_set *set;
  for (size_t s = 0; (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; i < set->resources; i++) {
      const trm__mcp_resource *resource = &set->resource[i];
      if (!resource_is_here(r->mcp, resource)) continue;
      if (resource_is_template(resource) == templates)
        (void)json_array_append_new(list, resource_json(resource, templates ? "uriTemplate" : "uri"));
      else if (!templates && resource->list) resource->list(r->mcp, list);
    }
}

void trm__mcp_resources_list(trm__mcp_request *r) {
  if (trm__mcp_waits(r)) return; /* for the models */
  json_t *list = json_array();
  if (!trm__mcp_first_page(r)) {
    json_decref(list);
    return;
  }
  if (list) resources_each(r, 0, list);
  trm__mcp_answer(r, json_pack("{s:o}", "resources", list));
}

void trm__mcp_resources_templates(trm__mcp_request *r) {
  json_t *list = json_array();
  if (!trm__mcp_first_page(r)) {
    json_decref(list);
    return;
  }
  if (list) resources_each(r, 1, list);
  trm__mcp_answer(r, json_pack("{s:o}", "resourceTemplates", list));
}

void trm__mcp_no_resource(trm__mcp_request *r, const char *uri) {
  trm__mcp_fail(r, TRM__MCP_PARAMS, json_pack("{s:s}", "uri", uri), "Resource not found: %.300s", uri);
}

/* 1: the address is of this resource; variable: what its name stands for, "" without one. */
static int resource_fits(const trm__mcp_resource *resource, const char *uri, char variable[256]) {
  const char *open = strchr(resource->uri, '{'), *close = strchr(resource->uri, '}');
  size_t head = open ? (size_t)(open - resource->uri) : 0, length = strlen(uri);
  *variable = 0;
  if (!open || !close) return strcmp(resource->uri, uri) == 0;
  size_t tail = strlen(close + 1);
  if (length <= head + tail || strncmp(uri, resource->uri, head) != 0 || strcmp(uri + length - tail, close + 1) != 0)
    return 0;
  size_t middle = length - head - tail;
  if (middle >= 256 || memchr(uri + head, '/', middle)) return 0;
  memcpy(variable, uri + head, middle);
  variable[middle] = 0;
  return 1;
}

void trm__mcp_resources_read(trm__mcp_request *r) {
  char variable[256];
  if (trm__mcp_waits(r)) return;
  const trm__mcp_set *set;
  const char *uri = json_string_value(json_object_get(r->params, "uri"));
  if (!uri) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.uri is missing: the address of a resource");
    return;
  }
  for (size_t s = 0; (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; i < set->resources; i++)
      if (resource_is_here(r->mcp, &set->resource[i]) && resource_fits(&set->resource[i], uri, variable)) {
        set->resource[i].read(r, uri, variable);
        return;
      }
  trm__mcp_no_resource(r, uri);
}
