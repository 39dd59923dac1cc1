/* The instruction sets that this machine runs, for tests: their names, and kernels for all types. */
#ifndef TRM_TESTS_SUPPORT_ISA_H
#define TRM_TESTS_SUPPORT_ISA_H

#include <string.h>

#include "kernels/isa.h"

/* A choice of the library's table, "auto" for the best; 0 when this machine does not run it. */
static inline int isa_choose(trm__isa_choice *choice, const char *names) {
  return trm__isa_choose(choice, trm__isa_table_built_in(), names, NULL) == TRM_OK;
}

/* Kernels for all types; NULL when this machine does not run them. */
static inline const trm__kernels *isa_kernels(const char *names) {
  static trm__kernels made[TRM__ISA_MOST];
  static int count;
  trm__isa_choice choice;
  trm__kernels kernels;
  if (!isa_choose(&choice, names)) return NULL;
  trm__isa_kernels(&kernels, &choice, TRM__ISA_ALL_TYPES);
  for (int i = 0; i < count; i++)
    if (strcmp(made[i].isa, kernels.isa) == 0) return &made[i];
  if (count == TRM__ISA_MOST) return NULL;
  made[count] = kernels;
  return &made[count++];
}

/* The i-th instruction set that this machine runs, plain C first; NULL after the last. */
static inline const char *isa_at(int i) {
  const trm__isa_table *table = trm__isa_table_built_in();
  for (int line = 0; line < table->count; line++)
    if ((table->present >> line & 1) && i-- == 0) return table->line[line].name;
  return NULL;
}

#endif
