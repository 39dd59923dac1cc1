/* Tasks: every notation people use for puzzles, and near misses of each; rules; JSON both ways. */
#include "support/check.h"

#include <trm/data.h>

#include "base/text/json.h"
#include "task/task.h"

static const char question[] = "530070000600195000098000060800060003400803001700020006060000280000419005000080079";
static const char answer[] = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

static void parse_as(const trm_task *task, const char *text, const char *expected) {
  int32_t tokens[1024];
  char line[1025];
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), tokens, 1024, &err), err);
  CHECK_OK(trm_task_render(task, tokens, line, sizeof line, &err), err);
  assert_string_equal(line, expected);
}

static void refuse(const trm_task *task, const char *text, const char *where, const char *message) {
  int32_t tokens[1024];
  trm_error err = {0};
  CHECK_FAILS(trm_task_parse(task, text, strlen(text), tokens, 1024, &err), TRM_E_INPUT, err, message);
  assert_string_equal(err.where, where);
}

static void test_one_line(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  char dots[82], other[90];
  for (int i = 0; i < 82; i++) dots[i] = question[i] == '0' ? '.' : question[i];
  parse_as(&task, question, dots);
  parse_as(&task, dots, dots);
  for (const char *blank = "_* "; *blank != '\0'; blank++) {
    for (int i = 0; i < 82; i++) other[i] = question[i] == '0' ? *blank : question[i];
    parse_as(&task, other, dots);
    strcat(other, "\r\n");
    parse_as(&task, other, dots);
  }
}

static void test_drawn_grids(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  const char *drawn[] = {
      "1.3.\n.2..\n..4.\n...1",
      "1.3.\r\n.2..\r\n..4.\r\n...1\r\n",
      "+-----+-----+\n| 1 . | 3 . |\n| . 2 | . . |\n+-----+-----+\n| . . | 4 . |\n| . . | . 1 |\n+-----+-----+\n",
      "1 0 | 3 0\n0 2 | 0 0\n----+----\n0 0 | 4 0\n0 0 | 0 1\n",
      "1,0,3,0\n0,2,0,0\n0,0,4,0\n0,0,0,1",
      "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90\n\xe2\x94\x82 1.3.\xe2\x94\x82\n.2..\n..4.\n...1\n\xe2\x95\x90",
      "1 3 \n 2  \n  4 \n   1\n",
      "1 3\n 2\n  4\n   1\n",
      "|1 |3 |\n| 2|  |\n|--+--|\n|  |4 |\n|  | 1|\n",
      "1 3  2    4    1",
  };
  for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) parse_as(&task, drawn[i], "1.3..2....4....1");
}

static void test_sixteen(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(16);
  char text[300] = "", expected[300] = "";
  for (int i = 0; i < 256; i++) {
    text[i] = "0123456789abcdefgABCDEFG"[i % 24];
    expected[i] = ".123456789ABCDEFGABCDEFG"[i % 24];
  }
  parse_as(&task, text, expected);
  text[17] = 'h';
  refuse(&task, text, "line 1, column 18", "1-9, A-G");
}

static void test_wrong_sudoku(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  char text[100];
  snprintf(text, sizeof text, "%.80s", question);
  refuse(&task, text, "puzzle", "found 80 cells, expected 81");
  snprintf(text, sizeof text, "%s1", question);
  refuse(&task, text, "puzzle", "found 82 cells");
  snprintf(text, sizeof text, "%s", question);
  text[40] = 'y';
  refuse(&task, text, "line 1, column 41", "found 'y', expected 1-9");
  text[40] = '\x01';
  refuse(&task, text, "line 1, column 41", "byte 0x01");
  refuse(&task, "", "puzzle", "found 0 cells");
  refuse(&task, "\n\n   \n", "puzzle", "found 0 cells");
  task = trm_task_sudoku(4);
  refuse(&task, "1.3.\n.25.\n", "line 2, column 3", "found '5', expected 1-4");
  refuse(&task, "1 3 5\n", "line 1, column 5", "found '5'");
  int32_t tokens[16];
  trm_error err = {0};
  CHECK_FAILS(trm_task_parse(&task,
                             "12\0"
                             "4",
                             4, tokens, 16, &err),
              TRM_E_INPUT, err, "byte 0x00");
  CHECK_FAILS(trm_task_parse(&task, "12\xff", 3, tokens, 16, &err), TRM_E_INPUT, err, "byte 0xff");
  assert_int_equal(trm_task_parse(&task, "12\xff", 3, tokens, 16, NULL), TRM_E_INPUT);
}

