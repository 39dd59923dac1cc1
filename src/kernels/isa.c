/* Which lines of a table a machine has, which of them a user allows, and the kernels that come of it. What a line needs
 * is followed by name each time: tables are short, and this happens where weights are opened, not in a loop. */
#include "kernels/isa.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/nearest.h"

#define AUTO "auto"

static trm__isa_set isa_bit(int line) {
  return (trm__isa_set)1 << line;
}

/* The line of that name, -1 when there is none. */
static int isa_find(const trm__isa_table *table, const char *name, size_t length) {
  for (int i = 0; i < table->count; i++)
    if (strlen(table->line[i].name) == length && memcmp(table->line[i].name, name, length) == 0) return i;
  return -1;
}

/* Appends one of several names. */
static void isa_append(char *names, size_t size, const char *separator, const char *name) {
  size_t used = strlen(names);
  (void)snprintf(names + used, size - used, "%s%s", used ? separator : "", name);
}

/* -- what there is ------------------------------------------------------------------------------------------------ */

/* Lines only need lines above them, so this ends. */
trm__isa_set trm__isa_with_needs(const trm__isa_table *table, int line) {
  trm__isa_set sets = isa_bit(line) | isa_bit(0);
  for (const char *name = table->line[line].needs; name && *name;) {
    size_t length = strcspn(name, "+");
    int needed = isa_find(table, name, length);
    if (needed >= 0 && needed < line) sets |= trm__isa_with_needs(table, needed);
    name += length + (name[length] == '+');
  }
  return sets;
}

static int isa_is_there(const trm__isa *line, const uint64_t *words) {
  for (int i = 0; i < TRM__CPU_WORDS; i++)
    if ((words[i] & line->words[i]) != line->words[i]) return 0;
  return line->offer != NULL;
}

void trm__isa_table_open(trm__isa_table *table, const trm__isa *lines, int count) {
  uint64_t words[TRM__CPU_WORDS];
  trm__processor_read(words);
  *table = (trm__isa_table){
      .line = lines, .count = count < TRM__ISA_MOST ? count : TRM__ISA_MOST, .asking = PTHREAD_MUTEX_INITIALIZER};
  for (int i = 0; i < table->count; i++) {
    trm__isa_set needs = trm__isa_with_needs(table, i) & ~isa_bit(i);
    if (isa_is_there(&lines[i], words) && (table->present & needs) == needs) table->present |= isa_bit(i);
  }
}

/* -- permission --------------------------------------------------------------------------------------------------- */

/* Whether none of the sets is refused; with ask, each that was not asked yet is asked now. */
static int isa_permitted(trm__isa_table *table, trm__isa_set sets, int ask) {
  pthread_mutex_lock(&table->asking);
  for (int i = 0; i < table->count && ask; i++) {
    const trm__offer *offer = table->line[i].offer;
    if (!(sets & ~table->asked & isa_bit(i)) || (table->refused & sets)) continue;
    table->asked |= isa_bit(i);
    if (offer->permit && !offer->permit(table->why[i])) table->refused |= isa_bit(i);
  }
  int permitted = !(table->refused & sets);
  pthread_mutex_unlock(&table->asking);
  return permitted;
}

void trm__isa_ask(trm__isa_table *table, int line) {
  if (table->present & isa_bit(line)) (void)isa_permitted(table, trm__isa_with_needs(table, line), 1);
}

void trm__isa_why_not(trm__isa_table *table, int line, char why[TRM__ISA_WHY]) {
  trm__isa_set needs = trm__isa_with_needs(table, line);
  why[0] = 0;
  if (!table->line[line].offer) {
    (void)snprintf(why, TRM__ISA_WHY, "this build is for another kind of processor");
    return;
  }
  if (!(table->present & isa_bit(line))) {
    (void)snprintf(why, TRM__ISA_WHY, "this processor or its operating system has no %s", table->line[line].name);
    return;
  }
  pthread_mutex_lock(&table->asking);
  for (int i = 0; i < table->count && !why[0]; i++) {
    if (!(table->refused & needs & isa_bit(i))) continue;
    if (i == line) (void)snprintf(why, TRM__ISA_WHY, "%s", table->why[i]);
    else (void)snprintf(why, TRM__ISA_WHY, "needs %s", table->line[i].name);
  }
  pthread_mutex_unlock(&table->asking);
}

