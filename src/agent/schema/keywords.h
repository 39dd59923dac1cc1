/* All keywords of the draft, in one table: what their values must look like, which vocabulary they are of, what they
 * check. Reading a schema, finding the schemas inside it and the meta-schema itself come from it. */
#ifndef TRM_AGENT_SCHEMA_KEYWORDS_H
#define TRM_AGENT_SCHEMA_KEYWORDS_H

#include "agent/schema/run.h"

enum { /* bits; a schema's meta-schema says which are in force */
       SCHEMA_CORE = 1,
       SCHEMA_APPLICATOR = 2,
       SCHEMA_UNEVALUATED = 4,
       SCHEMA_VALIDATION = 8,
       SCHEMA_META = 16,
       SCHEMA_FORMAT = 32,
       SCHEMA_CONTENT = 64,
       SCHEMA_ALL = 127
};

typedef enum schema_shape { /* of a keyword's value */
                            SHAPE_ANY,
                            SHAPE_SCHEMA,
                            SHAPE_SCHEMAS,    /* an array of at least one */
                            SHAPE_SCHEMA_MAP, /* an object of them */
                            SHAPE_TEXT,
                            SHAPE_ANCHOR,
                            SHAPE_PATTERN,
                            SHAPE_PATTERN_MAP, /* patterns as keys, schemas as values */
                            SHAPE_BOOLEAN,
                            SHAPE_COUNT, /* a whole number from 0 on */
                            SHAPE_NUMBER,
                            SHAPE_POSITIVE,
                            SHAPE_NAMES,     /* an array of texts */
                            SHAPE_NAMES_MAP, /* an object of them */
                            SHAPE_TYPE,
                            SHAPE_ARRAY,
                            SHAPE_FLAGS, /* an object of true and false */
                            SHAPES
} schema_shape;

typedef struct schema_keyword {
  const char *name;
  unsigned vocabulary;
  schema_shape shape;
  schema_check_fn check; /* NULL: it only annotates, or another keyword's function looks at it */
  int last;              /* checked when all others of the schema were */
} schema_keyword;

/* NULL when there is none; nearest (NULL: not wanted) gets the name that may be meant, or "". */
const schema_keyword *trm__schema_keyword(const char *name, const char **nearest);

/* What is wrong with a keyword's value ("expected an array of texts"), which is not looked into for schemas inside it;
 * NULL when nothing is. */
const char *trm__schema_shape_wrong(schema_shape shape, const json_t *value);

/* The bit of a vocabulary by its URI; 0 when there is none. */
unsigned trm__schema_vocabulary(const char *uri);

#define TRM__SCHEMA_DRAFT "https://json-schema.org/draft/2020-12/schema"
json_t *trm__schema_meta(void); /* the document of that URI; NULL without memory */

#endif
