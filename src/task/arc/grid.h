/* Grids of ARC tasks by themselves: up to 30x30 cells of the colours 0 to 9, apart from the tokens that a network sees.
 *
 * Tokens. A grid is placed in a square of side x side tokens (30 as published) at an offset: 0 is padding, colour c is
 * 2 + c, and 1 marks the grid's end, in the row just below it and in the column just right of it, over its extent; the
 * corner between the two stays 0, and there is no mark beyond the square.
 *
 * Images. Colours are exchanged first (0, the background, stays as it is), then the grid is turned:
 *   0 not at all, 1 2 3 counter-clockwise by so many quarters, 4 left and right exchanged, 5 top and bottom, 6 rows and
 *   columns, 7 as 1 and then left and right exchanged.
 * An image's puzzle is named "ID|||t<0-7>|||<new colours of 0 to 9>", and the task itself "ID", as in the original's
 * identifiers.json. */
#ifndef TRM_TASK_ARC_GRID_H
#define TRM_TASK_ARC_GRID_H

#include <stddef.h>
#include <stdint.h>
#include <trm/task.h>

#include "base/rng.h"

enum {
  TRM__ARC_SIDE = 30, /* the largest width and height */
  TRM__ARC_CELLS = TRM__ARC_SIDE * TRM__ARC_SIDE,
  TRM__ARC_COLOURS = 10,
  TRM__ARC_TURNS = 8,
  TRM__ARC_MARK = 1,  /* token of the grid's end */
  TRM__ARC_COLOUR = 2 /* token of colour 0 */
};

typedef struct trm__arc_grid {
  uint8_t height, width;        /* 0 0: no grid, which is what an unreadable answer is */
  uint8_t cell[TRM__ARC_CELLS]; /* colours, row by row without gaps */
} trm__arc_grid;

typedef struct trm__arc_image {
  uint8_t turn;
  uint8_t colour[TRM__ARC_COLOURS]; /* what each becomes */
} trm__arc_image;

trm__arc_image trm__arc_image_none(void);
trm__arc_image trm__arc_image_draw(trm__rng *rng); /* any turn, any exchange of 1 to 9 */
int trm__arc_image_is_none(const trm__arc_image *image);
/* from and to may not be the same. undo of apply gives the grid back. */
void trm__arc_apply(const trm__arc_image *image, const trm__arc_grid *from, trm__arc_grid *to);
void trm__arc_undo(const trm__arc_image *image, const trm__arc_grid *from, trm__arc_grid *to);

int trm__arc_equal(const trm__arc_grid *a, const trm__arc_grid *b);
uint64_t trm__arc_hash(const trm__arc_grid *grid);

/* tokens [side * side]; the grid fits at that row and column. */
void trm__arc_place(const trm__arc_grid *grid, int side, int row, int column, uint8_t *tokens);
/* The largest rectangle of colours in the upper left corner; of several that are as large the one with fewest rows. */
void trm__arc_crop(const int32_t *tokens, int side, trm__arc_grid *grid);

enum { TRM__ARC_SUFFIX = 19 }; /* bytes of "|||t7|||0123456789", and the NUL */
/* What follows the ID in the name of an image; "" for none. */
void trm__arc_suffix(const trm__arc_image *image, char text[TRM__ARC_SUFFIX]);
/* How many bytes of the name are the ID, and the image; 0 when the name is none. */
size_t trm__arc_name_read(const char *name, trm__arc_image *image);

/* Of a pair: equal for all its images, otherwise different but for chance. */
uint64_t trm__arc_pair_key(const trm__arc_grid *input, const trm__arc_grid *output);

#endif