void trm__isa_available(trm__isa_table *table, char *names, size_t size) {
  names[0] = 0;
  for (int i = 0; i < table->count; i++)
    if ((table->present & isa_bit(i)) && isa_permitted(table, trm__isa_with_needs(table, i), 0))
      isa_append(names, size, " ", table->line[i].name);
}

/* -- choosing ----------------------------------------------------------------------------------------------------- */

static trm_status isa_unknown(trm__isa_table *table, const char *name, size_t length, trm_error *err) {
  char available[512], typed[TRM__NEAREST_NAME];
  trm__isa_available(table, available, sizeof available);
  (void)snprintf(typed, sizeof typed, "%.*s", (int)length, name);
  trm__nearest nearest = trm__nearest_to(typed);
  for (int i = 0; i < table->count; i++) trm__nearest_offer(&nearest, table->line[i].name, strlen(table->line[i].name));
  if (nearest.name[0])
    return trm__fail(err, TRM_E_USAGE, "isa",
                     "unknown instruction set '%s'; did you mean '%s'? This machine runs: " AUTO " %s", typed,
                     nearest.name, available);
  return trm__fail(err, TRM_E_USAGE, "isa", "unknown instruction set '%s'; this machine runs: " AUTO " %s", typed,
                   available);
}

static trm_status isa_missing(trm__isa_table *table, int line, trm_error *err) {
  char available[512];
  trm__isa_available(table, available, sizeof available);
  return trm__fail(err, TRM_E_UNSUPPORTED, "isa", "this machine cannot run '%s' kernels; it runs: %s",
                   table->line[line].name, available);
}

trm_status trm__isa_choose(trm__isa_choice *out, trm__isa_table *table, const char *names, trm_error *err) {
  trm__isa_set sets = 0;
  if (!names || strcmp(names, AUTO) == 0) {
    *out = (trm__isa_choice){table, table->present};
    return TRM_OK;
  }
  for (const char *name = names;; name++) {
    size_t length = strcspn(name, "+");
    int line = isa_find(table, name, length);
    if (line < 0) return isa_unknown(table, name, length, err);
    if (!(table->present & isa_bit(line))) return isa_missing(table, line, err);
    sets |= trm__isa_with_needs(table, line);
    name += length;
    if (!*name) break;
  }
  *out = (trm__isa_choice){table, sets};
  return TRM_OK;
}

/* -- putting kernels together ------------------------------------------------------------------------------------- */

/* From swiglu_backward on, a table of kernels is a row of function pointers. */
typedef void (*isa_slot)(void);
enum {
  ISA_FIRST = offsetof(trm__kernels, swiglu_backward),
  ISA_SLOTS = (sizeof(trm__kernels) - ISA_FIRST) / sizeof(isa_slot)
};

static isa_slot isa_get(const trm__kernels *kernels, size_t i) {
  isa_slot slot;
  memcpy(&slot, (const unsigned char *)kernels + ISA_FIRST + i * sizeof slot, sizeof slot);
  return slot;
}
static void isa_put(trm__kernels *kernels, size_t i, isa_slot slot) {
  memcpy((unsigned char *)kernels + ISA_FIRST + i * sizeof slot, &slot, sizeof slot);
}

/* A product that `to` would take. One in bf16 from a line below that of the fp32 product would be the slower of the
 * two: the same numbers are multiplied in fp32 then. */
static const trm__product *isa_wanted(const trm__kernels *to, const trm__kernels *from, int type, unsigned types) {
  if (to->product[type] || !(types & TRM__ISA_TYPE(type))) return NULL;
  return type == TRM_BFLOAT16 && to->product[TRM_FLOAT32] ? NULL : from->product[type];
}

static int isa_adds(const trm__kernels *to, const trm__kernels *from, unsigned types) {
  for (int type = 0; type < TRM__DTYPES; type++)
    if (isa_wanted(to, from, type, types)) return 1;
  for (size_t i = 0; i < ISA_SLOTS; i++)
    if (!isa_get(to, i) && isa_get(from, i)) return 1;
  return 0;
}

