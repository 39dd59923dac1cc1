/* What the columns of a table are called: one vocabulary for the header of a CSV file and the keys of JSON. Letters
 * count as small, '_', '-' and spaces between words are the same, and spaces, quotes and '#' around a name are not part
 * of it. */
#ifndef TRM_DATA_FORMAT_COLUMNS_H
#define TRM_DATA_FORMAT_COLUMNS_H

#include <stddef.h>

typedef enum trm__column {
  TRM__QUESTION,
  TRM__ANSWER,
  TRM__RATING,
  TRM__GROUP,
  TRM__IDENTIFIER,
  TRM__COLUMNS
} trm__column;

/* Names that the caller gives; NULL or "": the vocabulary; "-": there is no such column. */
typedef struct trm__column_names {
  const char *question, *answer, *group, *identifier;
} trm__column_names;

/* How good a name is for a column: 1 the best, more is less; 0: it is no name of that column. */
int trm__column_rank(const trm__column_names *names, trm__column column, const char *name, size_t length);
/* What a rating of this column is called: "guesses", or "rating" for all others. */
const char *trm__column_rating(const char *name, size_t length);
/* The names of a column, the given one or the vocabulary's, for messages: "question, puzzle or quiz". */
const char *trm__column_list(const trm__column_names *names, trm__column column);

#endif
