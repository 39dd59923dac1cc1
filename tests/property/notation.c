/* What must hold of puzzle text, over many random puzzles in every notation: with random frames, blanks, titles,
 * comments and notes a puzzle reads back as it was; and when one cell is deleted, doubled or changed, it is read as
 * what it now says or refused with its place, never as another puzzle. */
#include "support/check.h"

#include "base/rng.h"
#include "data/format/texts.h"

#define CELLS 256
#define ROOM 8192

enum {
  ONE_LINE,
  ROWS,
  SPACED,
  GROUPED,
  FRAMED,
  BOXED,
  TABBED,
  COMMAS,
  LIST,
  LISTS,
  STRINGS,
  EMPTY_FIELDS,
  NUMBERS,
  HEX,
  NOTATIONS
};

/* A puzzle on its way into text; cell: where the text of each cell begins. */
typedef struct rendering {
  trm_task task;
  int32_t tokens[CELLS];
  int side, notation, frame;
  const char *blank;
  char text[ROOM];
  size_t length, cell[CELLS], size[CELLS];
} rendering;

/* cmocka's own stumbles over long texts. */
#define fail_with(...) (fprintf(stderr, __VA_ARGS__), fail())

static void put(rendering *r, const char *text) {
  size_t length = strlen(text);
  assert_true(r->length + length < ROOM);
  memcpy(r->text + r->length, text, length + 1);
  r->length += length;
}

static int below(trm__rng *rng, int n) {
  return (int)trm__rng_below(rng, (uint32_t)n);
}

static const char *one_of(trm__rng *rng, const char *const *words, int count) {
  return words[below(rng, count)];
}

static void put_cell(rendering *r, int i) {
  char text[16];
  int value = r->tokens[i] - 1;
  if (r->notation == HEX && value) (void)snprintf(text, sizeof text, "%x", value - 1);
  else if (!value) (void)snprintf(text, sizeof text, "%s", r->blank);
  else if (r->notation == NUMBERS || r->notation == LIST || r->notation == LISTS)
    (void)snprintf(text, sizeof text, "%d", value);
  else (void)snprintf(text, sizeof text, "%c", r->task.alphabet[value]);
  r->cell[i] = r->length;
  r->size[i] = strlen(text);
  put(r, text);
}

static void put_frame(rendering *r) {
  static const char *const styles[][3] = {{"+", "-", "+"}, {"*", "-", "*"},
                                          {".", "-", "."}, {"'", "-", "'"},
                                          {":", "=", ":"}, {"\xe2\x94\x8c", "\xe2\x94\x80", "\xe2\x94\xac"}};
  const char *const *s = styles[r->frame];
  put(r, s[0]);
  for (int box = 0; box < r->side; box += r->task.box_width) {
    for (int i = 0; i < 2 * r->task.box_width + 1; i++) put(r, s[1]);
    put(r, s[2]);
  }
  put(r, "\n");
}

/* What stands before cell i of a row, and what behind the last. */
static void put_between(rendering *r, int column) {
  int box = r->task.box_width, inner = column > 0 && column < r->side, edge = column % box == 0;
  switch (r->notation) {
  case SPACED:
  case NUMBERS:
    if (inner) put(r, " ");
    break;
  case GROUPED:
    if (inner && edge) put(r, " ");
    break;
  case FRAMED:
    put(r, edge ? column == 0 ? "| " : column == r->side ? " |" : " | " : " ");
    break;
  case BOXED:
    if (edge) put(r, r->frame % 2 ? "|" : "\xe2\x94\x82");
    break;
  case TABBED:
    if (inner) put(r, "\t");
    break;
  case COMMAS:
  case EMPTY_FIELDS:
    if (inner) put(r, ",");
    break;
  case LIST:
  case LISTS:
    if (inner) put(r, ", ");
    break;
  default:
    break;
  }
}