/* What only the whole puzzle can tell is decided by it, or refused. */
static void test_the_whole(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4), large = trm_task_sudoku(16);
  char hex[300] = "", letters[300] = "", digits[300] = "";
  parse_as(&task, "4-32\n2314\n----\n---3\n3-4-", "4.322314...33.4."); /* drawn, as there are four rows without */
  parse_as(&task, "4-32\n2314\n----\n3-4-", "4.322314....3.4.");
  parse_as(&task, "4.32\n2314\n0003\n3.4.", "4.322314...33.4.");
  refuse(&task, "1.32\n2313\n0003\n3.1.", "puzzle", "row 3, column 1: a 0 beside other blanks");
  refuse(&task, "1.3\n2313\n...3\n3.1.", "line 1, column 1", "row 1: 3 cells, expected 4");
  refuse(&task, "|1.|3|\n|23|13|\n|..|.3|\n|3.|1.|", "line 1, column 1", "row 1: 3 cells, expected 4");
  refuse(&task, "|1|.32|\n|23|13|\n|..|.3|\n|3.|1.|", "line 1, column 1", "row 1: its groups hold 1 and 3 cells");
  refuse(&task, "1.32 231 ...3 3.1.", "line 1, column 6", "row 2: 3 cells, expected 4");
  refuse(&task, "1.32\n2313\n...3", "line 1, column 1", "3 rows of 4 cells, expected 4");
  refuse(&task, "1 -1 3 2\n2 3 1 3\n0 0 0 3\n3 0 1 0", "line 1, column 3", "row 1: found '-1', expected 1-4");
  for (int i = 0; i < 256; i++) {
    hex[i] = i % 5 ? "0123456789abcdef"[(i + i / 16) % 16] : '.';
    letters[i] = i % 5 ? "123456789ABCDEFG"[(i + i / 16) % 16] : '.';
    digits[i] = "0123456789ABCDEF"[(i + i / 16) % 16];
  }
  parse_as(&large, hex, letters);
  hex[1] = 'G';
  refuse(&large, hex, "puzzle", "a 0 beside other blanks");
  for (int i = 0; i < 256; i++) letters[i] = "123456789ABCDEFG"[(i + i / 16) % 16];
  parse_as(&large, digits, letters); /* an answer: one 0 in each row */
}

/* Nothing is written beyond the caller's arrays, and nothing into them when they are too small. */
static void test_capacity(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  int32_t tokens[82];
  char text[83];
  for (int i = 0; i < 82; i++) tokens[i] = -5;
  memset(text, '!', sizeof text);
  CHECK_FAILS(trm_task_parse(&task, question, 81, tokens, 80, &err), TRM_E_USAGE, err,
              "room for 80, but a puzzle of 9 x 9 has 81");
  for (int i = 0; i < 82; i++) assert_int_equal(tokens[i], -5);
  CHECK_OK(trm_task_parse(&task, question, 81, tokens, 81, &err), err);
  assert_int_equal(tokens[81], -5);
  CHECK_FAILS(trm_task_render(&task, tokens, text, 81, &err), TRM_E_USAGE, err, "needs 82");
  assert_int_equal(text[0], '!');
  CHECK_OK(trm_task_render(&task, tokens, text, 82, &err), err);
  assert_int_equal(text[81], 0);
  assert_int_equal(text[82], '!');
}

