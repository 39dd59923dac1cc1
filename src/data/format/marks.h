/* What a text file says of its puzzles besides the puzzles: to which group one belongs, and which identifier it has.
 * Both are names, texts or integers, which become numbers from 1 on in the order in which they are first met; 0 is
 * none, of identifiers the blank. One table serves all files of an import, so that a name has one number in all of
 * them. */
#ifndef TRM_DATA_FORMAT_MARKS_H
#define TRM_DATA_FORMAT_MARKS_H

#include <jansson.h>
#include <stdint.h>
#include <trm/error.h>

typedef enum trm__mark { TRM__MARK_GROUP, TRM__MARK_IDENTIFIER, TRM__MARKS } trm__mark;

#define TRM__MARK_LIMIT 200 /* bytes of a name */

typedef struct trm__marks {
  json_t *numbers[TRM__MARKS]; /* {name: number} */
  json_t *names;               /* of the identifiers by number, from "<blank>" on: what identifiers.json holds */
  int seen[TRM__MARKS];        /* of the file that is read: 1: its puzzles have such names, 0: they have none */
} trm__marks;

trm_status trm__marks_open(trm__marks *marks, trm_error *err);
void trm__marks_close(trm__marks *marks); /* also of a zeroed struct */
/* What stands for a mark in messages: "group" or "identifier". */
const char *trm__mark_word(trm__mark mark);
/* How many names there are, without the blank. */
int64_t trm__marks_count(const trm__marks *marks, trm__mark mark);
/* The number of a name, which is not terminated; blanks around it are no part of it, and an empty one is 0, as is the
 * identifier "<blank>". NULL, or what is wrong with it; trm__cells_no_memory. */
const char *trm__marks_number(trm__marks *marks, trm__mark mark, const char *name, size_t length, int32_t *number);
/* The same of a value: a text, an integer, or null for none. */
const char *trm__marks_number_json(trm__marks *marks, trm__mark mark, const json_t *value, int32_t *number);

#endif
