#include "agent/action/fault.h"

#include <stdarg.h>
#include <string.h>

#include "base/text/numbers.h"

const char *trm__fault_name(trm__fault_type type) {
  static const char *const names[] = {"none", "validation", "execution", "timeout", "configuration", "internal"};
  return names[type];
}

void trm__fault_clear(trm__fault *fault) {
  json_decref(fault->details);
  memset(fault, 0, sizeof *fault);
}

int trm__fault_set(trm__fault *fault, trm__fault_type type, const char *format, ...) {
  va_list args;
  trm__fault_clear(fault);
  fault->type = type;
  va_start(args, format);
  (void)trm__vprint(fault->message, sizeof fault->message, format, args);
  va_end(args);
  return 1;
}

int trm__fault_error(trm__fault *fault, const trm_error *err) {
  trm__fault_type type = err->code == TRM_E_INPUT                                     ? TRM__FAULT_VALIDATION
                         : err->code == TRM_E_USAGE || err->code == TRM_E_UNSUPPORTED ? TRM__FAULT_CONFIGURATION
                         : err->code == TRM_E_INTERNAL || err->code == TRM_E_MEMORY   ? TRM__FAULT_INTERNAL
                                                                                      : TRM__FAULT_EXECUTION;
  return trm__fault_set(fault, type, "%s%s%s", err->where, *err->where ? ": " : "", err->message);
}

json_t *trm__fault_json(const trm__fault *fault) {
  json_t *o = json_pack("{s:s, s:s, s:b}", "type", trm__fault_name(fault->type), "message", fault->message, "retryable",
                        fault->retryable);
  if (o && fault->cancelled) (void)json_object_set_new(o, "cancelled", json_true());
  if (o && fault->details) (void)json_object_set(o, "details", fault->details);
  return o;
}