static void test_mazes(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  char line[901], rows[1000], framed[1100] = "", *p = rows, *f = framed;
  for (int i = 0; i < 900; i++) line[i] = "# # "[i % 4];
  line[900] = '\0';
  line[31] = 'S';
  line[899] = 'G';
  f += sprintf(f, "+------------------------------+\n");
  for (int r = 0; r < 30; r++) {
    p += sprintf(p, "%.30s\r\n", line + 30 * r);
    f += sprintf(f, "|%.30s|\n", line + 30 * r);
  }
  parse_as(&task, line, line);
  parse_as(&task, rows, line);
  parse_as(&task, framed, line);
  for (char *c = rows; *c != '\0'; c++)
    if (*c == ' ') *c = '.';
  parse_as(&task, rows, line);
  memmove(rows + 32 * 3 + 10, rows + 32 * 3 + 11, strlen(rows + 32 * 3 + 10)); /* row 4 loses a cell */
  refuse(&task, rows, "line 4, column 1", "row 4: 29 cells, expected 30");
  line[899] = '\0';
  refuse(&task, line, "puzzle", "found 899 cells, expected 900");
}

static void test_generic(void **state) {
  (void)state;
  trm_task task = trm__task_generic(6, 3, 4, "ab|");
  parse_as(&task, "ab|\nbba", "ab|bba");
  parse_as(&task, " a b | b b a ", "ab|bba");
  refuse(&task, "abcabc", "line 1, column 3", "one of \"ab|\"");
  trm_task spaced = trm__task_generic(4, 2, 3, " x");
  parse_as(&spaced, " x\nx ", " xx ");
  trm_task nameless = trm__task_generic(4, 0, 1000, "");
  refuse(&nameless, "1234", "puzzle", "no symbols");
  int32_t tokens[4] = {0, 1, 999, -7};
  char text[5];
  trm_error err = {0};
  CHECK_OK(trm_task_render(&nameless, tokens, text, sizeof text, &err), err);
  assert_string_equal(text, "_???");
  trm_task arc = trm__task_arc();
  char grid[901];
  memset(grid, '_', 900);
  grid[900] = '\0';
  memcpy(grid, "0123|", 5);
  parse_as(&arc, grid, grid);
}

static void read_sudoku(const char *text, int32_t *tokens) {
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  CHECK_OK(trm_task_parse(&task, text, strlen(text), tokens, 81, &err), err);
}

static void test_judge_sudoku(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  int32_t q[81], a[81];
  trm_error err = {0};
  read_sudoku(question, q);
  read_sudoku(answer, a);
  trm_task_verdict v = trm_task_judge(&task, q, a);
  assert_int_equal(v.keeps_clues, 1);
  assert_int_equal(v.keeps_rules, 1);
  CHECK_OK(trm_task_check_question(&task, q, &err), err);
  for (int i = 0; i < 81; i++) { /* any single change breaks the rules; of a clue, both */
    int32_t kept = a[i];
    for (int32_t t = -1; t <= 12; t++) {
      if (t == kept) continue;
      a[i] = t;
      v = trm_task_judge(&task, q, a);
      assert_int_equal(v.keeps_rules, 0);
      assert_int_equal(v.keeps_clues, q[i] == 1);
    }
    a[i] = kept;
  }
}

static void test_bad_questions(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  int32_t q[81];
  trm_error err = {0};
  read_sudoku(question, q);
  q[8] = q[0];
  CHECK_FAILS(trm_task_check_question(&task, q, &err), TRM_E_INPUT, err, "clue 5 stands twice in row 1");
  assert_string_equal(err.where, "row 1, column 9");
  q[8] = 1;
  q[72] = q[0];
  CHECK_FAILS(trm_task_check_question(&task, q, &err), TRM_E_INPUT, err, "column 1");
  q[72] = 1;
  q[11] = q[0];
  CHECK_FAILS(trm_task_check_question(&task, q, &err), TRM_E_INPUT, err, "box 1");
  q[11] = 11;
  CHECK_FAILS(trm_task_check_question(&task, q, &err), TRM_E_INPUT, err, "token 11 is outside");
  q[11] = -1;
  CHECK_FAILS(trm_task_check_question(&task, q, &err), TRM_E_INPUT, err, "token -1 is outside");
  task = trm_task_sudoku(6); /* boxes are three wide and two high */
  int32_t six[36];
  for (int i = 0; i < 36; i++) six[i] = 1;
  six[0] = six[14] = 3;
  CHECK_OK(trm_task_check_question(&task, six, &err), err);
  six[14] = 1;
  six[8] = 3;
  CHECK_FAILS(trm_task_check_question(&task, six, &err), TRM_E_INPUT, err, "box 1");
}

