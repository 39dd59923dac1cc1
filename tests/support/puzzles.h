/* Reading the real puzzle files where they are present, and a slow independent solver to check the fast one with. */
#ifndef TRM_TESTS_SUPPORT_PUZZLES_H
#define TRM_TESTS_SUPPORT_PUZZLES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct puzzle_file {
  int count, cells;
  char *text; /* [count][2][cells]: question, answer */
  double *rating;
} puzzle_file;

/* 0 and a note when the file is absent. Lines: source,question,answer,rating. */
static inline int puzzle_file_read(puzzle_file *file, const char *path, int cells) {
  static char line[8192];
  FILE *in = fopen(path, "r");
  if (!in) {
    printf("NOTE: %s is not here: what it would check is skipped\n", path);
    return 0;
  }
  *file = (puzzle_file){.cells = cells};
  size_t room = 4096, pair = 2 * (size_t)cells;
  file->text = malloc(room * pair);
  file->rating = malloc(room * sizeof *file->rating);
  while (fgets(line, sizeof line, in)) {
    char *question = strchr(line, ',');
    if (!question || strncmp(line, "source,", 7) == 0 || (size_t)file->count >= room) continue;
    memcpy(file->text + (size_t)file->count * pair, question + 1, (size_t)cells);
    memcpy(file->text + (size_t)file->count * pair + cells, question + 2 + cells, (size_t)cells);
    file->rating[file->count++] = atof(question + 3 + 2 * cells);
  }
  fclose(in);
  return file->count > 0;
}

static inline void puzzle_file_free(puzzle_file *file) {
  free(file->text);
  free(file->rating);
}

static inline const char *puzzle_text(const puzzle_file *file, int i, int answer) {
  return file->text + ((size_t)i * 2 + (size_t)answer) * (size_t)file->cells;
}

/* '.' and '0' are blanks; digits, then A..G. */
static inline void puzzle_cells(const char *text, int cells, uint8_t *out) {
  for (int i = 0; i < cells; i++) {
    char c = text[i];
    out[i] = c >= '1' && c <= '9' ? (uint8_t)(c - '0') : c >= 'A' && c <= 'G' ? (uint8_t)(c - 'A' + 10) : 0;
  }
}

static inline int brute_allowed(int n, int bw, int bh, const uint8_t *cells, int at, int v) {
  int r = at / n, c = at % n;
  for (int k = 0; k < n; k++) {
    int box = (r / bh * bh + k / bw) * n + c / bw * bw + k % bw;
    if (cells[r * n + k] == v || cells[k * n + c] == v || cells[box] == v) return 0;
  }
  return 1;
}

static inline int brute_options(int n, int bw, int bh, const uint8_t *cells, int at) {
  int count = 0;
  for (int v = 1; v <= n; v++) count += brute_allowed(n, bw, bh, cells, at, v);
  return count;
}

/* Plain backtracking on the cell with the fewest options, sharing nothing with the solver: solutions up to limit. The
 * clues must not contradict. */
static inline int brute_count(int n, int bw, int bh, uint8_t *cells, int limit) {
  int at = -1, fewest = n + 1;
  for (int i = 0; i < n * n; i++) {
    int options = cells[i] ? n + 1 : brute_options(n, bw, bh, cells, i);
    if (options < fewest) at = i, fewest = options;
  }
  if (at < 0) return 1;
  int found = 0;
  for (int v = 1; v <= n && found < limit; v++) {
    if (!brute_allowed(n, bw, bh, cells, at, v)) continue;
    cells[at] = (uint8_t)v;
    found += brute_count(n, bw, bh, cells, limit - found);
    cells[at] = 0;
  }
  return found;
}

/* Every row, column and box a permutation. */
static inline int grid_valid(int n, int bw, int bh, const uint8_t *cells) {
  uint8_t rest[256];
  for (int i = 0; i < n * n; i++) {
    memcpy(rest, cells, (size_t)(n * n));
    rest[i] = 0;
    if (cells[i] < 1 || cells[i] > n || !brute_allowed(n, bw, bh, rest, i, cells[i])) return 0;
  }
  return 1;
}

static inline int box_width_of(int n) {
  return n == 4 ? 2 : n == 16 ? 4 : 3;
}
static inline int box_height_of(int n) {
  return n == 9 ? 3 : n == 16 ? 4 : 2;
}

#endif
