/* Declared symmetries: see symmetry.h. The key is found as that of a Sudoku is (task/sudoku/invariant.c), by colour
 * refinement: cells, lines, bands and symbols have colours, which are mixed with those of their neighbours, added up so
 * that no order enters. What may be exchanged begins with one colour, what may not with its number. */
#include "task/generic/symmetry.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/nearest.h"
#include "task/grid.h"
#include "task/hash.h"

enum { ROUNDS = 6, SMALL = 1024 /* numbers that are kept on the stack */ };

static const char *const declared_words[] = {"symbols:", "dihedral", "rows", "columns", "bands:", "stacks:"};
enum { SYMBOLS, DIHEDRAL, ROWS, COLUMNS, BANDS, STACKS, WORDS };

/* -- reading ------------------------------------------------------------------------------------------------------- */

static trm_status declared_fail(const char *where, const char *word, size_t length, trm_error *err,
                                const char *problem) {
  return trm__fail(err, TRM_E_INPUT, where, "symmetries: \"%.*s\" %s", length < 60 ? (int)length : 60, word, problem);
}

/* Those whose name ends with a colon are followed by something. */
static int declared_find(const char *word, size_t length) {
  for (int i = 0; i < WORDS; i++) {
    size_t known = strlen(declared_words[i]);
    int open = declared_words[i][known - 1] == ':';
    if (strncmp(word, declared_words[i], known) == 0 && (open ? length > known : length == known)) return i;
  }
  return WORDS;
}

static trm_status declared_fail_unknown(const char *where, const char *word, size_t length, trm_error *err) {
  char typed[TRM__NEAREST_NAME], problem[200];
  (void)snprintf(typed, sizeof typed, "%.*s", length < sizeof typed ? (int)length : (int)sizeof typed - 1, word);
  trm__nearest nearest = trm__nearest_to(typed);
  for (int i = 0; i < WORDS; i++) trm__nearest_offer(&nearest, declared_words[i], strlen(declared_words[i]));
  (void)snprintf(problem, sizeof problem,
                 "is not known%s%s%s; expected symbols:ABC, dihedral, rows, columns, bands:N "
                 "or stacks:N",
                 nearest.name[0] ? ", did you mean " : "", nearest.name, nearest.name[0] ? "?" : "");
  return declared_fail(where, word, length, err, problem);
}

static trm_status declared_add_set(trm__declared *d, const trm_task *task, const char *where, const char *word,
                                   size_t length, trm_error *err) {
  size_t first = strlen(declared_words[SYMBOLS]);
  if (length - first < 2) return declared_fail(where, word, length, err, "has one symbol, expected two or more");
  d->sets++;
  for (size_t i = first; i < length; i++) {
    const char *symbol = strchr(task->alphabet, word[i]);
    char problem[80];
    int token = symbol ? (int)(symbol - task->alphabet) + 1 : 0;
    if (!token || d->set[token] || token == task->pad) {
      (void)snprintf(problem, sizeof problem, "has '%c', which %s", word[i],
                     !token               ? "is no symbol of the task"
                     : token == task->pad ? "fills the grid around puzzles"
                                          : "stands in it before");
      return declared_fail(where, word, length, err, problem);
    }
    d->set[token] = (uint8_t)d->sets;
  }
  return TRM_OK;
}

/* bands:N, stacks:N; 0 when it is no number that divides the lines of the grid. */
static int declared_number(const char *text, size_t length, int of) {
  int number = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9' || number > 9999) return 0;
    number = 10 * number + (text[i] - '0');
  }
  return number > 1 && number < of && of % number == 0 ? number : 0;
}

static trm_status declared_add_lines(trm__declared *d, const trm_task *task, int found, const char *where,
                                     const char *word, size_t length, trm_error *err) {
  int columns = found == COLUMNS || found == STACKS, of = columns ? task->width : task->height;
  size_t name = strlen(declared_words[found]);
  char problem[120];
  if (d->lines[columns] != 1)
    return declared_fail(where, word, length, err, "says once more how lines may be exchanged, expected one word");
  d->lines[columns] = found == ROWS || found == COLUMNS ? of : declared_number(word + name, length - name, of);
  if (of > 1 && d->lines[columns] > 1) return TRM_OK;
  (void)snprintf(problem, sizeof problem, "does not fit a grid of %d %s%s", of, columns ? "column" : "row",
                 of == 1 ? "" : "s, expected a number over 1 that divides it into bands");
  return declared_fail(where, word, length, err, problem);
}

