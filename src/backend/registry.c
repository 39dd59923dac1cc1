/* Backends by name. A new one adds its line to the table. */
#include "backend/backend.h"
#include "base/status.h"

#include <string.h>

const char *trm__backend_names(void) {
  return "cpu";
}

trm_status trm__backend_open(trm__backend **out, const char *name, const trm__kernels *kernels, trm__pool *pool,
                             trm_error *err) {
  if (!name || strcmp(name, "cpu") == 0) return trm__backend_cpu(out, kernels, pool, err);
  return trm__fail(err, TRM_E_USAGE, "device", "unknown device '%s'; known are: %s", name, trm__backend_names());
}

void trm__backend_close(trm__backend **be) {
  if (!be || !*be) return;
  (*be)->close(*be);
  *be = NULL;
}
