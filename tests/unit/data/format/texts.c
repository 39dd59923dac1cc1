/* Where puzzles lie in a text, and the page that lists the notations: every example of docs/puzzles.md is the puzzle
 * that it says. */
#include "support/check.h"

#include "data/format/texts.h"

#define PUZZLE "4.322314...33.4."
#define NINE "4..63..879.8..7..217.89.543..438.71..93714.....1.25.3...5249378.4..68.9128....4.."
static const char sixteen[] =
    ".B6GD.1A2F.4.C.3C745.69G..A82D1FD93172F4G56.8EA..F..BC8..13D.69G.C14EB.DA3.G9F.2.E8A29..F4D735G66G.D..5FE21B.AC42."
    "F3A4G.89C6.BD.5DB7.GA368.9124EA..F.DE9.BG3C85..1CE4F.8D7.5G36A.4G857.61CEAB9F.4AD9..725G.EF13.125C.A4.3....GB8F8E."
    "G5.BCA.1D72.G37B.1DC9.8..4E5";

#define MOST 20

/* What a text holds: puzzles as lines of symbols, or what is wrong with them. */
typedef struct findings {
  int count;
  char line[MOST][300];
} findings;

static void take(findings *f, const trm_task *task, const char *text, size_t size) {
  int32_t tokens[900];
  trm_error err = {0};
  assert_true(f->count < MOST);
  char *line = f->line[f->count++];
  if (trm_task_parse(task, text, size, tokens, 900, &err))
    (void)snprintf(line, 300, "%.60s: %.200s", err.where, err.message);
  else CHECK_OK(trm_task_render(task, tokens, line, 300, &err), err);
}

/* pause: after every line nothing more is there at the moment. */
static findings find(const trm_task *task, const char *text, size_t length, int pause) {
  findings f = {0};
  trm__texts texts;
  trm__texts_puzzle found;
  trm__texts_open(&texts, task);
  for (size_t begun = 0, at = 0, ended = 0; !ended;) {
    const char *newline = at < length ? memchr(text + at, '\n', length - at) : NULL;
    size_t line = newline ? (size_t)(newline - text) + 1 - at : length - at;
    trm__texts_answer answer = TRM__TEXTS_DROP;
    if (pause && trm__texts_end(&texts, 1, &found)) answer = TRM__TEXTS_PUZZLE;
    else if (line) answer = trm__texts_line(&texts, text + at, line, &found);
    else if (trm__texts_end(&texts, 0, &found)) answer = TRM__TEXTS_PUZZLE;
    else ended = 1;
    at += line;
    if (answer == TRM__TEXTS_PUZZLE) {
      assert_true(found.size <= found.used && begun + found.used <= length);
      take(&f, task, text + begun, found.size);
      at = begun += found.used;
    } else if (answer == TRM__TEXTS_DROP) begun = at;
  }
  return f;
}

/* expected: as many as the text should hold, then NULL. */
static void holds(int side, const char *text, const char *const *expected) {
  trm_task task = trm_task_sudoku(side);
  findings f = find(&task, text, strlen(text), 0);
  for (int i = 0; i < f.count; i++) {
    if (!expected[i] || strncmp(f.line[i], expected[i], strlen(expected[i])) != 0) printf("%s\n", f.line[i]);
    assert_non_null(expected[i]);
    assert_memory_equal(f.line[i], expected[i], strlen(expected[i]));
  }
  assert_null(expected[f.count]);
}
#define HOLDS(text, ...) holds(4, text, (const char *const[]){__VA_ARGS__, NULL})

#define ROWS "4.32\n2314\n...3\n3.4.\n"

static void test_lines(void **state) {
  (void)state;
  HOLDS(PUZZLE, PUZZLE);
  HOLDS("\xef\xbb\xbf" PUZZLE "\r\n\r\n" PUZZLE "\r\n", PUZZLE, PUZZLE);
  HOLDS("# two\n" PUZZLE "\n; and\n" PUZZLE " # more\n", PUZZLE, PUZZLE);
  HOLDS("puzzle\n" PUZZLE "\n", PUZZLE);
  HOLDS("no-1 " PUZZLE " 3.2\n1 " PUZZLE ",4132231414233241\n", PUZZLE, PUZZLE);
  /* A bad line is lost alone, whatever its length. */
  HOLDS(PUZZLE "\n12\n" PUZZLE "\n4.322314...33.4\n" PUZZLE "\n", PUZZLE,
        "puzzle: found 2 cells, expected 16 (4 rows of 4)", PUZZLE, "puzzle: found 15 cells", PUZZLE);
  HOLDS(PUZZLE "\n4.32231y...33.4.\n" PUZZLE "\n", PUZZLE, "line 1, column 8: found 'y'", PUZZLE);
  /* Two puzzles on a line are not one. */
  HOLDS(PUZZLE "\n" PUZZLE " " PUZZLE "\n", PUZZLE, "puzzle: found 32 cells");
}

