/* Configurations of the public headers begin with uint32_t size, the bytes that the caller's header knows of, set by
 * the struct's _default(). A function that takes one reads it through here, so that
 *  - one that was not filled by _default() is refused instead of read as zeros;
 *  - one of an earlier version, which ends sooner, gets the defaults in the fields that it lacks;
 *  - one of a later version is refused, because what it asks for would be left out silently.
 * New fields are appended, and never into the padding at a struct's end, which earlier versions count as theirs. */
#ifndef TRM_BASE_CONFIG_H
#define TRM_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

typedef struct trm__config_form {
  const char *name; /* "trm_solver_config" */
  size_t first;     /* bytes of the first version that had a size: TRM__CONFIG_END of its last field */
  size_t size;      /* bytes of this one */
} trm__config_form;

#define TRM__CONFIG_END(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
#define TRM__CONFIG_FORM(type, last_of_first)                                                                          \
  { #type, TRM__CONFIG_END(type, last_of_first), sizeof(type) }

/* whole holds the defaults and gets the caller's fields; it is changed on success only. TRM_E_USAGE names the function
 * to call. */
trm_status trm__config_read(void *whole, const void *config, const trm__config_form *form, trm_error *err);

#endif
