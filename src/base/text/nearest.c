/* The nearest name by edit distance. Names are short, so three rows of the usual table on the stack suffice. */
#include "base/text/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char edit_letter(char c) {
  return c == '-' ? '_' : c;
}

/* Optimal string alignment: row i of the table holds the distances of a's first i letters to each beginning of b. */
size_t trm__edit_distance(const char *a, const char *b) {
  size_t rows[3][TRM__NEAREST_NAME], n = strlen(a), m = strlen(b);
  if (n >= TRM__NEAREST_NAME || m >= TRM__NEAREST_NAME) return SIZE_MAX;
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= m; j++) last[j] = j;
  for (size_t i = 1; i <= n; i++) {
    char letter = edit_letter(a[i - 1]);
    now[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = last[j - 1] + (letter != edit_letter(b[j - 1]));
      if (last[j] + 1 < best) best = last[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      int swapped = i > 1 && j > 1 && letter == edit_letter(b[j - 2]) && edit_letter(a[i - 2]) == edit_letter(b[j - 1]);
      if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      now[j] = best;
    }
    size_t *oldest = before;
    before = last;
    last = now;
    now = oldest;
  }
  return last[m];
}

trm__nearest trm__nearest_to(const char *typed) {
  trm__nearest nearest = {.distance = strlen(typed) / 3 + 2}; /* further away is another word, not a slip */
  if (strlen(typed) < sizeof nearest.typed) snprintf(nearest.typed, sizeof nearest.typed, "%s", typed);
  else nearest.distance = 0;
  return nearest;
}

void trm__nearest_offer(trm__nearest *nearest, const char *name, size_t length) {
  char known[TRM__NEAREST_NAME];
  if (length >= sizeof known) return;
  memcpy(known, name, length);
  known[length] = 0;
  size_t distance = trm__edit_distance(nearest->typed, known);
  if (distance >= nearest->distance) return;
  nearest->distance = distance;
  memcpy(nearest->name, known, sizeof known);
}
