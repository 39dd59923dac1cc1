/* Regular expressions of schemas: ECMAScript's dialect with the flag u, matched by PCRE2. What only PCRE2 has is
 * refused, above all what can call itself, or look at bytes inside a character. A match has a limit of steps and of
 * memory. */
#ifndef TRM_AGENT_SCHEMA_PATTERN_H
#define TRM_AGENT_SCHEMA_PATTERN_H

#include <stddef.h>
#include <trm/error.h>

typedef struct trm__pattern trm__pattern;

/* length bytes of UTF-8. TRM_E_INPUT with what is wrong, and where. */
trm_status trm__pattern_open(trm__pattern **out, const char *text, size_t length, const char *where, trm_error *err);
void trm__pattern_free(trm__pattern *pattern); /* accepts NULL */

/* Whether it matches anywhere in the text (UTF-8). TRM__PATTERN_LIMIT: it would have taken too long, or too much
 * memory. */
typedef enum trm__pattern_found { TRM__PATTERN_NO, TRM__PATTERN_YES, TRM__PATTERN_LIMIT } trm__pattern_found;
trm__pattern_found trm__pattern_match(const trm__pattern *pattern, const char *text, size_t length);

#endif