static trm_status declared_add(trm__declared *d, const trm_task *task, const char *where, const char *word,
                               size_t length, trm_error *err) {
  int found = declared_find(word, length);
  if (found == WORDS) return declared_fail_unknown(where, word, length, err);
  if (found == SYMBOLS) return declared_add_set(d, task, where, word, length, err);
  if (found != DIHEDRAL) return declared_add_lines(d, task, found, where, word, length, err);
  if (d->dihedral) return declared_fail(where, word, length, err, "stands twice");
  d->dihedral = 1;
  return TRM_OK;
}

trm_status trm__declared_read(trm__declared *out, const trm_task *task, const char *where, trm_error *err) {
  trm__declared d = {.lines = {1, 1}};
  const char *word = task->symmetries + strspn(task->symmetries, " ");
  if (*word && (task->vocab_size > TRM__SYMMETRY_TOKENS || task->width * task->height > TRM__SYMMETRY_CELLS))
    return trm__fail(err, TRM_E_INPUT, where,
                     "symmetries: the grid has %d cells and %d tokens, expected at most %d "
                     "and %d",
                     task->width * task->height, task->vocab_size, TRM__SYMMETRY_CELLS, TRM__SYMMETRY_TOKENS);
  while (*word) {
    size_t length = strcspn(word, " ");
    trm_status status = declared_add(&d, task, where, word, length, err);
    if (status) return status;
    word += length;
    word += strspn(word, " ");
  }
  if (d.dihedral && task->width == task->height && d.lines[0] != d.lines[1])
    return trm__fail(err, TRM_E_INPUT, where,
                     "symmetries: \"dihedral\" turns rows into columns, expected the same of both: rows and columns, "
                     "bands:N and stacks:N, or neither");
  *out = d;
  return TRM_OK;
}

/* -- drawing ------------------------------------------------------------------------------------------------------- */

/* Random order of so many blocks of lines (Fisher and Yates). */
static void declared_shuffle(trm__rng *rng, uint16_t *order, int blocks, int size) {
  for (int i = blocks - 1; i > 0; i--) {
    int j = (int)trm__rng_below(rng, (uint32_t)i + 1);
    for (int k = 0; k < size && j != i; k++) {
      uint16_t kept = order[i * size + k];
      order[i * size + k] = order[j * size + k];
      order[j * size + k] = kept;
    }
  }
}

/* order [count]: lines in random order, bands of `band` as wholes; 1: as they are. */
static void declared_draw_lines(trm__rng *rng, int band, int count, uint16_t *order) {
  for (int i = 0; i < count; i++) order[i] = (uint16_t)i;
  if (band == 1) return;
  declared_shuffle(rng, order, count / band, band);
  for (int first = 0; first < count; first += band) declared_shuffle(rng, order + first, band, 1);
}

static void declared_draw_names(const trm__declared *d, trm__rng *rng, trm__symmetry *symmetry) {
  for (int set = 1; set <= d->sets; set++) {
    uint32_t members[TRM__SYMMETRY_TOKENS], count = 0, at = 0;
    for (int t = 0; t < symmetry->tokens; t++)
      if (d->set[t] == set) members[count++] = (uint32_t)t;
    trm__rng_shuffle(rng, members, count);
    for (int t = 0; t < symmetry->tokens; t++)
      if (d->set[t] == set) symmetry->name[t] = (uint16_t)members[at++];
  }
}

void trm__declared_draw(const trm__declared *d, const trm_task *task, trm__rng *rng, trm__symmetry *symmetry) {
  int width = task->width, height = task->height, transforms[8], transform = 0;
  uint16_t rows[TRM__SYMMETRY_CELLS + 1], *columns = rows + height; /* height + width is at most cells + 1 */
  declared_draw_lines(rng, d->lines[0], height, rows);
  declared_draw_lines(rng, d->lines[1], width, columns);
  if (d->dihedral)
    transform = transforms[trm__rng_below(rng, (uint32_t)trm__grid_transforms(width, height, transforms))];
  trm__grid_walk walk = trm__grid_walk_of(transform, width, height);
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) {
      int at = walk.first + r * walk.down + c * walk.right;
      symmetry->from[r * width + c] = (uint16_t)(rows[at / width] * width + columns[at % width]);
    }
  declared_draw_names(d, rng, symmetry);
}

/* -- keys ---------------------------------------------------------------------------------------------------------- */

/* Colours of rows and columns, of their bands, of symbols and cells: parts of one array. */
typedef struct colours {
  uint64_t *line[2], *band[2], *symbol, *cell;
} colours;

static size_t colours_count(const trm_task *task) {
  return 2 * (size_t)(task->height + task->width) + (size_t)task->vocab_size + (size_t)(task->width * task->height);
}

