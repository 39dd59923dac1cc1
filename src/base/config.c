/* The size at the beginning of configurations: see config.h. */
#include "base/config.h"

#include <string.h>
#include <trm/trm.h>

#include "base/status.h"

trm_status trm__config_read(void *whole, const void *config, const trm__config_form *form, trm_error *err) {
  uint32_t size, today = (uint32_t)form->size;
  if (!config) return trm__fail(err, TRM_E_USAGE, form->name, "is NULL; fill one with %s_default()", form->name);
  memcpy(&size, config, sizeof size);
  if (size < form->first)
    return trm__fail(err, TRM_E_USAGE, form->name, "its size is %u, expected %u: fill it with %s_default()",
                     (unsigned)size, (unsigned)today, form->name);
  if (size > form->size)
    return trm__fail(
        err, TRM_E_USAGE, form->name,
        "its size is %u, but libtrm %s knows %u bytes of it: fill it with %s_default(), and build with the "
        "headers of the library that is used",
        (unsigned)size, trm_version(), (unsigned)today, form->name);
  memcpy(whole, config, size);
  memcpy(whole, &today, sizeof today);
  return TRM_OK;
}