static void put_row(rendering *r, int row) {
  int framed = r->notation == FRAMED || r->notation == BOXED;
  if (framed && row % r->task.box_height == 0) put_frame(r);
  if (r->notation == STRINGS) put(r, row ? ", \"" : "\"");
  if (r->notation == LISTS) put(r, row ? ", [" : "[");
  if (r->notation == LIST && row) put(r, ", ");
  for (int i = 0; i < r->side; i++) {
    put_between(r, i);
    put_cell(r, row * r->side + i);
  }
  put_between(r, r->side);
  if (r->notation == STRINGS) put(r, "\"");
  if (r->notation == LISTS) put(r, "]");
  if (r->notation != ONE_LINE && r->notation != LIST && r->notation != LISTS && r->notation != STRINGS) put(r, "\n");
  if (framed && row + 1 == r->side) put_frame(r);
}

static void put_puzzle(rendering *r) {
  int list = r->notation == LIST || r->notation == LISTS || r->notation == STRINGS;
  r->length = 0;
  r->text[0] = 0;
  if (list) put(r, "[");
  for (int row = 0; row < r->side; row++) put_row(r, row);
  if (list) put(r, "]");
}

/* A random puzzle that could be one: about half of its cells are clues; the highest digit is among them. */
static void begin(rendering *r, trm__rng *rng) {
  static const int sides[] = {4, 6, 9, 16};
  static const char *const blanks[] = {".", "0", "_", "*", "x", "X", "-"}, *const numbers[] = {".", "0", "None"};
  r->side = sides[below(rng, 4)];
  r->task = trm_task_sudoku(r->side);
  r->notation = below(rng, r->side == 16 ? NOTATIONS : NUMBERS);
  r->frame = below(rng, 6);
  r->blank = one_of(rng, blanks, 7);
  if (r->notation == LIST || r->notation == LISTS) r->blank = numbers[1 + below(rng, 2)];
  if (r->notation == NUMBERS) r->blank = numbers[below(rng, 2)];
  if (r->notation == HEX) r->blank = ".";
  if (r->notation == EMPTY_FIELDS) r->blank = "";
  int cells = r->side * r->side;
  for (int i = 0; i < cells; i++) r->tokens[i] = 1 + (below(rng, 2) ? 1 + below(rng, r->side) : 0);
  for (int i = 0; i < cells; i += r->side)
    r->tokens[i] = 1 + r->side, r->tokens[i + 1] = 1; /* no row of one kind alone */
  for (int i = 2; i < cells && r->notation == HEX; i += 5 * r->side) r->tokens[i] = 2;
  for (int i = 0; i < cells && r->notation == HEX; i += r->side) r->tokens[i + 3] = 2 + i / r->side;
}

static trm_status read_back(const rendering *r, int32_t *tokens, trm_error *err) {
  *err = (trm_error){0};
  return trm_task_parse(&r->task, r->text, r->length, tokens, CELLS, err);
}

static int same(const rendering *r, const int32_t *tokens) {
  return memcmp(r->tokens, tokens, sizeof *tokens * (size_t)(r->side * r->side)) == 0;
}

static void splice(rendering *r, size_t at, size_t size, const char *text) {
  size_t added = strlen(text);
  memmove(r->text + at + added, r->text + at + size, r->length - at - size + 1);
  memcpy(r->text + at, text, added);
  r->length += added - size;
}

/* Blanks are spaces: between frames, or on lines that lose those at their ends. */
static void test_spaces(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(4, 0, 0);
  for (int round = 0; round < 500; round++) {
    rendering r;
    int32_t tokens[CELLS];
    trm_error err;
    do begin(&r, &rng);
    while (r.side == 16);
    r.blank = " ";
    r.notation = below(&rng, 2) ? BOXED : ROWS;
    put_puzzle(&r);
    for (size_t i = 0; r.notation == ROWS && i < r.length; i++)
      while (i && r.text[i] == '\n' && r.text[i - 1] == ' ') splice(&r, --i, 1, "");
    if (read_back(&r, tokens, &err) || !same(&r, tokens)) fail_with("%s %s\n%s", err.where, err.message, r.text);
    int i = below(&rng, r.side * r.side);
    if (r.notation == ROWS || r.tokens[i] == 1) continue;
    splice(&r, r.cell[i], 1, ""); /* between frames, a row that is short is seen */
    assert_int_equal(read_back(&r, tokens, &err), TRM_E_INPUT);
  }
}

