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
  status = trm__isa_choose(&runtime->choice, trm__isa_table_built_in(), config->isa, err);
  if (!status) status = trm__pool_open(&runtime->pool, config->threads, err);
  if (!status) status = trm__backend_open(&runtime->backend, config->device, &runtime->choice, runtime->pool, err);
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

int trm_isas(trm_isa_info *list, int most) {
  trm__isa_table *table = trm__isa_table_built_in();
  for (int i = 0; i < table->count && i < most; i++) {
    trm__isa_ask(table, i);
    snprintf(list[i].name, sizeof list[i].name, "%s", table->line[i].name);
    list[i].present = table->present >> i & 1;
    trm__isa_why_not(table, i, list[i].why);
  }
  return table->count;
}

trm_runtime_info trm_runtime_describe(const trm_runtime *runtime) {
  trm_runtime_info info = {.threads = trm__pool_threads(runtime->pool), .cores = trm__cores()};
  trm__isa_name(&runtime->choice, info.isa);
  trm__isa_available(runtime->choice.table, info.available, sizeof info.available);
  snprintf(info.device, sizeof info.device, "%s", runtime->backend->name);
  return info;
}
