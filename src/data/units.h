/* What an import may not cut: a unit is a set of examples that goes to one split as a whole and becomes one group
 * there. Examples of one class (task/keys.h: the same puzzle but for symmetries) are of one unit, and so are examples
 * of one group that the file names; both together, so that a group pulls its puzzles' images along. */
#ifndef TRM_DATA_UNITS_H
#define TRM_DATA_UNITS_H

#include "data/dataset.h"

#define TRM__NO_UNIT UINT32_MAX

typedef struct trm__units {
  uint32_t count;     /* numbered in the order in which the examples first have them */
  uint32_t *example;  /* [examples] those of a unit together, by identifier, those of one in the given order */
  uint32_t *start;    /* [count + 1] into example */
  uint32_t *of_class; /* [classes] */
  uint32_t *of_group; /* [groups + 1] by number; TRM__NO_UNIT: no example is of it. */
  int64_t groups;     /* the highest number of a group that the dataset names */
} trm__units;

/* example [count]: numbers into d, of which each is a puzzle; class_of [count]: 0 to classes - 1. */
trm_status trm__units_open(trm__units *units, const trm_dataset *d, const uint32_t *example, const uint32_t *class_of,
                           size_t count, uint32_t classes, trm_error *err);
void trm__units_close(trm__units *units); /* also of a zeroed struct */

#endif
