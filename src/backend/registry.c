/* Backends by name. A new one adds its line to the table. */
#include "backend/backend.h"
#include "base/status.h"

#include <string.h>

#ifndef TRM_CUDA_ENABLED
trm_status trm__backend_cuda(trm__backend **out, const char *name, trm_error *err) {
  (void)out;
  return trm__fail(
      err, TRM_E_UNSUPPORTED, "device",
      "'%s' needs a build with CUDA and this one has none; install the CUDA toolkit (nvcc 12 or newer) and build "
      "with 'make CUDA=1', or use --device cpu",
      name);
}

int trm__cuda_devices(struct trm_device_info *list, int most, trm_error *why) {
  (void)list, (void)most;
  trm__fail(why, TRM_E_UNSUPPORTED, "device",
            "this build has no CUDA; install the CUDA toolkit (nvcc 12 or newer) and build with 'make CUDA=1'");
  return 0;
}
#endif

trm_status trm__backend_open(trm__backend **out, const char *name, const trm__isa_choice *choice, trm__pool *pool,
                             trm_error *err) {
  if (!name || strcmp(name, "cpu") == 0) return trm__backend_cpu(out, choice, pool, err);
  if (strncmp(name, "cuda", 4) == 0 && (!name[4] || strchr(":,", name[4]))) return trm__backend_cuda(out, name, err);
  return trm__fail(err, TRM_E_USAGE, "device", "unknown device '%s'; known are: cpu cuda cuda:N", name);
}

void trm__backend_close(trm__backend **be) {
  if (!be || !*be) return;
  (*be)->close(*be);
  *be = NULL;
}

trm_status trm__backend_no_memory(trm__backend *be, trm_error *err, const char *what, size_t bytes) {
  return be->no_memory ? be->no_memory(be, err, what, bytes) : trm__fail_memory(err, what, bytes);
}
