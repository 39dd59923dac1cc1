/* Rows of a text file on their way to a dataset: CSV and JSON Lines readers append questions and answers as symbols,
 * and when all have been seen the task is inferred (or given) and the symbols become tokens. */
#ifndef TRM_DATA_FORMAT_ROWS_H
#define TRM_DATA_FORMAT_ROWS_H

#include <trm/data.h>

#include "data/dataset.h"

/* What the caller knows of the task. */
typedef struct trm__rows_hint {
  const trm_task *task; /* or NULL */
  const char *alphabet; /* or NULL or "": inferred; ignored with a task */
  int64_t width;        /* 0: inferred */
} trm__rows_hint;

/* Where a row came from, for messages. */
typedef struct trm__rows_place {
  uint64_t line;
  uint32_t question, answer; /* columns of the first symbol; 0: not known */
} trm__rows_place;

typedef struct trm__rows {
  const char *path;
  size_t count, capacity;
  size_t length;                /* symbols of a question; that of the first row holds for all */
  size_t width;                 /* of the first row's lines or arrays; 0: no rows seen */
  int numbers;                  /* 1: cells are numbers 0..254 and not characters */
  uint8_t *questions, *answers; /* [capacity][length] */
  double *ratings;              /* [capacity] */
  trm__rows_place *places;      /* [capacity] */
  int has_ratings;
  char rating_name[32];
} trm__rows;

/* One row. cells are characters (or numbers) without line ends; rating NaN: none. TRM_E_INPUT when the lengths differ
 * from the first row's or a character is no symbol. */
trm_status trm__rows_add(trm__rows *rows, const uint8_t *question, size_t question_length, const uint8_t *answer,
                         size_t answer_length, double rating, trm__rows_place place, trm_error *err);
/* The dataset of all rows. */
trm_status trm__rows_finish(trm_dataset **out, trm__rows *rows, const trm__rows_hint *hint, trm_error *err);
void trm__rows_free(trm__rows *rows);

#endif