static void test_grids(void **state) {
  (void)state;
  HOLDS(ROWS, PUZZLE);
  HOLDS(ROWS "\n" ROWS "\t\n" ROWS, PUZZLE, PUZZLE, PUZZLE);
  HOLDS(ROWS ROWS ROWS, PUZZLE, PUZZLE, PUZZLE);
  HOLDS("Grid 01\n" ROWS "Grid 02\n" ROWS, PUZZLE, PUZZLE);
  HOLDS(ROWS PUZZLE "\n" ROWS "# end\n", PUZZLE, PUZZLE, PUZZLE);
  HOLDS("4.32\n# half\n2314\n-----\n...3\n3.4.\n", PUZZLE);
  HOLDS("4.32\n2314\n\n...3\n3.4.\n\n" ROWS, PUZZLE, PUZZLE);
  HOLDS("4.32\n\n2314\n\n...3\n\n3.4.\n\n" ROWS, PUZZLE, PUZZLE);
  HOLDS("puzzle = \"\"\"\n" ROWS "\"\"\"\nNote\n" ROWS, PUZZLE, PUZZLE);
  HOLDS("4 32\n2314\n   3\n3 4 \n\n" ROWS, PUZZLE, PUZZLE);
  HOLDS("| 4   | 3 2 |\n| 2 3 | 1 4 |\n|     |   3 |\n| 3   | 4   |\n", PUZZLE);
  HOLDS("| 4  | 3 2 |\n| 2 3 | 1 4 |\n|     |   3 |\n| 3   | 4   |\n", "line 1, column 1: row 1: 3 cells, expected 4");
  HOLDS("[Puzzle]\n" ROWS "[State]\n4132\n2314\n...3\n3.4.\n\n[Puzzle]\n" ROWS, PUZZLE, PUZZLE);
  /* Bad ones. */
  HOLDS("4.32\n2314\n\n\n" ROWS, "line 1, column 1: 2 rows of 4 cells, expected 4", PUZZLE);
  HOLDS("4.32\n231\n...3\n3.4.\n\n" ROWS, "line 2, column 1: row 2: 3 cells, expected 4", PUZZLE);
  HOLDS(ROWS "4.32\n\n" ROWS, "line 1, column 1: 5 rows of 4 cells, expected 4", PUZZLE);
  HOLDS(ROWS "\n1\n\n" ROWS, PUZZLE, "puzzle: found 1 cell, expected 16", PUZZLE);
  HOLDS("4.32\n2314\nno more\n" ROWS, "line 1, column 1: 2 rows of 4 cells, expected 4", PUZZLE);
}

/* A line of dashes is a row where one is missing. */
static void test_dashes(void **state) {
  (void)state;
  HOLDS("4-32\n2314\n----\n3-4-\n", "4.322314....3.4.");
  HOLDS("4-32\n2314\n----\n---3\n3-4-\n", PUZZLE);
  HOLDS("----\n" ROWS "----\n\n" ROWS, PUZZLE, PUZZLE);
  HOLDS("4-32\n2314\n-----\n3-4-\n", "line 3, column 1: these dashes are no drawn line nor a row");
}

