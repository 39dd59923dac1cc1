/* The texts of share/schemas, which the build makes into C. */
#ifndef TRM_AGENT_DEFINE_SCHEMAS_H
#define TRM_AGENT_DEFINE_SCHEMAS_H

typedef struct trm__define_source {
  const char *kind, *text;
} trm__define_source;
extern const trm__define_source trm__define_schemas[]; /* ends with kind NULL */

#endif
