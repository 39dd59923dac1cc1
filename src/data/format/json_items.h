/* The objects of a JSON text, one after the other: JSON Lines, objects that take several lines, one array of objects.
 * Each is found by its braces alone, so that only one is in memory as JSON. Lines that begin with # or // between
 * objects are comments. */
#ifndef TRM_DATA_FORMAT_JSON_ITEMS_H
#define TRM_DATA_FORMAT_JSON_ITEMS_H

#include <stddef.h>
#include <stdint.h>

#define TRM__JSON_ITEM_LIMIT ((size_t)8 << 20) /* bytes of one object */

typedef struct trm__json_items {
  const char *data;
  size_t size, at;
  uint64_t line; /* of at */
  size_t line_start;
  int in_array;
} trm__json_items;

typedef struct trm__json_item {
  const char *text; /* NULL: no more */
  size_t size;
  uint64_t line;
  size_t column; /* of its first byte; 1-based */
  int whole;     /* 0: its braces are not closed before the text ends, and more text may belong to it */
} trm__json_item;

trm__json_items trm__json_items_open(const char *data, size_t size);
/* What is no object ends with its line, for the parser to say what is wrong. */
trm__json_item trm__json_items_next(trm__json_items *items);

#endif
