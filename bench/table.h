/* The one table: a title that names the machine and the peers, sections, and rows that are printed as they are measured
 * and kept as JSON. What was not measured is NaN: a dash in the text, absent in the JSON. */
#ifndef TRM_BENCH_TABLE_H
#define TRM_BENCH_TABLE_H

#include <jansson.h>

typedef struct row {
  char what[96];
  const char *type; /* of the numbers; "" when the row has none */
  int threads;
  double rate; /* in unit; time for "us" */
  const char *unit;
  double share;     /* of the ceiling of its type on as many threads */
  double plain_c;   /* ratios of rates, over 1: faster than ... plain C */
  double onednn;    /* oneDNN, same type */
  double torch;     /* PyTorch, same type */
  double torch_f32; /* PyTorch in float32, for the other types */
  double one_thread;
  char note[160];
  const char *name_of[6]; /* further numbers of the row, for JSON alone; ended by NULL */
  double more[6];
} row;

row row_empty(void); /* all NaN */

typedef struct table {
  json_t *sections; /* [{"section", "rows": [...]}] */
  json_t *rows;     /* of the section now; borrowed */
  int rows_printed;
  int on_terminal; /* standard error is one: progress is a line that is overwritten */
  double start;
} table;

void table_open(table *t);
void table_title(table *t, const char *title);
void table_section(table *t, const char *name, const char *remark);
void table_add(table *t, const row *r);
/* "[ 12 s] text" on standard error. */
void table_progress(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A sentence under the section's rows. */
void table_remark(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
json_t *table_close(table *t); /* the sections, owned */

#endif
