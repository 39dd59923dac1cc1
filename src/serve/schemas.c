#include "serve/schemas.h"

#include "base/text/options.h"
#include "serve/ask.h"
#include "serve/routes.h"

json_t *trm__schema_puzzle(void) {
  return json_pack("{s:s, s:[{s:s}, {s:s}, {s:s, s:[s], s:{s:{s:s, s:{s:s}}}}]}", "description",
                   "text in any usual notation, rows, or tokens", "oneOf", "type", "string", "type", "array", "type",
                   "object", "required", "tokens", "properties", "tokens", "type", "array", "items", "type", "integer");
}

/* Adds the options of a table to an object's schema. */
void trm__schema_add(json_t *schema, const trm_option *table, size_t count) {
  json_t *options = trm__options_schema(table, count);
  (void)json_object_update(json_object_get(schema, "properties"), json_object_get(options, "properties"));
  json_decref(options);
}

json_t *trm__schema_object(void) {
  return json_pack("{s:s, s:b, s:{}}", "type", "object", "additionalProperties", 0, "properties");
}

void trm__schema_property(json_t *schema, const char *name, json_t *property) {
  (void)json_object_set_new(json_object_get(schema, "properties"), name, property);
}

static json_t *schema_one(void) {
  size_t count;
  json_t *schema = trm__schema_object();
  const trm_option *table = trm__ask_item_options(&count);
  trm__schema_property(schema, "puzzle", trm__schema_puzzle());
  trm__schema_add(schema, table, count);
  table = trm__work_options(&count);
  trm__schema_add(schema, table, count);
  return schema;
}

json_t *trm__schema_solve(void) {
  size_t count;
  json_t *schema = schema_one(), *item = schema_one();
  const trm_option *table = trm__ask_request_options(&count);
  trm__schema_add(schema, table, count);
  trm__schema_property(item, "id", json_pack("{s:s}", "type", "string"));
  (void)json_object_set_new(item, "required", json_pack("[s]", "puzzle"));
  trm__schema_property(schema, "puzzles",
                       json_pack("{s:s, s:i, s:{s:[{s:s}, {s:s}, o]}}", "type", "array", "minItems", 1, "items",
                                 "anyOf", "type", "string", "type", "array", item));
  (void)json_object_set_new(schema, "oneOf",
                            json_pack("[{s:[s]}, {s:[s]}]", "required", "puzzle", "required", "puzzles"));
  return schema;
}

json_t *trm__schema_check(void) {
  json_t *schema = schema_one();
  trm__schema_property(schema, "answer", trm__schema_puzzle());
  (void)json_object_set_new(schema, "required", json_pack("[s]", "puzzle"));
  return schema;
}

json_t *trm__schema_needs_puzzle(void) {
  json_t *schema = schema_one();
  (void)json_object_set_new(schema, "required", json_pack("[s]", "puzzle"));
  return schema;
}

json_t *trm__schema_generate(void) {
  size_t count;
  json_t *schema = trm__schema_object();
  const trm_option *table = trm__generate_options(&count);
  trm__schema_add(schema, table, count);
  return schema;
}

json_t *trm__schema_number(int most) {
  return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0, "maximum", most);
}

json_t *trm__schema_steps(void) {
  json_t *schema = trm__schema_object();
  trm__schema_property(schema, "steps", trm__schema_number(64));
  return schema;
}

json_t *trm__schema_cell(void) {
  json_t *schema = trm__schema_object();
  trm__schema_property(schema, "cell", trm__schema_number(65535));
  (void)json_object_set_new(schema, "required", json_pack("[s]", "cell"));
  return schema;
}

json_t *trm__schema_pin(void) {
  json_t *schema = trm__schema_cell();
  trm__schema_property(schema, "value", json_pack("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 1));
  trm__schema_property(schema, "token", trm__schema_number(65535));
  return schema;
}
