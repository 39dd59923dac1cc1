/* "Did you mean ...?": of known names the one nearest to what was typed. Offer each known name, then look at `name`. */
#ifndef TRM_BASE_TEXT_NEAREST_H
#define TRM_BASE_TEXT_NEAREST_H

#include <stddef.h>

#define TRM__NEAREST_NAME 64 /* bytes; longer names are near to nothing */

typedef struct trm__nearest {
  char typed[TRM__NEAREST_NAME];
  size_t distance;              /* only names closer than this are taken */
  char name[TRM__NEAREST_NAME]; /* "" while no name is near */
} trm__nearest;

trm__nearest trm__nearest_to(const char *typed);
void trm__nearest_offer(trm__nearest *nearest, const char *name,
                        size_t length); /* of equally near names the first stays */

/* Edit distance of two names: letters inserted, deleted, replaced and neighbours swapped, each once; '-' equals '_'.
 * SIZE_MAX for names of TRM__NEAREST_NAME bytes and more. */
size_t trm__edit_distance(const char *a, const char *b);

#endif