static void isa_add(trm__kernels *to, const trm__kernels *from, unsigned types) {
  for (int type = TRM__DTYPES - 1; type >= 0; type--) { /* fp32 last: isa_wanted asks whether a better line gave it */
    const trm__product *product = isa_wanted(to, from, type, types);
    if (product) to->product[type] = product;
  }
  for (size_t i = 0; i < ISA_SLOTS; i++)
    if (!isa_get(to, i)) isa_put(to, i, isa_get(from, i));
}

/* Those in use that no other in use needs: they name all. */
static void isa_name_sets(const trm__isa_table *table, trm__isa_set sets, char name[TRM__ISA_NAME]) {
  trm__isa_set needed = 0;
  for (int i = 0; i < table->count; i++)
    if (sets & isa_bit(i)) needed |= trm__isa_with_needs(table, i) & ~isa_bit(i);
  name[0] = 0;
  for (int i = 0; i < table->count; i++)
    if (sets & ~needed & isa_bit(i)) isa_append(name, TRM__ISA_NAME, "+", table->line[i].name);
}

static void isa_make(trm__kernels *out, const trm__isa_choice *choice, unsigned types, int ask) {
  trm__isa_table *table = choice->table;
  memset(out, 0, sizeof *out);
  types |= TRM__ISA_TYPE(TRM_FLOAT32);
  for (int i = table->count - 1; i >= 0; i--) {
    const trm__isa *line = &table->line[i];
    if (!(choice->sets & isa_bit(i)) || (line->types && !(line->types & types))) continue;
    trm__isa_set sets = trm__isa_with_needs(table, i);
    if (!isa_adds(out, &line->offer->kernels, types) || !isa_permitted(table, sets, ask)) continue;
    isa_add(out, &line->offer->kernels, types);
    out->sets |= sets;
  }
  out->table = table;
  isa_name_sets(table, out->sets, out->isa);
}

void trm__isa_kernels(trm__kernels *out, const trm__isa_choice *choice, unsigned types) {
  isa_make(out, choice, types, 1);
}

void trm__isa_name(const trm__isa_choice *choice, char name[TRM__ISA_NAME]) {
  trm__kernels kernels;
  isa_make(&kernels, choice, TRM__ISA_ALL_TYPES, 0);
  memcpy(name, kernels.isa, TRM__ISA_NAME);
}

size_t trm__isa_scratch(const trm__isa_choice *choice) {
  size_t most = 0;
  for (int i = 0; i < choice->table->count; i++) {
    for (int type = 0; type < TRM__DTYPES && (choice->sets & isa_bit(i)); type++) {
      const trm__product *product = choice->table->line[i].offer->kernels.product[type];
      if (product && product->scratch > most) most = product->scratch;
    }
  }
  return most;
}

unsigned trm__isa_types_of(trm_dtype type) {
  if (type == TRM_INT8) return TRM__ISA_ALL_TYPES; /* attention in bf16 */
  return TRM__ISA_TYPE(TRM_FLOAT32) | TRM__ISA_TYPE(type);
}

/* -- threads ------------------------------------------------------------------------------------------------------ */

/* Enters less leaves of this thread, line by line. */
static _Thread_local unsigned isa_depth[TRM__ISA_MOST];

int trm__isa_has_hooks(const trm__kernels *kernels) {
  const trm__isa_table *table = kernels->table;
  for (int i = 0; i < table->count; i++)
    if ((kernels->sets & isa_bit(i)) && table->line[i].offer->enter) return 1;
  return 0;
}

void trm__isa_enter(const trm__kernels *kernels) {
  const trm__isa_table *table = kernels->table;
  for (int i = 0; i < table->count; i++) {
    const trm__offer *offer = table->line[i].offer;
    if ((kernels->sets & isa_bit(i)) && offer->enter && isa_depth[i]++ == 0) offer->enter();
  }
}

void trm__isa_leave(const trm__kernels *kernels) {
  const trm__isa_table *table = kernels->table;
  for (int i = table->count - 1; i >= 0; i--) {
    const trm__offer *offer = table->line[i].offer;
    if ((kernels->sets & isa_bit(i)) && offer->enter && --isa_depth[i] == 0) offer->leave();
  }
}
