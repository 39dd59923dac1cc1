/* Grids for people, painted from what the library says of a task: lines between boxes, marks before cells, colours, and
 * a task of which nothing is known. */
#include "support/check.h"

#include <stdlib.h>

#include "cli/ui/grid.h"

static int32_t question[900], tokens[900];

static void read_puzzle(const trm_task *task, const char *text, int32_t *to) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), to, 900, &err), err);
}

/* lines: what is painted, each ended by \n. */
static void check_painted(const trm_task *task, const cli_grid_style *style, const char *lines) {
  cli_grid grid;
  char text[4000] = "";
  assert_true(cli_grid_open(&grid, task, tokens, style));
  for (int i = 0; i < grid.lines; i++) strcat(strcat(text, grid.line[i]), "\n");
  assert_string_equal(text, lines);
  if (!style->color) assert_int_equal(grid.width, strlen(grid.line[0]));
  cli_grid_close(&grid);
}

static void test_sudoku(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(6);
  read_puzzle(&task,
              "1....2"
              "......"
              "......"
              "......"
              "......"
              "6.....",
              question);
  memcpy(tokens, question, sizeof tokens);
  cli_grid_style style = {.question = question};
  check_painted(&task, &style,
                " 1 . . | . . 2\n . . . | . . .\n ------+------\n . . . | . . .\n . . . | . . .\n"
                " ------+------\n . . . | . . .\n 6 . . | . . .\n");
  style.wrong = 1;
  tokens[1] = tokens[5] = 4; /* a clue 2 became 3, and a 3 stands beside */
  check_painted(&task, &style,
                " 1!3 . | . .!3\n . . . | . . .\n ------+------\n . . . | . . .\n . . . | . . .\n"
                " ------+------\n . . . | . . .\n 6 . . | . . .\n");
  style.previous = question;
  check_painted(&task, &style,
                " 1*3 . | . .*3\n . . . | . . .\n ------+------\n . . . | . . .\n . . . | . . .\n"
                " ------+------\n . . . | . . .\n 6 . . | . . .\n");
}

/* Clues are bold, wrong cells red, changed ones green. */
static void test_colours(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  read_puzzle(&task, "1...............", question);
  memcpy(tokens, question, sizeof tokens);
  tokens[1] = tokens[2] = 4;
  cli_grid_style style = {.question = question, .wrong = 1, .color = 1};
  check_painted(&task, &style,
                " \033[1m1\033[0m \033[1;31m3\033[0m | \033[1;31m3\033[0m .\n . . | . .\n ----+----\n"
                " . . | . .\n . . | . .\n");
  style.previous = question;
  check_painted(&task, &style,
                " \033[1m1\033[0m \033[1;32m3\033[0m | \033[1;32m3\033[0m .\n . . | . .\n ----+----\n"
                " . . | . .\n . . | . .\n");
}

/* Narrow cells become wide when one has a mark. */
static void test_maze(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  task.width = 4, task.height = 2;
  cli_grid_style style = {.question = question, .wrong = 1};
  read_puzzle(&task, "S#G     ", question);
  read_puzzle(&task, "S#G ooo ", tokens);
  check_painted(&task, &style, "S#G \nooo \n");
  read_puzzle(&task, "S#Gooo  ", tokens);
  check_painted(&task, &style, " S # G!o\n o o    \n");
  style.previous = question, style.wrong = 0;
  check_painted(&task, &style, " S # G*o\n*o*o    \n");
}

/* With colour a maze is a picture: walls grey, path green, ends with their letters, wrong cells red. */
static void test_maze_in_colour(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  task.width = 4, task.height = 2;
  cli_grid_style style = {.question = question, .wrong = 1, .color = 1};
  read_puzzle(&task, "S#G     ", question);
  read_puzzle(&task, "S#Gooo  ", tokens);
  check_painted(&task, &style,
                "\033[1;97;46mS \033[0m\033[1;97;100m  \033[0m\033[1;97;45mG \033[0m\033[1;97;41m  \033[0m\n"
                "\033[1;97;42m  \033[0m\033[1;97;42m  \033[0m    \n");
  style.previous = question, style.wrong = 0;
  check_painted(&task, &style,
                "\033[1;97;46mS \033[0m\033[1;97;100m  \033[0m\033[1;97;45mG \033[0m\033[1;97;102m  \033[0m\n"
                "\033[1;97;102m  \033[0m\033[1;97;102m  \033[0m    \n");
}

/* One that is higher than the screen has two rows a line where the terminal shows UTF-8. */
static void test_large_maze(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  cli_grid grid;
  cli_grid_style style = {.question = question, .color = 1};
  for (int i = 0; i < 900; i++) question[i] = tokens[i] = 1;
  tokens[0] = 3, tokens[31] = 2, tokens[60] = 2, tokens[90] = 2;
  assert_int_equal(setenv("LC_ALL", "C", 1), 0);
  assert_true(cli_grid_open(&grid, &task, tokens, &style));
  assert_true(grid.lines == 30 && grid.width == 60);
  cli_grid_close(&grid);
  assert_int_equal(setenv("LC_ALL", "en_US.UTF-8", 1), 0);
  assert_true(cli_grid_open(&grid, &task, tokens, &style));
  assert_true(grid.lines == 16 && grid.width == 30);
  static const char corner[] = "\033[36;100m\u2580\033[0m\033[90m\u2580\033[0m";
  assert_memory_equal(grid.line[0], corner, sizeof corner - 1);
  assert_memory_equal(grid.line[1], " \033[90;100m", 9);
  assert_non_null(strstr(grid.line[15], "S"));
  cli_grid_close(&grid);
}

/* A grid of any symbols has no frame; one that is too high is not painted. */
static void test_unknown_and_large(void **state) {
  (void)state;
  trm_task task = {.kind = TRM_TASK_GENERIC, .width = 3, .height = 2, .vocab_size = 4, .alphabet = "abc"};
  cli_grid grid;
  read_puzzle(&task, "abccba", tokens);
  cli_grid_style style = {.question = question, .wrong = 1};
  check_painted(&task, &style, "abc\ncba\n");
  tokens[0] = 0;
  check_painted(&task, &style, "_bc\ncba\n");
  task.width = 1, task.height = 81;
  assert_false(cli_grid_open(&grid, &task, tokens, &style));
  assert_int_equal(grid.wrong, 0);
  cli_grid_close(&grid);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sudoku),
      cmocka_unit_test(test_colours),
      cmocka_unit_test(test_maze),
      cmocka_unit_test(test_maze_in_colour),
      cmocka_unit_test(test_large_maze),
      cmocka_unit_test(test_unknown_and_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