static void test_round_trips(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(1, 0, 0);
  for (int round = 0; round < 4000; round++) {
    rendering r;
    int32_t tokens[CELLS];
    trm_error err;
    begin(&r, &rng);
    put_puzzle(&r);
    if (read_back(&r, tokens, &err) || !same(&r, tokens))
      fail_with("round %d, notation %d: %s %s\n%s", round, r.notation, err.where, err.message, r.text);
  }
}

/* -- one cell ------------------------------------------------------------------------------------------------------ */

/* What a changed cell says; -1: nothing. */
static int32_t meaning(const rendering *r, const char *text) {
  const char *symbol = strchr(r->task.alphabet, text[0]), *hex = "0123456789abcdef",
             *hex_found = strchr(hex, text[0] | 0x20);
  if (r->notation == HEX && text[0] != '0' && !text[1] && hex_found) return 2 + (int32_t)(hex_found - hex);
  if (r->notation == HEX && text[0] == '0' && !text[1]) return 2;
  if (r->notation != NUMBERS && r->notation != LIST && r->notation != LISTS) {
    if (strlen(text) > 1) return -1;
    if (text[0] >= 'a' && text[0] <= 'g') symbol = strchr(r->task.alphabet, text[0] - 'a' + 'A');
    return strchr("._*0xX- ", text[0]) ? 1 : symbol ? (int32_t)(symbol - r->task.alphabet) + 1 : -1;
  }
  int value = 0;
  for (const char *c = text; *c; c++) value = *c >= '0' && *c <= '9' ? 10 * value + *c - '0' : 1000;
  if (value <= r->side) return 1 + value;
  return strlen(text) == 1 && strchr("._*xX- ", text[0]) ? 1
         : symbol && !text[1]                            ? (int32_t)(symbol - r->task.alphabet) + 1
                                                         : -1;
}

/* 1 when the message names the cell's row, wherever rows can be seen. It does not when the row is taken for a drawn
 * line or for words and is missed as a whole, or when two readings of the whole puzzle contradict each other. */
static int names_row(const rendering *r, int cell, const trm_error *err) {
  char row[32];
  (void)snprintf(row, sizeof row, "row %d", cell / r->side + 1);
  int lines = r->notation != ONE_LINE && r->notation != LIST && r->notation != STRINGS;
  return !lines || strstr(err->message, row) != NULL;
}

static void test_single_cells(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(2, 0, 0);
  int kept = 0, refused = 0, named = 0;
  for (int round = 0; round < 20000; round++) {
    rendering r;
    int32_t tokens[CELLS];
    trm_error err;
    char now[64] = "", was[16];
    begin(&r, &rng);
    put_puzzle(&r);
    int i = below(&rng, r.side * r.side), how = below(&rng, 3);
    (void)snprintf(was, sizeof was, "%.*s", (int)r.size[i], r.text + r.cell[i]);
    if (how == 1) (void)snprintf(now, sizeof now, "%s%s", was, was);
    if (how == 2) now[0] = (char)(0x20 + below(&rng, 95));
    splice(&r, r.cell[i], r.size[i], now);
    if (read_back(&r, tokens, &err)) {
      refused++;
      assert_true(err.where[0] && err.message[0]);
      named += names_row(&r, i, &err);
      continue;
    }
    kept++;
    r.tokens[i] = now[0] ? meaning(&r, now) : 1; /* an empty field is a blank */
    if (!same(&r, tokens))
      fail_with("round %d, notation %d, cell %d, '%s' for '%s': read as another puzzle\n%s", round, r.notation, i, now,
                was, r.text);
  }
  assert_true(kept > 2000 && refused > 8000 && named > 0.95 * refused);
}

/* -- many in a text ------------------------------------------------------------------------------------------------ */

typedef struct document {
  char text[4 * ROOM];
  size_t length;
} document;

