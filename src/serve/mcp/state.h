/* What the files of this folder share. */
#ifndef TRM_SERVE_MCP_STATE_H
#define TRM_SERVE_MCP_STATE_H

#include "serve/mcp/mcp.h"

enum { TRM__MCP_SETS = 4 };

struct trm__mcp {
  trm__gateway *gateway;
  const trm__mcp_set *set[TRM__MCP_SETS];
  size_t sets;
  trm__mcp_request *first; /* at work */
  int patient;             /* 1: see trm__mcp_be_patient */
  unsigned char key[32];   /* of what is sealed */
};

/* An object of this server's name and version; NULL without memory. */
json_t *trm__mcp_server_info(void);
/* What an error of a version says: {supported, requested}. */
json_t *trm__mcp_versions(const char *requested);

/* The table of methods (methods.c). */
const trm__mcp_method *trm__mcp_method_find(const char *name);

/* Whether the fields of the head say what the message says (headers.c): TRM_OK, or the request has failed. */
trm_status trm__mcp_headers_check(trm__mcp_request *request, const trm__request *head, const char *version);

/* Checks a value against one of our schemas (schema.c); TRM_E_INPUT with a sentence. What is known of JSON Schema:
 * type, properties, required, additionalProperties, items, enum, const, minimum, maximum, minLength, maxLength,
 * minItems, anyOf, oneOf. */
trm_status trm__mcp_schema_check(const json_t *schema, const json_t *value, trm_error *err);

/* Handlers, each in the file of its subject. */
void trm__mcp_tools_list(trm__mcp_request *request);
void trm__mcp_tools_call(trm__mcp_request *request);
void trm__mcp_resources_list(trm__mcp_request *request);
void trm__mcp_resources_templates(trm__mcp_request *request);
void trm__mcp_resources_read(trm__mcp_request *request);
void trm__mcp_prompts_list(trm__mcp_request *request);
void trm__mcp_prompts_get(trm__mcp_request *request);
void trm__mcp_complete(trm__mcp_request *request);
void trm__mcp_listen(trm__mcp_request *request);

/* An answer of the client to a request of ours (client.c). */
void trm__mcp_take_answer(trm__mcp *mcp, const json_t *message);

/* Ends the request: no such resource. */
void trm__mcp_no_resource(trm__mcp_request *request, const char *uri);

/* 1: there is no engine yet, and the request is handled again when there is. */
int trm__mcp_waits(trm__mcp_request *request);

/* 0: the request asks for a page that there is not, and has failed. */
int trm__mcp_first_page(trm__mcp_request *request);

#endif