/* 4 x 2:  S # G .   with the way through the lower row. */
static void test_judge_maze(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  task.width = 4;
  task.height = 2;
  enum { W = 1, _ = 2, S = 3, G = 4, o = 5 };
  const int32_t q[8] = {S, W, G, _, _, _, _, _};
  trm_error err = {0};
  CHECK_OK(trm_task_check_question(&task, q, &err), err);
  const struct {
    int32_t a[8];
    int clues, rules;
  } cases[] = {
      {{S, W, G, _, o, o, o, _}, 1, 1}, {{S, W, G, _, o, o, _, _}, 1, 0}, {{S, W, G, o, o, o, o, _}, 1, 0},
      {{S, W, G, o, o, o, o, o}, 1, 1}, {{S, o, G, _, _, _, _, _}, 0, 0}, {{S, W, G, _, W, _, _, _}, 0, 0},
      {{_, W, G, _, o, o, o, _}, 0, 0}, {{S, W, G, _, 0, o, o, _}, 0, 0}, {{S, W, G, _, 99, o, o, _}, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_task_verdict v = trm_task_judge(&task, q, cases[i].a);
    assert_int_equal(v.keeps_clues, cases[i].clues);
    assert_int_equal(v.keeps_rules, cases[i].rules);
  }
  const int32_t two[8] = {S, S, G, _, _, _, _, _}, none[8] = {S, W, _, _, _, _, _, _};
  const int32_t closed[8] = {S, W, G, _, W, _, _, _}, marked[8] = {S, W, G, _, o, _, _, _};
  CHECK_FAILS(trm_task_check_question(&task, two, &err), TRM_E_INPUT, err, "more than one start");
  CHECK_FAILS(trm_task_check_question(&task, none, &err), TRM_E_INPUT, err, "no goal");
  CHECK_FAILS(trm_task_check_question(&task, closed, &err), TRM_E_INPUT, err, "no way leads");
  CHECK_FAILS(trm_task_check_question(&task, marked, &err), TRM_E_INPUT, err, "path mark");
  trm_task generic = trm__task_generic(8, 0, 6, "abcde");
  assert_int_equal(trm_task_judge(&generic, q, q).keeps_rules, -1);
}

static void test_json(void **state) {
  (void)state;
  trm_task tasks[] = {trm_task_sudoku(4),
                      trm_task_sudoku(6),
                      trm_task_sudoku(9),
                      trm_task_sudoku(16),
                      trm_task_maze(),
                      trm__task_arc(),
                      trm__task_generic(12, 4, 4, " \"\\"),
                      trm__task_generic(7, 0, 5000, "")};
  for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    trm_task back = {0};
    trm_error err = {0};
    json_t *json = trm__task_to_json(&tasks[i]);
    assert_non_null(json);
    CHECK_OK(trm__task_from_json(&back, json, "task.json", &err), err);
    assert_memory_equal(&back, &tasks[i], sizeof back);
    json_decref(json);
  }
}

