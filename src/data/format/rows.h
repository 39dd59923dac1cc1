/* Rows of a text file on their way to a dataset: CSV and JSON Lines readers append questions and answers as symbols,
 * and when all have been seen the task is inferred (or given) and the symbols become tokens. */
#ifndef TRM_DATA_FORMAT_ROWS_H
#define TRM_DATA_FORMAT_ROWS_H

#include <trm/data.h>

#include "data/dataset.h"
#include "data/format/bytes.h"
#include "data/format/columns.h"
#include "data/format/marks.h"

/* What the caller knows of the file. */
typedef struct trm__rows_hint {
  const trm_task *task; /* or NULL */
  const char *alphabet; /* or NULL or "": inferred; ignored with a task */
  int64_t width;        /* 0: inferred */
  int64_t height;       /* 0: inferred */
  const char *pad; /* or NULL or "": no smaller puzzles; a symbol or, where cells are numbers, a number. Wants width
                      and height; ignored with a task */
  trm__column_names names;
  trm__marks *marks; /* gets the names of groups and identifiers; NULL: these are not looked at */
  trm__bytes_stop stop;
} trm__rows_hint;

/* Where a row came from, for messages. */
typedef struct trm__rows_place {
  uint64_t line;
  uint32_t question, answer; /* columns of the first symbol; 0: not known */
} trm__rows_place;

/* How many ratings are what: none stops anything. */
typedef struct trm__rows_ratings {
  int64_t numbers;
  int64_t missing, texts; /* fields that are empty, NaN or the like; that are anything else but a number */
  uint64_t line;          /* of the first of the texts, */
  char text[24];          /* which begins like this */
} trm__rows_ratings;

/* The grid that puzzles are put into, its upper left corner. */
typedef struct trm__rows_frame {
  size_t width, height; /* 0: they are as they are */
  const char *symbol;   /* what fills it where cells are characters, */
  int number;           /* and where they are numbers; -1: such files cannot be filled */
  uint8_t *cells[2];    /* [height][width], room for question and answer */
} trm__rows_frame;

typedef struct trm__rows {
  const char *path;
  trm__column_names names;
  trm__marks *marks;           /* or NULL, as in the hint */
  int32_t mark[TRM__MARKS];    /* numbers of the row that is added next */
  int32_t *marked[TRM__MARKS]; /* [capacity] the same of all; NULL without marks */
  int questions_only;          /* 1: answers are neither wanted nor looked at */
  size_t count, capacity;
  size_t length;                /* symbols of a question; that of the first row holds for all */
  size_t width;                 /* of the first row's lines or arrays; 0: no rows seen */
  size_t row_width[2];          /* the same of the question and the answer that are added next */
  trm__rows_frame frame;        /* what smaller puzzles are put into */
  int numbers;                  /* 1: cells are numbers 0..254 and not characters */
  uint8_t *questions, *answers; /* [capacity][length] */
  double *ratings;              /* [capacity] */
  trm__rows_place *places;      /* [capacity] */
  int has_ratings;              /* 1: the file has a column of them */
  char rating_name[32];
  trm__rows_ratings rated;
  int64_t unanswered;    /* questions left out because they have no answer, in files that may have such */
  trm_task task;         /* what the format itself says; width 0: nothing */
  int16_t map[2][256];   /* tokens of the symbols of questions and answers, once the task is known; -1: none */
  char notes[TRM_NOTES]; /* as in trm_dataset_info */
} trm__rows;

/* One row. cells are characters (or numbers) without line ends; rating NaN: none; answer NULL with questions_only.
 * TRM_E_INPUT when the lengths differ from the first row's or a character is no symbol. */
trm_status trm__rows_add(trm__rows *rows, const uint8_t *question, size_t question_length, const uint8_t *answer,
                         size_t answer_length, double rating, trm__rows_place place, trm_error *err);
/* The frame that a hint or, if it is given, a task wants; frees none. TRM_E_USAGE for a pad without width and height.
 */
trm_status trm__rows_set_frame(trm__rows *rows, const trm__rows_hint *hint, trm_error *err);
/* The rating in a text, which is not terminated; NaN where there is none, which is counted. name: its column's. */
double trm__rows_rating(trm__rows *rows, const char *name, size_t name_length, const char *text, size_t length,
                        uint64_t line);
/* Whether puzzles have names of this kind is the same in the whole file: the first says it, and has. 0: not as it. */
int trm__rows_expect_mark(trm__rows *rows, trm__mark mark, int has);
/* The column of a mark, and what the caller calls it, or NULL. */
trm__column trm__mark_column(trm__mark mark);
const char *trm__mark_given(const trm__rows *rows, trm__mark mark);
/* Notes what the ratings were, and whether questions were left out. */
void trm__rows_note_ratings(trm__rows *rows);
/* Notes how many identifiers were found in a column that nobody named. */
void trm__rows_note_marks(trm__rows *rows);
/* Adds a sentence to notes; what does not fit is left out. */
void trm__rows_note(trm__rows *rows, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The tokens [S] of the first row's question. */
trm_status trm__rows_question(trm__rows *rows, const trm_task *task, int32_t *tokens, trm_error *err);
/* The tokens [S] of the first row's answer, in whichever notation that question and answer fit. */
trm_status trm__rows_answer(trm__rows *rows, const trm_task *task, int32_t *tokens, trm_error *err);
/* The dataset of all rows. */
trm_status trm__rows_finish(trm_dataset **out, trm__rows *rows, const trm__rows_hint *hint, trm_error *err);
void trm__rows_free(trm__rows *rows);

#endif
