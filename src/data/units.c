/* Joining classes and groups to units: see units.h. Classes are joined with union-find, the smaller number on top, so
 * that units keep the order of the classes; then one sort puts the examples into their places. */
#include "data/units.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

void trm__units_close(trm__units *u) {
  trm__free(u->example);
  trm__free(u->start);
  trm__free(u->of_class);
  trm__free(u->of_group);
  memset(u, 0, sizeof *u);
}

static uint32_t units_top(uint32_t *above, uint32_t c) {
  while (above[c] != c) c = above[c] = above[above[c]];
  return c;
}

static void units_join(uint32_t *above, uint32_t a, uint32_t b) {
  a = units_top(above, a), b = units_top(above, b);
  if (a < b) above[b] = a;
  else above[a] = b;
}

/* of_class becomes the forest of classes, of_group a class of each group; then both become units. */
static void units_number(trm__units *u, const trm_dataset *d, const uint32_t *example, const uint32_t *class_of,
                         size_t count, uint32_t classes) {
  uint32_t *above = u->of_class;
  for (uint32_t c = 0; c < classes; c++) above[c] = c;
  for (int64_t g = 0; g <= u->groups; g++) u->of_group[g] = TRM__NO_UNIT;
  for (size_t i = 0; i < count && u->groups > 0; i++) {
    int32_t group = d->group_names[example[i]];
    if (group == 0) continue;
    if (u->of_group[group] == TRM__NO_UNIT) u->of_group[group] = class_of[i];
    else units_join(above, u->of_group[group], class_of[i]);
  }
  for (uint32_t c = 0; c < classes; c++) above[c] = units_top(above, c);
  /* A top is not above its class, so it has its unit already. */
  for (uint32_t c = 0; c < classes; c++) above[c] = above[c] == c ? u->count++ : above[above[c]];
  for (int64_t g = 0; g <= u->groups; g++)
    if (u->of_group[g] != TRM__NO_UNIT) u->of_group[g] = above[u->of_group[g]];
}

typedef struct placed {
  uint32_t unit;
  int32_t identifier;
  uint32_t example;
} placed;

static int units_compare(const void *a, const void *b) {
  const placed *x = a, *y = b;
  if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
  if (x->identifier != y->identifier) return x->identifier < y->identifier ? -1 : 1;
  return x->example < y->example ? -1 : x->example > y->example;
}

static void units_place(trm__units *u, const trm_dataset *d, const uint32_t *example, const uint32_t *class_of,
                        size_t count, placed *all) {
  for (size_t i = 0; i < count; i++)
    all[i] = (placed){u->of_class[class_of[i]], d->identifiers[example[i]], example[i]};
  qsort(all, count, sizeof *all, units_compare);
  for (size_t i = 0; i < count; i++) {
    u->example[i] = all[i].example;
    u->start[all[i].unit + 1] = (uint32_t)i + 1;
  }
}

trm_status trm__units_open(trm__units *units, const trm_dataset *d, const uint32_t *example, const uint32_t *class_of,
                           size_t count, uint32_t classes, trm_error *err) {
  trm__units u = {0};
  for (size_t i = 0; i < count && d->group_names; i++)
    if (d->group_names[example[i]] > u.groups) u.groups = d->group_names[example[i]];
  placed *all = trm__calloc(count, sizeof *all);
  u.example = trm__calloc(count, sizeof *u.example);
  u.start = trm__calloc((size_t)classes + 1, sizeof *u.start);
  u.of_class = trm__calloc(classes, sizeof *u.of_class);
  u.of_group = trm__calloc((size_t)u.groups + 1, sizeof *u.of_group);
  if (!all || !u.example || !u.start || !u.of_class || !u.of_group) {
    trm__free(all);
    trm__units_close(&u);
    return trm__fail_memory(err, "dataset", count * 28);
  }
  units_number(&u, d, example, class_of, count, classes);
  units_place(&u, d, example, class_of, count, all);
  trm__free(all);
  *units = u;
  return TRM_OK;
}