static void add(document *d, const char *text) {
  size_t length = strlen(text);
  assert_true(d->length + length < sizeof d->text);
  memcpy(d->text + d->length, text, length + 1);
  d->length += length;
}

/* Reads all of a text as the program does. Returns the puzzles found, which must be those expected. */
static int read_document(const document *d, const rendering *expected, int count) {
  trm__texts texts;
  trm__texts_puzzle found;
  int read = 0, ended = 0;
  trm__texts_open(&texts, &expected[0].task);
  for (size_t begun = 0, at = 0; !ended;) {
    const char *newline = at < d->length ? memchr(d->text + at, '\n', d->length - at) : NULL;
    size_t length = newline ? (size_t)(newline - d->text) + 1 - at : d->length - at;
    trm__texts_answer answer = TRM__TEXTS_DROP;
    if (length) answer = trm__texts_line(&texts, d->text + at, length, &found);
    else if (trm__texts_end(&texts, 0, &found)) answer = TRM__TEXTS_PUZZLE;
    else ended = 1;
    if (answer == TRM__TEXTS_PUZZLE) {
      int32_t tokens[CELLS];
      trm_error err = {0};
      if (read == count || trm_task_parse(&texts.task, d->text + begun, found.size, tokens, CELLS, &err) ||
          !same(&expected[read], tokens))
        fail_with("puzzle %d of %d: %s %s in\n%.400s", read + 1, count, err.where, err.message, d->text + begun);
      read++;
      begun += found.used;
      at = begun;
    } else {
      at += length;
      if (answer == TRM__TEXTS_DROP) begun = at;
    }
  }
  return read;
}

/* An empty line between two bands of boxes. */
static void put_bands_apart(rendering *r) {
  int row = 0;
  if (r->notation != ROWS && r->notation != SPACED && r->notation != GROUPED) return;
  for (size_t i = 0; i < r->length; i++)
    if (r->text[i] == '\n' && ++row % r->task.box_height == 0 && row < r->side) splice(r, ++i, 0, "\n");
}

static void put_returns(rendering *r) {
  for (size_t i = 0; i < r->length; i++)
    if (r->text[i] == '\n') splice(r, i++, 0, "\r");
}

static void test_documents(void **state) {
  (void)state;
  static const char *const before[] = {"",
                                       "Grid 01\n",
                                       "# a comment\n",
                                       "#AAnon\n#DMade up\n#B01-02-2025\n",
                                       "[Puzzle]\n",
                                       "\n\n",
                                       "; easy\n// from a book\n",
                                       "Sudoku No. 7, by hand\n",
                                       "\t\n"};
  static const char *const behind[] = {"\n",          "\n\n",    "\nRating: 3.5, 24 clues\n\n",
                                       "\n# end\n\n", "\n \t\n", "\n[State]\n1...\n....\n..2.\n....\n[Puzzle]\n"};
  trm__rng rng = trm__rng_make(3, 0, 0);
  static rendering puzzle[4];
  static document d;
  for (int round = 0; round < 3000; round++) {
    int count = 1 + below(&rng, 4), mark = below(&rng, 4) == 0;
    d.length = 0;
    if (mark) add(&d, "\xef\xbb\xbf");
    for (int i = 0; i < count; i++) {
      do begin(&puzzle[i], &rng);
      while (i && puzzle[i].side != puzzle[0].side);
      put_puzzle(&puzzle[i]);
      if (below(&rng, 4) == 0) put_bands_apart(&puzzle[i]);
      if (below(&rng, 4) == 0) put_returns(&puzzle[i]);
      add(&d, one_of(&rng, before, 9));
      add(&d, puzzle[i].text);
      if (puzzle[i].notation == ONE_LINE && below(&rng, 3) == 0) add(&d, below(&rng, 2) ? "  # made up" : " 3.25 easy");
      add(&d, one_of(&rng, behind, 6));
    }
    assert_int_equal(read_document(&d, puzzle, count), count);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trips),
      cmocka_unit_test(test_spaces),
      cmocka_unit_test(test_single_cells),
      cmocka_unit_test(test_documents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
