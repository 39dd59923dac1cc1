/* Keys of questions, and the table of the classes that they form. */
#include "task/keys.h"

#include "base/mem.h"
#include "base/status.h"
#include "task/maze/maze.h"

void trm__sudoku_cells(const int32_t *tokens, size_t count, uint8_t *cells) {
  for (size_t i = 0; i < count; i++) cells[i] = (uint8_t)(tokens[i] > 0 ? tokens[i] - 1 : 0);
}

/* Hashes are FNV-1a over 32-bit tokens, then the finalizer of SplitMix64. */
#define HASH_START 0xcbf29ce484222325u

static uint64_t hash_token(uint64_t hash, int32_t token) {
  return (hash ^ (uint32_t)token) * 0x100000001b3u;
}

static uint64_t hash_finish(uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

static uint64_t hash_walk(const int32_t *tokens, int width, int height, trm__grid_walk walk) {
  uint64_t hash = HASH_START;
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) hash = hash_token(hash, tokens[walk.first + r * walk.down + c * walk.right]);
  return hash_finish(hash);
}

/* The cell that holds the token, or -1 when none or more than one does. */
static int maze_only(const int32_t *tokens, int cells, int32_t token) {
  int at = -1, count = 0;
  for (int i = 0; i < cells; i++)
    if (tokens[i] == token) at = i, count++;
  return count == 1 ? at : -1;
}

/* Where cell `at` of a grid lies in the image; -1 stays. */
static int64_t maze_place(int at, int transform, int width, int height) {
  trm__grid_walk back = trm__grid_walk_of(trm__dihedral_inverse(transform), width, height);
  return at < 0 ? at : back.first + at / width * back.down + at % width * back.right;
}

/* Of all images those in which start, then goal lie first, and of these the least hash: a choice among the images that
 * does not depend on which of them was given. Mostly one image is left and one hash computed. */
static uint64_t maze_key(const trm_task *task, const int32_t *tokens) {
  int width = task->width, height = task->height, transforms[8];
  int count = trm__grid_transforms(width, height, transforms);
  int start = maze_only(tokens, width * height, TRM__MAZE_START);
  int goal = maze_only(tokens, width * height, TRM__MAZE_GOAL);
  int64_t place[8], first = INT64_MAX;
  for (int k = 0; k < count; k++) {
    place[k] = maze_place(start, transforms[k], width, height) * width * height +
               maze_place(goal, transforms[k], width, height);
    if (place[k] < first) first = place[k];
  }
  uint64_t least = UINT64_MAX;
  for (int k = 0; k < count; k++) {
    if (place[k] != first) continue;
    uint64_t hash = hash_walk(tokens, width, height, trm__grid_walk_of(transforms[k], width, height));
    if (hash < least) least = hash;
  }
  return least;
}

uint64_t trm__question_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  if (task->kind == TRM_TASK_SUDOKU && cells <= 256) {
    uint8_t grid[256];
    trm__sudoku_cells(tokens, cells, grid);
    return trm_sudoku_invariant(task->width, grid);
  }
  if (task->kind == TRM_TASK_MAZE) return maze_key(task, tokens);
  uint64_t hash = HASH_START;
  for (size_t i = 0; i < cells; i++) hash = hash_token(hash, tokens[i]);
  return hash_finish(hash);
}

trm_status trm__classes_open(trm__classes *classes, size_t most, trm_error *err) {
  size_t slots = 64;
  while (slots / 2 < most) slots *= 2;
  *classes = (trm__classes){.mask = slots - 1};
  classes->key = trm__calloc(slots, sizeof *classes->key);
  classes->number = trm__calloc(slots, sizeof *classes->number);
  if (classes->key && classes->number) return TRM_OK;
  trm__classes_close(classes);
  return trm__fail_memory(err, "puzzles", slots * (sizeof *classes->key + sizeof *classes->number));
}

void trm__classes_close(trm__classes *classes) {
  trm__free(classes->key);
  trm__free(classes->number);
  *classes = (trm__classes){0};
}

/* The slot that holds the key, or the free one where it belongs. Keys are hashes, so their low bits are spread. */
static size_t classes_slot(const trm__classes *classes, uint64_t key) {
  size_t at = (size_t)key & classes->mask;
  while (classes->number[at] && classes->key[at] != key) at = (at + 1) & classes->mask;
  return at;
}

uint32_t trm__classes_add(trm__classes *classes, uint64_t key) {
  size_t at = classes_slot(classes, key);
  if (!classes->number[at]) {
    classes->key[at] = key;
    classes->number[at] = ++classes->count;
  }
  return classes->number[at] - 1;
}

int64_t trm__classes_find(const trm__classes *classes, uint64_t key) {
  return (int64_t)classes->number[classes_slot(classes, key)] - 1;
}
