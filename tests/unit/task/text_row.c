/* One row: each rule of task/text_row.h, and what is no row. */
#include "support/check.h"

#include "task/puzzle.h"
#include "task/text_row.h"

static void row_as(const trm_task *task, const char *line, trm__row *row, char *symbols) {
  trm__text t;
  int32_t tokens[300];
  trm__puzzle_text(&t, task, "", 0);
  trm__text_row(task, &t, line, strlen(line), tokens, 300, row);
  for (size_t i = 0; i < row->cells && i < 300 && !row->problem[0]; i++)
    symbols[i] = tokens[i] == TRM__TEXT_ZERO ? '0' : trm__text_symbol(task, tokens[i]);
  symbols[row->problem[0] ? 0 : row->cells] = 0;
}

static void reads(int side, const char *line, const char *expected) {
  trm_task task = trm_task_sudoku(side);
  trm__row row;
  char symbols[301];
  row_as(&task, line, &row, symbols);
  assert_string_equal(row.problem, "");
  assert_string_equal(symbols, expected);
}

static void refuses(int side, const char *line, size_t at, const char *problem) {
  trm_task task = trm_task_sudoku(side);
  trm__row row;
  char symbols[301];
  row_as(&task, line, &row, symbols);
  assert_string_equal(row.problem, problem);
  assert_int_equal(row.at, at);
}

static void test_symbols(void **state) {
  (void)state;
  reads(9, "53..7....", "53..7....");
  reads(9, "53_*xX-07", "53.....07");
  reads(9, "5 3 . . 7 . . . .", "53..7....");
  reads(9, "|53.|.7.|...|", "53..7....");
  reads(9, "| 5 3 . | . 7 . | . . . |", "53..7....");
  reads(9, "53. .7. ...", "53..7....");
  reads(9, "5,3,.,.,7,.,.,.,.", "53..7....");
  reads(9,
        "\xe2\x94\x82"
        "53.\xe2\x94\x82.7.\xe2\x94\x82...\xe2\x94\x82",
        "53..7....");
  reads(16, "1234 5678 9aBc DEFg", "123456789ABCDEFG");
  reads(9, "53.7", "53.7"); /* that it is short is for the caller to say */
}

static void test_fields(void **state) {
  (void)state;
  reads(9, "5,3,,,7,,,,", "53..7....");
  reads(9, "5;3;;;7;;;;", "53..7....");
  reads(9, "5\t3\t\t\t7\t\t\t\t", "53..7....");
  reads(9, "|5|3| | |7| | | | |", "53..7....");
  reads(9, "'5','3','','','7','','','',''", "53..7....");
  reads(9, "5, 3, None, None, 7, null, None, None, None", "53..7....");
  reads(16, ". 11 6 16 13 . 1 10 2 15 . 4 . 12 . 3", ".B6GD.1A2F.4.C.3");
  reads(16, "11,,6,16,13,,1,10,2,15,,4,,12,,3", "B.6GD.1A2F.4.C.3");
}

static void test_refused(void **state) {
  (void)state;
  refuses(9, "4 -1 -1 6 3 -1 -1 8 7", 2, "found '-1'");
  refuses(9, "4 10 . 6 3 . . 8 7", 2, "found '10'");
  refuses(9, "4 00 . 6 3 . . 8 7", 2, "found '00'");
  refuses(16, ". 17 6 16 13 . 1 10 2 15 . 4 . 12 . 3", 2, "found '17'");
  refuses(9, "|8.|.6..|..3|", 0, "its groups hold 2 and 4 cells, expected equally many");
  refuses(9, "53..7... .", 0, "its groups hold 1 and 8 cells, expected equally many");
  refuses(9, "53..y....", 4, "found 'y'");
  refuses(9, "53..\x01....", 4, "found byte 0x01");
  refuses(9, "53..+....", 4, "found '+'");
}

/* A number of several digits and a letter are noticed: a puzzle has one of both. */
static void test_notices(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(16);
  trm__row row;
  char symbols[301];
  row_as(&task, "1 2 3 4 5 6 7 8 9 10 . . . . . .", &row, symbols);
  assert_true(row.numbers && !row.letters);
  row_as(&task, "1 2 3 4 5 6 7 8 9 A . . . . . x", &row, symbols);
  assert_true(!row.numbers && row.letters);
  row_as(&task, "1 2 3 4 5 6 7 8 9 x . . . . . X", &row, symbols);
  assert_true(!row.numbers && !row.letters);
}

static void test_columns(void **state) {
  (void)state;
  trm_task maze = trm_task_maze();
  trm__row row;
  char symbols[301];
  row_as(&maze, "|# S .G #|", &row, symbols);
  assert_string_equal(row.problem, "");
  assert_string_equal(symbols, "# S  G #");
  row_as(&maze, "# 5", &row, symbols);
  assert_string_equal(row.problem, "found '5'");
  assert_int_equal(row.cells, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_symbols), cmocka_unit_test(test_fields),  cmocka_unit_test(test_refused),
      cmocka_unit_test(test_notices), cmocka_unit_test(test_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
