/* What the files options*.c share: single entries of a table. */
#ifndef TRM_BASE_TEXT_OPTIONS_INTERNAL_H
#define TRM_BASE_TEXT_OPTIONS_INTERNAL_H

#include <stdint.h>
#include <trm/options.h>

const trm_option *trm__option_find_n(const trm_option *table, size_t count, const char *name, size_t length);

/* Fails with code, naming the nearest known name. */
trm_status trm__option_unknown(const trm_option *table, size_t count, const char *name, trm_status code,
                               const char *where, trm_error *err);

/* One field; TRM_E_USAGE with the option's name in where. Ints and reals check the range. */
trm_status trm__option_set(const trm_option *option, void *config, const char *text, trm_error *err);
trm_status trm__option_put_int(const trm_option *option, void *config, int64_t value, trm_error *err);
trm_status trm__option_put_real(const trm_option *option, void *config, double value, trm_error *err);
void trm__option_put_flag(const trm_option *option, void *config, int value); /* BOOL and ENUM */

int trm__option_limited(const trm_option *option); /* min and max both 0: no limit */
const char *trm__option_choice(const trm_option *option, int index, size_t *length);

/* The shortest decimal text that reads back to the same bits; as snprintf. */
int trm__real_text(double value, char *text, size_t size);

#endif
