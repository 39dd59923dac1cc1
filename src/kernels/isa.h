/* Instruction sets. A table has one line for each, from worst to best; a choice is a set of lines, and a table of
 * kernels is put together from a choice: each operation comes from the best line that offers it. So sets combine, and a
 * line offers what it does better than those above it and nothing else.
 *
 * A line is used only together with the lines that it needs. Its permission is asked for when kernels are put together
 * that would contain something of it, at most once in a process; when it is refused, the next best line takes its
 * place.
 *
 * What varies is the number type, never the number of rows: another line may give other bits, and those of an example
 * must not depend on its batch. A product that treats few rows in another way does so inside, with the same bits. */
#ifndef TRM_KERNELS_ISA_H
#define TRM_KERNELS_ISA_H

#include <pthread.h>
#include <trm/error.h>

#include "kernels/kernels.h"
#include "kernels/processor.h"

#define TRM__ISA_MOST 32
#define TRM__ISA_WHY 160 /* bytes of a reason */

#define TRM__ISA_TYPE(type) (1U << (type)) /* of a trm_dtype */
#define TRM__ISA_ALL_TYPES ((1U << TRM__DTYPES) - 1)

/* What the files of one instruction set give. */
typedef struct trm__offer {
  /* What it does better, NULL elsewhere; isa, sets and table are empty. Who offers one of the three attention kernels
   * offers all of them, for every type: one without a bf16 product computes in fp32. */
  trm__kernels kernels;

  /* Asks the system whether this process may use the set. 0: no, and why [TRM__ISA_WHY] says the reason. NULL: nobody
   * has to be asked. One thread at a time, once. */
  int (*permit)(char *why);

  /* On each thread before it runs kernels that the set is part of, and after them; in pairs that never overlap. Also
   * of sets that offer no kernels and are needed by those that do. */
  void (*enter)(void), (*leave)(void);
} trm__offer;

/* Plain C: every kernel. */
extern const trm__offer trm__offer_ref;

typedef struct trm__isa {
  const char *name;
  const char *needs;              /* lines further up, "a+b"; NULL: none. The first line is there always */
  uint64_t words[TRM__CPU_WORDS]; /* bits of the processor and the system that must be set */
  unsigned types;                 /* TRM__ISA_TYPE bits: only for these types' computations; 0: for all */
  const trm__offer *offer;        /* NULL: of another processor, known by name alone */
} trm__isa;

/* A set of lines: bit i stands for line i. */
typedef uint32_t trm__isa_set;

typedef struct trm__isa_table {
  const trm__isa *line; /* the first one offers every kernel and needs nothing */
  int count;
  trm__isa_set present;   /* lines that the processor has, with all that they need */
  pthread_mutex_t asking; /* held around what follows */
  trm__isa_set asked, refused;
  char why[TRM__ISA_MOST][TRM__ISA_WHY]; /* of those refused */
} trm__isa_table;

/* The library's table. */
trm__isa_table *trm__isa_table_built_in(void);
/* Another one, over lines that stay. It holds nothing that would have to be closed. */
void trm__isa_table_open(trm__isa_table *table, const trm__isa *lines, int count);

/* The line and all that it needs. */
trm__isa_set trm__isa_with_needs(const trm__isa_table *table, int line);
/* Why the line cannot be used: it is another processor's, is not there, or was refused, or a line that it needs was. ""
 * when it can, as far as anybody has asked. */
void trm__isa_why_not(trm__isa_table *table, int line, char why[TRM__ISA_WHY]);
/* Asks for the line's permission if nobody has yet. */
void trm__isa_ask(trm__isa_table *table, int line);
/* Names of lines that are present and not refused, from worst to best. */
void trm__isa_available(trm__isa_table *table, char *names, size_t size);

typedef struct trm__isa_choice {
  trm__isa_table *table;
  trm__isa_set sets; /* each with all that it needs */
} trm__isa_choice;

/* "auto" or NULL: all that this machine has. "a+b": these lines with what they need. */
trm_status trm__isa_choose(trm__isa_choice *out, trm__isa_table *table, const char *names, trm_error *err);
/* The sets that kernels for all types would be made of, as trm__kernels.isa; nobody is asked for permission. */
void trm__isa_name(const trm__isa_choice *choice, char name[TRM__ISA_NAME]);
/* Kernels to compute with in these types (TRM__ISA_TYPE bits; fp32 is always among them): product has no others. */
void trm__isa_kernels(trm__kernels *out, const trm__isa_choice *choice, unsigned types);
/* The most scratch that a product of these sets works in, in elements. */
size_t trm__isa_scratch(const trm__isa_choice *choice);
/* Bits of the types whose kernels a network of that forward type uses. */
unsigned trm__isa_types_of(trm_dtype type);

/* Whether threads must enter before they run these kernels and leave afterwards, and both. They may nest: hooks are
 * called by the outermost pair alone. */
int trm__isa_has_hooks(const trm__kernels *kernels);
void trm__isa_enter(const trm__kernels *kernels);
void trm__isa_leave(const trm__kernels *kernels);

#endif
