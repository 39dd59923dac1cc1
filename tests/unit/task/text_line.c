/* What one line is: cells, or one of the things that stand around them. */
#include "support/check.h"

#include "task/puzzle.h"
#include "task/text_line.h"

/* cells: what of the line they are; NULL: not looked at. */
static void is(const trm_task *task, const char *line, trm__line_kind kind, const char *cells) {
  trm__text t;
  trm__puzzle_text(&t, task, "", 0);
  trm__line found = trm__text_line(task, &t, line, strlen(line));
  if (found.kind != kind) fail_msg("'%s' is %d, expected %d", line, found.kind, kind);
  if (!cells) return;
  assert_int_equal(found.end - found.begin, strlen(cells));
  assert_memory_equal(line + found.begin, cells, strlen(cells));
}

static void test_cells(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  static const char row[] = "53..7....",
                    all[] = "4..63..879.8..7..217.89.543..438.71..93714.....1.25.3...5249378.4..68.9128....4..";
  char line[200];
  is(&task, row, TRM__LINE_CELLS, row);
  is(&task, "  53..7....\t", TRM__LINE_CELLS, row);
  is(&task, "53..7.... # note", TRM__LINE_CELLS, "53..7.... ");
  is(&task, "53..7....// note", TRM__LINE_CELLS, row);
  is(&task, "53..y....", TRM__LINE_CELLS, "53..y....");
  is(&task, "????7????", TRM__LINE_CELLS, NULL);
  is(&task, "nnnnnnnnn", TRM__LINE_CELLS, NULL); /* as long as a row: meant as one */
  is(&task, "#3..7....", TRM__LINE_CELLS, NULL); /* a row that begins with a slip */
  is(&task, "1 2 3", TRM__LINE_CELLS, NULL);
  (void)snprintf(line, sizeof line, "0000183b305c %s 1.2", all);
  is(&task, line, TRM__LINE_CELLS, all);
  (void)snprintf(line, sizeof line,
                 "%s,452631987938457162176892543524386719893714625761925834615249378347568291289173456", all);
  is(&task, line, TRM__LINE_CELLS, all);
  (void)snprintf(line, sizeof line, "%s %s", all, all); /* which of both? */
  is(&task, line, TRM__LINE_CELLS, line);
}

static void test_words(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9), large = trm_task_sudoku(16);
  is(&task, "", TRM__LINE_EMPTY, NULL);
  is(&task, " \t ", TRM__LINE_EMPTY, NULL);
  static const char *const titles[] = {"Grid 01", "[Puzzle]",     "easy",           "Rating: 3.5, 24 clues",
                                       "A:",      "No. 12345678", "R\xc3\xa4tsel 3"};
  for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) is(&task, titles[i], TRM__LINE_TITLE, NULL);
  is(&large, "Grid 01", TRM__LINE_TITLE, NULL);
  is(&large, "24 clues", TRM__LINE_TITLE, NULL);
  static const char *const notes[] = {"# a", "#53..7....", "; 1", "% x", "// y", "#", "#AAnon"};
  for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) is(&task, notes[i], TRM__LINE_NOTE, NULL);
  static const char *const lists[] = {"[5, 3",  "[[5,3,0]",  "board = [[5", "(5, 3)",
                                      "{{5,3}", "['5', '3'", "[",           "[[None, 5]"};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) is(&task, lists[i], TRM__LINE_LIST, NULL);
}

static void test_drawn(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9), maze = trm_task_maze(), dashed = trm_task_sudoku(9);
  static const char *const frames[] = {"+---+---+---+",
                                       "*-----------*",
                                       "---+---+---",
                                       ".-------.",
                                       "'-------'",
                                       ":=======:",
                                       "|---|---|---|---|",
                                       "=========",
                                       "- - - + - - -",
                                       "-------------",
                                       "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90"};
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
    is(&task, frames[i], strcmp(frames[i], ".-------.") ? TRM__LINE_FRAME : TRM__LINE_DASHES, NULL);
  is(&task, "---------", TRM__LINE_DASHES, NULL);
  is(&task, "| - - - | - - - | - - - |", TRM__LINE_DASHES, NULL);
  is(&task, ".........", TRM__LINE_CELLS, NULL);
  is(&task, "....-....", TRM__LINE_CELLS, NULL);
  is(&task, "----5----", TRM__LINE_CELLS, NULL);
  is(&maze, "+----+", TRM__LINE_FRAME, NULL);
  is(&maze, "######", TRM__LINE_CELLS, NULL);
  is(&maze, "      ", TRM__LINE_CELLS, NULL);
  is(&maze, "Maze 1", TRM__LINE_TITLE, NULL);
  memcpy(dashed.alphabet, "-123456789", 11); /* a symbol of the task's own is no drawing */
  dashed.kind = TRM_TASK_GENERIC;
  is(&dashed, "---------", TRM__LINE_CELLS, NULL);
}

static void test_bytes(void **state) {
  (void)state;
  trm__text t;
  trm_task task = trm_task_sudoku(9);
  trm__puzzle_text(&t, &task, "", 0);
  assert_int_equal(trm__text_mark("\xef\xbb\xbf"
                                  "5",
                                  4),
                   3);
  assert_int_equal(trm__text_mark("\xef\xbb", 2), 0);
  assert_int_equal(trm__text_depth(&t, "[[5], [", 7), 2);
  assert_int_equal(trm__text_depth(&t, ")}", 2), -2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cells),
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_drawn),
      cmocka_unit_test(test_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