static void test_lists(void **state) {
  (void)state;
  HOLDS("[[4,0,3,2],[2,3,1,4],[0,0,0,3],[3,0,4,0]]\n", PUZZLE);
  HOLDS("x = [\n[4,0,3,2],\n\n[2,3,1,4], [0,0,0,3],[3,0,4,0]]\n" PUZZLE "\n", PUZZLE, PUZZLE);
  HOLDS("[[4,0,3,2],[2,3,1],[0,0,0,3],[3,0,4,0]]\n" PUZZLE, "line 1, column 13: row 2: 3 cells, expected 4", PUZZLE);
  HOLDS("[[4,0,3,2],[2,3,1,-1],[0,0,0,3],[3,0,4,0]]\n", "line 1, column 19: row 2: found '-1', expected 1-4");
  HOLDS("[\n  \"" PUZZLE "\",\n  \"" PUZZLE "\"\n]\n", PUZZLE, PUZZLE);
  HOLDS(PUZZLE "\n[.322314...33.4.\n" PUZZLE "\n", PUZZLE, "puzzle: found 15 cells, expected 16", PUZZLE);
  HOLDS("[[4,0,3,2],[2,3,1,4],[0,0,0,3]]\n", "line 1, column 1: 3 rows of 4 cells, expected 4");
}

/* From a pipe: a grid is taken as soon as it is whole, and what is left of its frame dropped. */
static void test_pauses(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  static const char text[] = "+----+\n|4.32|\n|2314|\n+----+\n|...3|\n|3.4.|\n+----+\n----\n\n" ROWS PUZZLE "\n4.32\n";
  findings f = find(&task, text, strlen(text), 1);
  assert_int_equal(f.count, 4);
  for (int i = 0; i < 3; i++) assert_string_equal(f.line[i], PUZZLE);
  assert_memory_equal(f.line[3], "line 1, column 1: 1 row of 4 cells", 34);
}

static void test_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t cells;
    const char *problem;
  } cases[] = {
      {PUZZLE, 16, ""},
      {ROWS, 16, ""},
      {NINE, 81, ""},
      {sixteen, 256, ""},
      {"4..63..87\n9.8..7..2\n17.89.543\n..438.71\n.93714...\n", 81, "row 4: 8 cells, expected 9"},
      {"4..63..87", 81, "1 row of 9 cells, expected 9"},
      {"4..63..879.8..7..217.89.543..438.71..93714.....1.25.3...5249378.4..68.9128....4", 81, "found 79 cells"},
      {"#AAnon\n#DMade up\n" ROWS, 16, ""},
      {"", 0, ""},
      {"hello there\n", 0, ""},
      {"1234567890123456789012345678901234567890123456789012345", 55, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err = {0};
    assert_int_equal(trm__texts_guess(cases[i].text, strlen(cases[i].text), NULL, &err), cases[i].cells);
    if (cases[i].problem[0] ? !strstr(err.message, cases[i].problem) : err.message[0] != 0)
      fail_msg("%zu: %s", i, err.message);
  }
  trm_task task = trm_task_sudoku(4);
  assert_int_equal(trm__texts_reads(PUZZLE, &task), 1);
  assert_int_equal(trm__texts_reads(NINE, &task), 0);
  assert_int_equal(trm__texts_reads(NINE, NULL), 1);
  assert_int_equal(trm__texts_reads("no/such.txt", NULL), 0);
}

/* -- docs/puzzles.md ----------------------------------------------------------------------------------------------- */

static int check_example(const char *text, size_t length) {
  static const struct {
    int side;
    const char *line;
  } known[] = {{4, PUZZLE}, {16, sixteen}};
  trm_error err = {0};
  size_t cells = trm__texts_guess(text, length, NULL, &err), k = cells == 256;
  trm_task task = trm_task_sudoku(known[k].side);
  findings f = find(&task, text, length, 0);
  for (int i = 0; i < f.count; i++)
    if (strcmp(f.line[i], known[k].line) != 0) fail_msg("example: %s", f.line[i]);
  return f.count;
}

static void test_page(void **state) {
  (void)state;
  static char page[40000];
  FILE *file = fopen(TRM_SOURCE_DIR "/docs/puzzles.md", "rb");
  assert_non_null(file);
  size_t length = fread(page, 1, sizeof page - 1, file);
  (void)fclose(file);
  page[length] = 0;
  int puzzles = 0, examples = 0;
  for (char *at = page; (at = strstr(at, "```text\n")); examples++) {
    char *begin = at + 8, *end = strstr(begin, "```");
    assert_non_null(end);
    puzzles += check_example(begin, (size_t)(end - begin));
    at = end + 3;
  }
  assert_true(examples >= 8 && puzzles >= 24);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lines), cmocka_unit_test(test_grids),  cmocka_unit_test(test_dashes),
      cmocka_unit_test(test_lists), cmocka_unit_test(test_pauses), cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