static void test_bad_json(void **state) {
  (void)state;
  const struct {
    const char *text, *message;
  } cases[] = {
      {"[]", "object"},
      {"{}", "kind"},
      {"{\"kind\":\"chess\"}", "chess"},
      {"{\"kind\":\"generic\",\"width\":-1}", "width"},
      {"{\"kind\":\"generic\",\"width\":0,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":3,\"alphabet\":"
       "\"ab\"}",
       "grid of 0 x 1"},
      {"{\"kind\":\"generic\",\"width\":65536,\"height\":65536,\"box_width\":0,\"box_height\":0,\"vocab_size\":3,"
       "\"alphabet\":\"ab\"}",
       "expected 1 to 65536 cells"},
      {"{\"kind\":\"generic\",\"width\":2,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":3,\"alphabet\":"
       "\"aa\"}",
       "'a' appears twice"},
      {"{\"kind\":\"generic\",\"width\":2,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":9,\"alphabet\":"
       "\"ab\"}",
       "2 symbols"},
      {"{\"kind\":\"generic\",\"width\":2,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":3,"
       "\"alphabet\":\"\\u00e9\"}",
       "ASCII"},
      {"{\"kind\":\"generic\",\"width\":2,\"height\":1,\"box_width\":1,\"box_height\":0,\"vocab_size\":3,\"alphabet\":"
       "\"ab\"}",
       "box_width"},
      {"{\"kind\":\"sudoku\",\"width\":8,\"height\":8,\"box_width\":3,\"box_height\":2,\"vocab_size\":3,\"alphabet\":"
       "\"ab\"}",
       "4, 6, 9 or 16"},
      {"{\"kind\":\"sudoku\",\"width\":6,\"height\":6,\"box_width\":2,\"box_height\":3,\"vocab_size\":8,"
       "\"alphabet\":\".123456\"}",
       "box_width"},
      {"{\"kind\":\"arc\",\"width\":30,\"height\":30,\"box_width\":0,\"box_height\":0,\"vocab_size\":3,\"alphabet\":"
       "\"ab\"}",
       "vocab_size"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *json = NULL;
    trm_task task;
    trm_error err = {0};
    CHECK_OK(trm__json_parse(&json, cases[i].text, strlen(cases[i].text), "test", &err), err);
    CHECK_FAILS(trm__task_from_json(&task, json, "task.json", &err), TRM_E_INPUT, err, cases[i].message);
    json_decref(json);
  }
}

static void test_infer(void **state) {
  (void)state;
  assert_int_equal(trm__task_infer(81, 11).kind, TRM_TASK_SUDOKU);
  assert_int_equal(trm__task_infer(36, 8).box_width, 3);
  assert_int_equal(trm__task_infer(36, 8).box_height, 2);
  assert_int_equal(trm__task_infer(16, 6).width, 4);
  assert_int_equal(trm__task_infer(256, 18).width, 16);
  assert_int_equal(trm__task_infer(900, 6).kind, TRM_TASK_MAZE);
  assert_int_equal(trm__task_infer(900, 12).kind, TRM_TASK_ARC);
  trm_task odd = trm__task_infer(12, 4);
  assert_int_equal(odd.kind, TRM_TASK_GENERIC);
  assert_int_equal(odd.height, 1);
  assert_string_equal(odd.alphabet, "012");
  for (int64_t vocab = 2; vocab <= TRM__VOCAB_LIMIT; vocab += vocab < 300 ? 1 : 9973)
    for (int64_t cells = 1; cells <= TRM__SEQ_LIMIT; cells = cells < 40 ? cells + 1 : cells * 3) {
      trm_task task = trm__task_infer(cells, vocab);
      trm_error err = {0};
      CHECK_OK(trm__task_check(&task, "inferred", &err), err);
      assert_int_equal((int64_t)task.width * task.height, cells);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_line),      cmocka_unit_test(test_drawn_grids), cmocka_unit_test(test_sixteen),
      cmocka_unit_test(test_wrong_sudoku),  cmocka_unit_test(test_the_whole),   cmocka_unit_test(test_capacity),
      cmocka_unit_test(test_mazes),         cmocka_unit_test(test_generic),     cmocka_unit_test(test_judge_sudoku),
      cmocka_unit_test(test_bad_questions), cmocka_unit_test(test_judge_maze),  cmocka_unit_test(test_json),
      cmocka_unit_test(test_bad_json),      cmocka_unit_test(test_infer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
