/* What the files options*.c share: what a name means, and single entries of a table. */
#ifndef TRM_BASE_TEXT_OPTIONS_INTERNAL_H
#define TRM_BASE_TEXT_OPTIONS_INTERNAL_H

#include <stdint.h>
#include <trm/options.h>

/* What a name that somebody wrote stands for. */
typedef struct trm__option_name {
  const trm_option *option; /* NULL: no option has this name */
  const char *text;         /* the option's name or synonym in the table; not terminated */
  size_t length;
  int inverse; /* a flag under a synonym of the opposite meaning */
} trm__option_name;

/* length bytes of name; '-' equals '_'. An option's own name goes before a synonym of another. */
trm__option_name trm__option_lookup(const trm_option *table, size_t count, const char *name, size_t length);

/* Synonym number index, from 0, without its '!'; option NULL after the last. */
trm__option_name trm__option_synonym(const trm_option *option, int index);

/* Fails with code, naming the nearest known name. */
trm_status trm__option_unknown(const trm_option *table, size_t count, const char *name, trm_status code,
                               const char *where, trm_error *err);

/* One field; TRM_E_USAGE with the option's name in where. Ints and reals check the range. */
trm_status trm__option_set(const trm_option *option, void *config, const char *text, trm_error *err);
trm_status trm__option_put_int(const trm_option *option, void *config, int64_t value, trm_error *err);
trm_status trm__option_put_real(const trm_option *option, void *config, double value, trm_error *err);
void trm__option_put_flag(const trm_option *option, void *config, int value); /* BOOL and ENUM */
void trm__option_flip(const trm_option *option, void *config);                /* BOOL */

/* Whether length letters are the same; '-' equals '_'. */
int trm__option_same_name(const char *a, const char *b, size_t length);

int trm__option_limited(const trm_option *option);            /* min and max both 0: no limit */
const char *trm__option_unset_word(const trm_option *option); /* what a REAL says for NaN; NULL: it has no such word */
/* Choice number index of "a|b|c", not terminated; NULL after the last. */
const char *trm__option_choice(const trm_option *option, int index, size_t *length);

#endif
