/* Placing, cropping, turning and naming ARC's grids (grid.h). A turn is a rule that says which cell of the original is
 * seen in a cell of the image, so that applying and undoing need one loop each. */
#include "task/arc/grid.h"

#include <stdio.h>
#include <string.h>

#include "task/hash.h"

#define SEPARATOR "|||"

trm__arc_image trm__arc_image_none(void) {
  return (trm__arc_image){0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
}

trm__arc_image trm__arc_image_draw(trm__rng *rng) {
  uint32_t colours[TRM__ARC_COLOURS - 1];
  trm__arc_image image = {.turn = (uint8_t)trm__rng_below(rng, TRM__ARC_TURNS)};
  for (uint32_t i = 0; i < TRM__ARC_COLOURS - 1; i++) colours[i] = i + 1;
  trm__rng_shuffle(rng, colours, TRM__ARC_COLOURS - 1);
  for (int i = 1; i < TRM__ARC_COLOURS; i++) image.colour[i] = (uint8_t)colours[i - 1];
  return image;
}

int trm__arc_image_is_none(const trm__arc_image *image) {
  const trm__arc_image none = trm__arc_image_none();
  return image->turn == none.turn && !memcmp(image->colour, none.colour, sizeof none.colour);
}

/* The cell of an h x w grid that is seen at row r, column c of its image. */
static size_t arc_seen(int turn, int h, int w, int r, int c) {
  int y = r, x = c;
  switch (turn) {
  case 1:
    y = c, x = w - 1 - r;
    break;
  case 2:
    y = h - 1 - r, x = w - 1 - c;
    break;
  case 3:
    y = h - 1 - c, x = r;
    break;
  case 4:
    x = w - 1 - c;
    break;
  case 5:
    y = h - 1 - r;
    break;
  case 6:
    y = c, x = r;
    break;
  case 7:
    y = h - 1 - c, x = w - 1 - r;
    break;
  default:
    break;
  }
  return (size_t)(y * w + x);
}

/* 1 when a turn exchanges height and width. */
static int arc_is_across(int turn) {
  return turn == 1 || turn == 3 || turn == 6 || turn == 7;
}

void trm__arc_apply(const trm__arc_image *image, const trm__arc_grid *from, trm__arc_grid *to) {
  int h = from->height, w = from->width, across = arc_is_across(image->turn);
  to->height = (uint8_t)(across ? w : h);
  to->width = (uint8_t)(across ? h : w);
  uint8_t *cell = to->cell;
  for (int r = 0; r < to->height; r++)
    for (int c = 0; c < to->width; c++) *cell++ = image->colour[from->cell[arc_seen(image->turn, h, w, r, c)]];
}

void trm__arc_undo(const trm__arc_image *image, const trm__arc_grid *from, trm__arc_grid *to) {
  uint8_t before[TRM__ARC_COLOURS];
  int across = arc_is_across(image->turn);
  for (int i = 0; i < TRM__ARC_COLOURS; i++) before[image->colour[i]] = (uint8_t)i;
  to->height = across ? from->width : from->height;
  to->width = across ? from->height : from->width;
  const uint8_t *cell = from->cell;
  for (int r = 0; r < from->height; r++)
    for (int c = 0; c < from->width; c++)
      to->cell[arc_seen(image->turn, to->height, to->width, r, c)] = before[*cell++];
}

int trm__arc_equal(const trm__arc_grid *a, const trm__arc_grid *b) {
  return a->height == b->height && a->width == b->width &&
         !memcmp(a->cell, b->cell, (size_t)a->height * (size_t)a->width);
}

uint64_t trm__arc_hash(const trm__arc_grid *grid) {
  uint64_t hash = trm__hash_token(trm__hash_token(TRM__HASH_START, grid->height), grid->width);
  for (int i = 0; i < grid->height * grid->width; i++) hash = trm__hash_token(hash, grid->cell[i]);
  return trm__hash_finish(hash);
}

void trm__arc_place(const trm__arc_grid *grid, int side, int row, int column, uint8_t *tokens) {
  int h = grid->height, w = grid->width;
  memset(tokens, 0, (size_t)side * (size_t)side);
  for (int r = 0; r < h; r++) {
    uint8_t *line = tokens + (row + r) * side + column;
    for (int c = 0; c < w; c++) line[c] = (uint8_t)(grid->cell[r * w + c] + TRM__ARC_COLOUR);
    if (column + w < side) line[w] = TRM__ARC_MARK;
  }
  if (row + h < side) memset(tokens + (row + h) * side + column, TRM__ARC_MARK, (size_t)w);
}

void trm__arc_crop(const int32_t *tokens, int side, trm__arc_grid *grid) {
  int width = side, best = 0;
  grid->height = grid->width = 0;
  for (int r = 0; r < side && width; r++) {
    int c = 0;
    while (c < width && tokens[r * side + c] >= TRM__ARC_COLOUR &&
           tokens[r * side + c] < TRM__ARC_COLOUR + TRM__ARC_COLOURS)
      c++;
    width = c;
    if ((r + 1) * width <= best) continue;
    best = (r + 1) * width;
    grid->height = (uint8_t)(r + 1), grid->width = (uint8_t)width;
  }
  for (int r = 0; r < grid->height; r++)
    for (int c = 0; c < grid->width; c++)
      grid->cell[r * grid->width + c] = (uint8_t)(tokens[r * side + c] - TRM__ARC_COLOUR);
}

void trm__arc_suffix(const trm__arc_image *image, char text[TRM__ARC_SUFFIX]) {
  int used = snprintf(text, TRM__ARC_SUFFIX, SEPARATOR "t%d" SEPARATOR, image->turn);
  for (int i = 0; i < TRM__ARC_COLOURS; i++) text[used++] = (char)('0' + image->colour[i]);
  text[used] = '\0';
  if (trm__arc_image_is_none(image)) text[0] = '\0';
}

/* The image drawn at random may by chance be none, and then its name still has a suffix in the original's files. */
size_t trm__arc_name_read(const char *name, trm__arc_image *image) {
  size_t length = strlen(name), tail = TRM__ARC_SUFFIX - 1, separator = strlen(SEPARATOR);
  const char *end = name + length;
  *image = trm__arc_image_none();
  if (!strstr(name, SEPARATOR)) return length;
  if (length <= tail || strncmp(end - tail, SEPARATOR "t", separator + 1) != 0 ||
      strncmp(end - TRM__ARC_COLOURS - separator, SEPARATOR, separator) != 0)
    return 0;
  int turn = end[-TRM__ARC_COLOURS - (int)separator - 1] - '0', seen = 0;
  for (int i = 0; i < TRM__ARC_COLOURS; i++) {
    int colour = end[i - TRM__ARC_COLOURS] - '0';
    if (colour < 0 || colour > 9) return 0;
    image->colour[i] = (uint8_t)colour;
    seen |= 1 << colour;
  }
  image->turn = (uint8_t)turn;
  return turn >= 0 && turn < TRM__ARC_TURNS && seen == (1 << TRM__ARC_COLOURS) - 1 ? length - tail : 0;
}

/* Colours renamed in the order in which they appear, input before output; 0 stays. */
static uint64_t arc_key_of(const trm__arc_grid pair[2]) {
  uint8_t name[TRM__ARC_COLOURS] = {0}, next = 1;
  uint64_t hash = TRM__HASH_START;
  for (int k = 0; k < 2; k++) {
    hash = trm__hash_token(trm__hash_token(hash, pair[k].height), pair[k].width);
    for (int i = 0; i < pair[k].height * pair[k].width; i++) {
      int colour = pair[k].cell[i];
      if (colour && !name[colour]) name[colour] = next++;
      hash = trm__hash_token(hash, name[colour]);
    }
  }
  return trm__hash_finish(hash);
}

uint64_t trm__arc_pair_key(const trm__arc_grid *input, const trm__arc_grid *output) {
  trm__arc_image image = trm__arc_image_none();
  trm__arc_grid turned[2];
  uint64_t key = UINT64_MAX;
  for (int turn = 0; turn < TRM__ARC_TURNS; turn++) {
    image.turn = (uint8_t)turn;
    trm__arc_apply(&image, input, &turned[0]);
    trm__arc_apply(&image, output, &turned[1]);
    uint64_t hash = arc_key_of(turned);
    if (hash < key) key = hash;
  }
  return key;
}
