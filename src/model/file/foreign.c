/* What other tools make of a model file (model/file/foreign.h). */
#include "model/file/foreign.h"

#include <string.h>

#include "base/status.h"

/* -- names --------------------------------------------------------------------------------------------------------- */

/* The name from "inner." on; NULL when it is of no network. */
static const char *foreign_name(const char *name) {
  static const char *const words[] = {"_orig_mod.", "model.", "module."}; /* in any order, any number of them */
  for (size_t i = 0; i < sizeof words / sizeof *words;) {
    size_t length = strlen(words[i]);
    int has = !strncmp(name, words[i], length);
    name += has ? length : 0;
    i = has ? 0 : i + 1;
  }
  return strncmp(name, "inner.", 6) ? NULL : name;
}

trm_status trm__foreign_tensors(trm__safetensors *st, const char *where, trm_error *err) {
  size_t count = 0;
  for (size_t i = 0; i < st->count; i++) {
    trm__st_tensor t = st->tensor[i];
    t.name = foreign_name(t.name);
    if (!t.name || !t.elements) continue;
    for (size_t k = 0; k < count; k++)
      if (strcmp(st->tensor[k].name, t.name) == 0)
        return trm__fail(err, TRM_E_INPUT, where, "has tensor \"%.100s\" twice, the second as \"%.100s\"", t.name,
                         st->tensor[i].name);
    st->tensor[count++] = t;
  }
  st->count = count;
  return TRM_OK;
}

/* -- form and numbers ---------------------------------------------------------------------------------------------- */

int trm__foreign_form(const trm__safetensors *st, const trm__params *params) {
  const trm__param *last = NULL;
  if (st->spaced) return 1;
  for (size_t i = 0; i < st->count; i++) { /* in the order of the file's bytes */
    const trm__param *p = trm__params_find(params, st->tensor[i].name);
    if (p && p < last) return 1;
    if (p) last = p;
  }
  return 0;
}

int trm__foreign_dtype(trm__st_dtype dtype) {
  return dtype == TRM__ST_F16 || dtype == TRM__ST_F64;
}

int trm__foreign_numbers(const trm__safetensors *st, const trm__params *params) {
  int rounded = 0;
  for (size_t i = 0; i < st->count; i++) {
    const trm__st_tensor *t = &st->tensor[i];
    if (!trm__params_find(params, t->name)) continue; /* scales are F64 */
    if (trm__foreign_dtype(t->dtype)) return 1;
    rounded |= t->dtype == TRM__ST_BF16;
  }
  return rounded && trm__foreign_form(st, params);
}
