/* trm_runtime: opens the pool, the kernels and the backend once, for all models, trainers and solvers that share it. */
#include "backend/runtime.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/os/machine.h"
#include "base/status.h"

trm_runtime_config trm_runtime_config_default(void) {
  return (trm_runtime_config){.size = sizeof(trm_runtime_config), .isa = "auto", .device = "cpu"};
}

/* One of the names of kernels, whether or not this machine can run them. */
static int runtime_knows_isa(const char *name) {
  size_t length = strlen(name);
  for (const char *known = trm__kernels_names(); *known && length > 0;) {
    size_t word = strcspn(known, " ");
    if (word == length && strncmp(known, name, length) == 0) return 1;
    known += word + strspn(known + word, " ");
  }
  return 0;
}

static trm_status runtime_choose_kernels(trm_runtime *runtime, const char *isa, trm_error *err) {
  runtime->kernels = trm__kernels_get(isa);
  if (runtime->kernels) return TRM_OK;
  if (runtime_knows_isa(isa))
    return trm__fail(err, TRM_E_UNSUPPORTED, "isa", "this machine cannot run '%s' kernels; it runs: %s", isa,
                     trm__kernels_available());
  return trm__fail(err, TRM_E_USAGE, "isa", "unknown instruction set '%s'; this machine runs: auto %s", isa,
                   trm__kernels_available());
}

trm_status trm_runtime_open(trm_runtime **out, const trm_runtime_config *config, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_runtime_config, log_context);
  trm_runtime_config whole = trm_runtime_config_default();
  trm_status status = config ? trm__config_read(&whole, config, &form, err) : TRM_OK;
  if (status) return status;
  config = &whole;
  if (config->threads < 0)
    return trm__fail(err, TRM_E_USAGE, "threads", "%d threads asked for; give 0 (all cores) or more", config->threads);
  trm_runtime *runtime = trm__calloc(1, sizeof *runtime);
  if (!runtime) return trm__fail_memory(err, "runtime", sizeof *runtime);
  runtime->log = (trm__log){config->log, config->log_context};
  status = runtime_choose_kernels(runtime, config->isa, err);
  if (!status) status = trm__pool_open(&runtime->pool, config->threads, err);
  if (!status) status = trm__backend_open(&runtime->backend, config->device, runtime->kernels, runtime->pool, err);
  if (status) {
    trm_runtime_close(&runtime);
    return status;
  }
  *out = runtime;
  return TRM_OK;
}

void trm_runtime_close(trm_runtime **runtime) {
  if (!runtime || !*runtime) return;
  trm__backend_close(&(*runtime)->backend);
  trm__pool_close(&(*runtime)->pool);
  trm__free(*runtime);
  *runtime = NULL;
}

int trm_devices(trm_device_info *list, int most, trm_error *why) {
  return trm__cuda_devices(list, most, why);
}

trm_runtime_info trm_runtime_describe(const trm_runtime *runtime) {
  trm_runtime_info info = {.threads = trm__pool_threads(runtime->pool), .cores = trm__cores()};
  snprintf(info.isa, sizeof info.isa, "%s", runtime->kernels->isa);
  snprintf(info.available, sizeof info.available, "%s", trm__kernels_available());
  snprintf(info.device, sizeof info.device, "%s", runtime->backend->name);
  return info;
}