static colours colours_in(uint64_t *room, const trm_task *task) {
  colours c;
  c.line[0] = room, c.line[1] = c.line[0] + task->height;
  c.band[0] = c.line[1] + task->width, c.band[1] = c.band[0] + task->height;
  c.symbol = c.band[1] + task->width, c.cell = c.symbol + task->vocab_size;
  return c;
}

static uint64_t colours_mix(uint64_t x) {
  return trm__hash_finish(x + 0x9e3779b97f4a7c15u);
}

static void colours_begin(const colours *now, const trm__declared *d, const trm_task *task) {
  const int count[2] = {task->height, task->width};
  for (int way = 0; way < 2; way++)
    for (int i = 0; i < count[way]; i++) now->line[way][i] = d->lines[way] == 1 ? colours_mix((uint64_t)i + 1) : 0;
  for (int t = 0; t < task->vocab_size; t++)
    now->symbol[t] = colours_mix(d->set[t] ? 1000u + d->set[t] : 2000u + (unsigned)t);
}

/* Cells take in the colours of their lines and symbols, and these those of their cells; sum is all 0. */
static void colours_refine_cells(const colours *now, const colours *sum, const trm_task *task, const int32_t *image) {
  for (int i = 0; i < task->width * task->height; i++) {
    int r = i / task->width, c = i % task->width, t = image[i];
    uint64_t mixed = colours_mix(now->cell[i] + colours_mix(now->line[0][r] + 3) + colours_mix(now->line[1][c] + 5) +
                                 colours_mix(now->symbol[t] + 7));
    now->cell[i] = mixed;
    sum->line[0][r] += mixed, sum->line[1][c] += mixed, sum->symbol[t] += mixed;
  }
  for (int t = 0; t < task->vocab_size; t++) now->symbol[t] = colours_mix(now->symbol[t] + colours_mix(sum->symbol[t]));
}

/* Lines take in those of their cells and then of their band, which has taken in those of its lines. */
static void colours_refine_lines(const colours *now, const colours *sum, int way, int count, int band) {
  for (int i = 0; i < count; i++) {
    now->line[way][i] = colours_mix(now->line[way][i] + colours_mix(sum->line[way][i]));
    sum->band[way][i / band] += colours_mix(now->line[way][i] + 11);
  }
  for (int b = 0; b < count / band; b++)
    now->band[way][b] = colours_mix(now->band[way][b] + colours_mix(sum->band[way][b]));
  for (int i = 0; i < count; i++) now->line[way][i] += colours_mix(now->band[way][i / band] + 13);
}

/* Of one image. room [2][colours_count]. */
static uint64_t declared_hash(const trm__declared *d, const trm_task *task, const int32_t *image, uint64_t *room) {
  size_t count = colours_count(task);
  colours now = colours_in(room, task), sum = colours_in(room + count, task);
  uint64_t all = 0;
  memset(room, 0, count * sizeof *room);
  colours_begin(&now, d, task);
  for (int round = 0; round < ROUNDS; round++) {
    memset(room + count, 0, count * sizeof *room);
    colours_refine_cells(&now, &sum, task, image);
    colours_refine_lines(&now, &sum, 0, task->height, d->lines[0]);
    colours_refine_lines(&now, &sum, 1, task->width, d->lines[1]);
  }
  for (int i = 0; i < task->width * task->height; i++) all += colours_mix(now.cell[i]);
  return colours_mix(all);
}

/* Turned and mirrored images are added up, so that it does not matter which of them is the question. */
static uint64_t declared_hash_images(const trm__declared *d, const trm_task *task, const int32_t *tokens,
                                     uint64_t *room, int32_t *image) {
  int transforms[8], count = trm__grid_transforms(task->width, task->height, transforms);
  uint64_t all = 0;
  if (!d->dihedral) return declared_hash(d, task, tokens, room);
  for (int k = 0; k < count; k++) {
    trm__grid_dihedral(transforms[k], task->width, task->height, tokens, image);
    all += declared_hash(d, task, image, room);
  }
  return colours_mix(all);
}

uint64_t trm__declared_key(const trm__declared *d, const trm_task *task, const int32_t *tokens) {
  uint64_t little[SMALL], *room = little, key;
  size_t cells = (size_t)(task->width * task->height), wanted = 2 * colours_count(task) + (cells + 1) / 2;
  if (wanted > SMALL && !(room = trm__calloc(wanted, sizeof *room))) return 0; /* without memory all are the same */
  key = declared_hash_images(d, task, tokens, room, (int32_t *)(void *)(room + 2 * colours_count(task)));
  if (room != little) trm__free(room);
  return key;
}
