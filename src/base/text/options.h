/* What the library and the program do with declaration tables beside setting single fields (include/trm/options.h):
 * JSON both ways, --help, man page entries and JSON schema. */
#ifndef TRM_BASE_TEXT_OPTIONS_H
#define TRM_BASE_TEXT_OPTIONS_H

#include <jansson.h>
#include <stddef.h>
#include <trm/options.h>

#include "base/mem.h" /* trm__free, for the texts below */
#include "base/text/nearest.h"

/* By name or synonym; '-' equals '_'. NULL: there is none. */
const trm_option *trm__option_find(const trm_option *table, size_t count, const char *name);

/* "--hidden-size" for "hidden_size", of which length bytes count. */
void trm__option_word(const char *name, size_t length, char *word, size_t size);

/* Offers all names and synonyms. */
void trm__option_offer(const trm_option *table, size_t count, trm__nearest *nearest);

/* The struct as a JSON object, keys in table order. NULL without memory. */
json_t *trm__options_to_json(const trm_option *table, size_t count, const void *config);

/* Sets each key that the object has. Unknown keys: TRM_E_INPUT unless ignore_unknown. Two keys for one option:
 * TRM_E_INPUT. Numbers, booleans and strings are accepted where the type allows; where names the file in errors. */
trm_status trm__options_from_json(const trm_option *table, size_t count, void *config, const json_t *object,
                                  int ignore_unknown, const char *where, trm_error *err);

/* Command lines: consumes "--name value", "--name=value", "--flag", "--no-flag" that the table knows, beginning at
 * argv[*index]; leaves *index after it. *option is what was set, NULL (and TRM_OK) when argv[*index] is not an option
 * of the table. */
trm_status trm__options_parse(const trm_option *table, size_t count, void *config, int argc, char **argv, int *index,
                              const trm_option **option, trm_error *err);

/* Text for people, to be freed with trm__options_free; NULL without memory. */
char *trm__options_help(const trm_option *table, size_t count, int columns);
char *trm__options_man(const trm_option *table, size_t count); /* man macros, one .TP an option */
void trm__options_free(char *text);
json_t *trm__options_schema(const trm_option *table, size_t count); /* JSON Schema 2020-12 object */

#endif
