/* Finding the objects of a JSON text: see json_items.h. */
#include "data/format/json_items.h"

#include <string.h>

#include "data/format/bytes.h"

trm__json_items trm__json_items_open(const char *data, size_t size) {
  size_t mark = trm__bytes_mark(data, size);
  return (trm__json_items){.data = data, .size = size, .at = mark, .line = 1, .line_start = mark};
}

static size_t items_line_end(const trm__json_items *items, size_t at) {
  const char *newline = memchr(items->data + at, '\n', items->size - at);
  return newline ? (size_t)(newline - items->data) : items->size;
}

/* Goes to a place behind `at`, counting lines. */
static void items_go(trm__json_items *items, size_t to) {
  while (items->at < to) {
    size_t end = items_line_end(items, items->at);
    if (end >= to) break;
    items->at = items->line_start = end + 1;
    items->line++;
  }
  items->at = to;
}

/* Passes over what stands between objects. A bracket that opens is the array's where objects, or nothing more, follow.
 */
static void items_skip(trm__json_items *items) {
  while (items->at < items->size) {
    char c = items->data[items->at];
    int comment = c == '#' || (c == '/' && items->at + 1 < items->size && items->data[items->at + 1] == '/');
    if (comment) {
      items_go(items, items_line_end(items, items->at));
    } else if (c == '[' && !items->in_array) {
      items->in_array = 1;
      items->at++;
    } else if (c == ']' && items->in_array) {
      items->in_array = 0;
      items->at++;
    } else if (memchr(" \t\r\n", c, 4) || (c == ',' && items->in_array)) {
      items_go(items, items->at + 1);
    } else {
      return;
    }
  }
}

/* A line that begins with an object, behind one that asks for none (where a list of objects goes on it does): the
 * object before was never closed. */
static int items_begins_anew(const trm__json_items *items, size_t newline) {
  size_t before = newline, next = newline + 1;
  while (before > 0 && memchr(" \t\r", items->data[before - 1], 3)) before--;
  return next < items->size && items->data[next] == '{' && before > 0 && !memchr(",[\n", items->data[before - 1], 3);
}

/* The end of the object that begins at `at`. A text cannot go over a line's end, so one that is not closed loses
 * nothing but its line. */
static size_t items_object_end(const trm__json_items *items, int *whole) {
  int depth = 0, text = 0;
  *whole = 0;
  size_t at = items->at, most = items->size - at > TRM__JSON_ITEM_LIMIT ? at + TRM__JSON_ITEM_LIMIT : items->size;
  for (; at < most; at++) {
    char c = items->data[at];
    if (c == '\n') {
      if (items_begins_anew(items, at)) {
        *whole = 1;
        return at;
      }
      text = 0;
    } else if (text) {
      if (c == '\\' && at + 1 < most && items->data[at + 1] != '\n') at++;
      else if (c == '"') text = 0;
    } else if (c == '"') {
      text = 1;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      *whole = 1;
      return at + 1;
    }
  }
  if (items->size - items->at > TRM__JSON_ITEM_LIMIT) return items->size;
  while (at > items->at && memchr(" \t\r\n", items->data[at - 1], 4)) at--;
  return at;
}

trm__json_item trm__json_items_next(trm__json_items *items) {
  trm__json_item item = {0};
  items_skip(items);
  if (items->at >= items->size) return item;
  size_t begin = items->at, end;
  item = (trm__json_item){.text = items->data + begin, .line = items->line, .column = begin - items->line_start + 1};
  if (items->data[begin] == '{') {
    end = items_object_end(items, &item.whole);
  } else {
    end = items_line_end(items, begin);
    item.whole = 1;
  }
  item.size = end - begin;
  items_go(items, end);
  return item;
}
