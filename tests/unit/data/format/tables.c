/* Tables as people have them: separators, comments, names of columns, ratings, notations of cells and of whole files,
 * and what the reader says of them. */
#include "support/data.h"

#include <trm/data.h>

#include "data/format/record.h"
#include "data/format/rows_open.h"

#define Q "1.3..2....4....1"
#define A "1234341243212143"
#define ROW Q "," A
#define Q9 "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
#define A9 "534678912672195348198342567859761423426853791713924856961537284287419635345286179"

/* Reads a file of any name: *info, and question and answer of its first example as text. */
static void read_table(const char *name, const char *text, const trm__rows_hint *hint, trm_dataset_info *info,
                       char first[2][1000]) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  int32_t tokens[2][1000];
  const trm__rows_hint none = {0};
  CHECK_OK(trm__rows_open(&d, put_text(name, text), hint ? hint : &none, &err), err);
  *info = trm_dataset_describe(d);
  trm_dataset_example(d, 0, tokens[0], tokens[1], NULL, NULL);
  for (int i = 0; i < 2; i++) {
    for (int64_t k = 0; k < info->seq_len; k++)
      if (tokens[i][k] < 0) tokens[i][k] = 0;
    CHECK_OK(trm_task_render(&info->task, tokens[i], first[i], 1000, &err), err);
  }
  trm_dataset_close(&d);
}

static void refuse(const char *name, const char *text, const trm__rows_hint *hint, const char *where,
                   const char *message) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  const trm__rows_hint none = {0};
  size_t used = trm__mem_used();
  const char *path = put_text(name, text);
  CHECK_FAILS(trm__rows_open(&d, path, hint ? hint : &none, &err), TRM_E_INPUT, err, message);
  if (strcmp(err.where + strlen(path), where) != 0)
    fail_msg("error at %s, expected %s (%s)", err.where, where, err.message);
  assert_int_equal(trm__mem_used(), used);
}

/* Each is one Sudoku, whatever its file is called. */
static void test_dialects(void **state) {
  (void)state;
  static const char *const texts[] = {
      "question;answer\n" Q ";" A "\n",
      "id;question;answer;rating\n7;" Q ";" A ";1,5\n",
      "question\tanswer\n" Q "\t" A "\n",
      Q ";" A "\n",
      Q "\t" A "\t12\n",
      "a name;" Q ";" A ";12\n",
      "sep=;\nquestion;answer\n" Q ";" A "\n",
      "\"sep=;\"\r\n" Q ";" A "\r\n",
      "sep=,\n" ROW "\n",
      "# made by someone, with care\nquestion,answer\n" ROW "\n# the end\n",
      "# question,answer\n" ROW "\n",
      "#one\n#two\n\n" ROW "\n",
      "question,answer,,\n" ROW ",,\n,,,\n,,,\n",
      ",,\n   \nquestion,answer\n" ROW "\n",
      "question , answer\n" Q " , " A " \n",
      ROW ",,\n",
      ",quizzes,solutions\n0," ROW "\n",
      "0," ROW "\n",
      ROW ",3,4\n",
      "Sudoku_Puzzle,Solved\n" ROW "\n",
      "PUZZLES,Solution String\n" ROW "\n",
      "clues,board,target\n5," ROW "\n",
      "\xef\xbb\xbf\"Unsolved\";\"Solved\"\n\"" Q "\";\"" A "\"\n",
      "question,answer\n\"1 . 3 . . 2 . . . . 4 . . . . 1\",\"1 2 3 4 3 4 1 2 4 3 2 1 2 1 4 3\"\n",
      "question,answer\n\"[1, 0, 3, 0, 0, 2, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]\",\"[[1 2 3 4]\n [3 4 1 2]\n [4 3 2 1]\n [2 "
      "1 4 "
      "3]]\"\n",
      "question,answer\n\"['1.3.', '.2..', '..4.', '...1']\"," A "\n",
      "question,answer\n\"[1. 0. 3. 0. 0. 2. 0. 0. 0. 0. 4. 0. 0. 0. 0. 1.]\"," A "\n",
      "question,answer\n1-3--2----4----1," A "\n",
      "question,answer\nBADAACAAAAEAAAAB,BCDEDEBCEDCBCBED\n",
      "question,answer\n0.2..1....3....0,0123230132101032\n",
      "{\"quizzes\": \"" Q "\", \"solutions\": \"" A "\"}\n",
      "# a list\n[{\"Puzzle\": \"" Q "\", \"solution\": \"" A "\"}]\n",
      "[\n  {\n    \"input\": [[1,0,3,0],[0,2,0,0],[0,0,4,0],[0,0,0,1]],\n    \"output\": \"" A "\"\n  }\n]\n",
      "{\"question\": \"[1,0,3,0,0,2,0,0,0,0,4,0,0,0,0,1]\", \"answer\": [1,2,3,4,3,4,1,2,4,3,2,1,2,1,4,3]}",
      "question,answer\n\"1 . 3 .\n. 2 . .\n. . 4 .\n. . . 1\"," A "\n",
      "question,answer\n\"+---+---+\n|1 .|3 .|\n|. 2|. .|\n+---+---+\n|. .|4 .|\n|. .|. 1|\n+---+---+\n\"," A "\n",
      "question,answer\r\n\"1. | 3.\r\n.2 | ..\r\n---+---\r\n.. | 4.\r\n.. | .1\"," A "\r\n",
      "question,answer\n\"\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90\n\xe2\x94\x82"
      "1-3-\xe2\x94\x82\n\xe2\x94\x82-2--"
      "\xe2\x94\x82\n\xe2\x94\x82--4-\xe2\x94\x82\n\xe2\x94\x82---"
      "1\xe2\x94\x82\n\xe2\x94\x94\xe2\x94\x80\xe2\x94\x98\"," A "\n",
      "{\"question\": \"1 . 3 .\\n. 2 . .\\n. . 4 .\\n. . . 1\", \"answer\": "
      "\"12|34\\n34|12\\n-----\\n43|21\\n21|43\"}",
      "{\"quizzes\":{\"0\":\"" Q "\"},\"solutions\":{\"0\":\"" A "\"}}",
      "{\"columns\":[\"id\",\"quizzes\",\"solutions\"],\"index\":[0],\"data\":[[7,\"" Q "\",\"" A "\"]]}",
      "{\"sudoku\": [\"1.3.\",\".2..\",\"..4.\",\"...1\"], \"answer\": \"1234\\n3412\\n4321\\n2143\"}",
  };
  static const char *const names[] = {"t.csv", "T.CSV", "t", "t.txt"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    trm_dataset_info info;
    char first[2][1000];
    read_table(names[i % 4], texts[i], NULL, &info, first);
    if (info.task.kind != TRM_TASK_SUDOKU || info.examples != 1) fail_msg("case %zu: %s", i, texts[i]);
    if (strcmp(first[0], Q) != 0 || strcmp(first[1], A) != 0) fail_msg("case %zu: %s %s", i, first[0], first[1]);
  }
}

/* All rows of a table in one object; what is wrong names its row. */
static void test_json_tables(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{\"a\":{\"5\":1,\"7\":2},\"puzzle\":{\"5\":\"" Q9 "\",\"7\":\"" A9 "\"},\"solution\":{\"7\":\"" A9
      "\",\"5\":\"" A9 "\"},\"rating\":{\"5\":3,\"7\":null}}",
      "{\"columns\":[\"puzzle\",\"solution\"],\"data\":[[\"" Q9 "\",\"" A9 "\"],[\"" A9 "\",\"" A9 "\"]]}",
      "{\"puzzle\":[\"" Q9 "\",\"" A9 "\"],\"solution\":[\"" A9 "\",\"" A9 "\"]}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    trm_dataset_info info;
    char first[2][1000];
    read_table("t.json", texts[i], NULL, &info, first);
    if (info.examples != 2 || info.task.kind != TRM_TASK_SUDOKU) fail_msg("case %zu: %d", i, (int)info.examples);
    if (strcmp(first[0], Q9) != 0 || strcmp(first[1], A9) != 0) fail_msg("case %zu: %s %s", i, first[0], first[1]);
  }
  refuse("t.json", "{\"puzzle\":{\"0\":\"" Q "\",\"1\":\"1\"},\"solution\":{\"0\":\"" A "\",\"1\":\"2\"}}", NULL,
         ":1:1, row 2", "1 cells");
  refuse("t.json", "{\"puzzle\":{\"0\":\"" Q "\"},\"solution\":{\"1\":\"" A "\"}}", NULL, ":1, row 1", "is missing");
  refuse("t.json", "{\"columns\":[\"x\"],\"data\":[[1]]}", NULL, ":1, row 1", "is missing");
}

/* A header that is not known is called one; nothing is taken for a puzzle that is none. */
static void test_columns(void **state) {
  (void)state;
  trm_dataset_info info;
  char first[2][1000];
  trm__rows_hint named = {.names = {"Start", "end"}}, half = {.names = {.answer = "key"}};
  read_table("t.csv", "nr,start,END\n1," ROW "\n", &named, &info, first);
  assert_string_equal(first[0], Q);
  read_table("t.jsonl", "{\"start\": \"" Q "\", \"end\": \"" A "\"}", &named, &info, first);
  assert_string_equal(first[1], A);
  read_table("t.csv", "answer,question,key\nx," ROW "\n", &half, &info, first);
  assert_string_equal(first[1], A);
  refuse("t.csv", "start,end\n" ROW "\n", NULL, ":1:1", "the header has no question column: found start, end");
  refuse("t.csv", "nr,begin,end\n1," ROW "\n", NULL, ":1:1", "--question-column");
  refuse("t.csv", "ab,cd\n" ROW "\n" ROW "\n", NULL, ":1:1", "the header has no question column");
  refuse("t.csv", "solution,other\n" A "," Q "\n", NULL, ":1:1", "the header has no question column");
  refuse("t.csv", "question,given\n" ROW "\n", NULL, ":1:1", "the header has no answer column");
  refuse("t.csv", "question,answer\n" ROW "\n", &named, ":1:1", "expected Start");
  refuse("t.jsonl", "{\"q\": 1, \"answer\": 2}", NULL, ":1", "found the keys q, answer");
  refuse("t.csv", "# note, this\nquestion,answer\n" Q ",12\n", NULL, ":3:18", "the answer has 2 cells");
  /* The first puzzle may be damaged: then it is that, and no header. */
  refuse("t.csv", "1.3..2....4....," A "\n" ROW "\n", NULL, ":1:17", "16 cells, expected 15");
  refuse("t.csv", "ab,abc\nab,ab\n", NULL, ":1:1", "no question column");
}

/* What would be read as another puzzle is refused, with its place. */
static void test_never_another(void **state) {
  (void)state;
  refuse("t.csv", "question,answer\n" ROW "\n" Q "\n", NULL, ":3:1", "1 fields");
  refuse("t.csv", "question,answer\n" ROW "\n#...\n", NULL, ":3:1", "1 fields");
  refuse("t.csv", "question,answer\n\"[1, 2, -1]\",\"[1, 2, 3]\"\n", NULL, ":2:9", "outside 0 to 254");
  refuse("t.csv", "question,answer\n\"[1, 2, 3\n]x\",\"[1, 2, 3]\"\n", NULL, ":2:12", "text behind the list");
  refuse("t.csv", "question,answer\n\"[[1, 2], [3]]\",\"[1, 2, 3]\"\n", NULL, ":2:14", "rows of different lengths");
  refuse("t.csv", "question,answer\n\"[[1, 2], 3]\",\"[1, 2, 3]\"\n", NULL, ":2:13", "rows beside single cells");
  refuse("t.csv", "question,answer\n\"[1, 2.5]\",\"[1, 2]\"\n", NULL, ":2:8", "whole number");
  refuse("t.csv", "question,answer\n\"[1, None]\",\"[1, 2]\"\n", NULL, ":2:6", "a list of whole numbers");
  refuse("t.csv", "question,answer\n\"[1, 2]\",ab\n", NULL, ":2:10", "mixed");
  refuse("t.csv", "question,answer\nab,ab\n\"[1, 2]\",\"[1, 2]\"\n", NULL, ":3:2", "mixed");
  refuse("t.csv", "question,answer\n\"[[[1]]]\",1\n", NULL, ":2:4", "lists of lists");
  /* Grids that are nearly drawn: a row short, one cell too many, a field of another length. */
  refuse("t.csv", "question,answer\n\"1 . 3 .\n. 2 . .\n. . 4 .\"," A "\n", NULL, ":2:10", "expected 21");
  refuse("t.csv", "question,answer\n\"1. | 3.\n.2 | ...\n.. | 4.\n.. | .1\"," A "\n", NULL, ":2:10", "expected 29");
  refuse("t.csv", "question,answer\n\"['a]\",1\n", NULL, ":2:4", "never closed");
  refuse("t.jsonl", "[{\"question\": \"ab\", \"answer\": \"ba\"},\n {\"question\": \"ab\" \"answer\": \"ba\"}]", NULL,
         ":2:27", "expected");
  refuse("t.jsonl", "[{\"question\": \"ab\", \"answer\": \"ba\"}, 7]", NULL, ":1", "no object");
  /* A sign for blanks beside another one is damage. */
  refuse("t.csv", "question,answer\n1?3??2????4????1," A "\n1?3??2????4????1," A "\n1.3??2????4????1," A "\n", NULL,
         ":4:2", "found '.'");
}

static void test_ratings(void **state) {
  (void)state;
  static const char *const texts[] = {"1e-05", "2.5E+1", "+3",   " 4 ", "nan", "NaN", "",      "N/A",
                                      "null",  "Easy",   "1,5 ", "inf", "5%",  "?",   "1e999", "-7"};
  static const double wanted[] = {1e-5, 25, 3, 4, NAN, NAN, NAN, NAN, NAN, NAN, 1.5, NAN, NAN, NAN, NAN, -7};
  enum { COUNT = sizeof wanted / sizeof *wanted };
  char text[4000] = "question,answer,difficulty\n", lines[4000] = "";
  for (size_t i = 0; i < COUNT; i++) {
    sprintf(text + strlen(text), "ab,ba,\"%s\"\n", texts[i]);
    sprintf(lines + strlen(lines), "{\"question\": \"ab\", \"answer\": \"ba\", \"rating\": \"%s\"}\n", texts[i]);
  }
  for (int json = 0; json < 2; json++) {
    trm_dataset *d = NULL;
    trm_error err = {0};
    double rating;
    CHECK_OK(trm_dataset_open(&d, put_text("t", json ? lines : text), NULL, NULL, &err), err);
    for (int64_t i = 0; i < COUNT; i++) {
      trm_dataset_example(d, i, NULL, NULL, NULL, &rating);
      if (isnan(wanted[i]) ? !isnan(rating) : rating != wanted[i]) fail_msg("\"%s\" gave %g", texts[i], rating);
    }
    const char *notes = trm_dataset_describe(d).notes;
    assert_non_null(strstr(notes, "4 of 16 ratings are no numbers and were left out, the first in line 1"));
    assert_non_null(strstr(notes, ": \"Easy\"\n6 of 16 ratings are missing\n"));
    trm_dataset_close(&d);
  }
  trm_dataset_info info;
  char first[2][1000];
  read_table("t.csv", "question,answer,rating\nab,ba,Easy\nab,ba,Hard\n", NULL, &info, first);
  assert_int_equal(info.has_ratings, 0);
  read_table("t.csv", "question,answer,rating\nab,ba,\n", NULL, &info, first);
  assert_int_equal(info.has_ratings, 1);
  read_table("t.jsonl", "{\"question\": \"ab\", \"answer\": \"ba\", \"rating\": null}", NULL, &info, first);
  assert_int_equal(info.has_ratings, 0);
  read_table("t.jsonl", "{\"question\": \"ab\", \"answer\": \"ba\", \"rating\": [1]}", NULL, &info, first);
  assert_string_equal(info.notes,
                      "1 of 1 ratings are no numbers and were left out, the first in line 1: \"an array\"\n");
}

/* What is taken for what is noted; so is what is nearly of a known kind. */
static void test_notes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    trm_task_kind kind;
    const char *note;
  } cases[] = {
      {"question,answer\n" Q9 "," A9 "\n", TRM_TASK_SUDOKU, NULL},
      {"question,answer\n1?3??2????4????1," A "\n", TRM_TASK_SUDOKU, "'?' is taken for a blank"},
      {"question,answer\n1x3xx2xxxx4xxxx1," A "\n", TRM_TASK_SUDOKU, NULL},
      {"question,answer\nA.C..B....D....A,ABCDCDABDCBABADC\n", TRM_TASK_SUDOKU,
       "the symbols ABCD are taken for the values 1234, in this order"},
      {"question,answer\n1q3qq2qqqq4qqqq1," A "\n", TRM_TASK_SUDOKU, "the symbols 1234"},
      {"question,answer\n1q3rr2qqqq4qqqq1," A "\n", TRM_TASK_GENERIC,
       "those of Sudoku 4x4, but 'q' in questions is not"},
      {"question,answer\n1?3..2????4????1," A "\n", TRM_TASK_GENERIC, "'?' in questions is not"},
      {"question,answer\n1.3..2....4....1,1111222233334444\n", TRM_TASK_GENERIC, "those of Sudoku 4x4, but most"},
      {"question,answer\nS  G #   ,SooG #   \n", TRM_TASK_MAZE, NULL},
      {"question,answer\nSS G #   ,SooG #   \n", TRM_TASK_GENERIC, "those of maze 3x3, but most"},
      {"question,answer\nhello,world\n", TRM_TASK_GENERIC, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_dataset_info info;
    char first[2][1000];
    read_table("t.csv", cases[i].text, NULL, &info, first);
    if (info.task.kind != cases[i].kind) fail_msg("case %zu: kind %d", i, info.task.kind);
    if (cases[i].note ? !strstr(info.notes, cases[i].note) : info.notes[0]) fail_msg("case %zu: %s", i, info.notes);
  }
}

/* Mazes of any shape whose width is seen or said. */
static void test_mazes(void **state) {
  (void)state;
  trm_dataset_info info;
  char first[2][1000];
  trm__rows_hint wide = {.width = 4};
  read_table("t.csv", "question,answer\n\"S  #\n # G\",\"Soo#\n #oG\"\n", NULL, &info, first);
  assert_int_equal(info.task.kind, TRM_TASK_MAZE);
  assert_int_equal(info.task.width, 4);
  assert_int_equal(info.task.height, 2);
  read_table("t.csv", "question,answer\nS  # # G,Soo# #oG\n", &wide, &info, first);
  assert_int_equal(info.task.kind, TRM_TASK_MAZE);
  assert_int_equal(info.task.height, 2);
  read_table("t.csv", "question,answer\nS  # # G,Soo# #oG\n", NULL, &info, first);
  assert_int_equal(info.task.kind, TRM_TASK_GENERIC);
}

/* The grids of an ARC task lie in the upper left of 30x30 cells; a test question without an answer is left out. */
static void test_arc(void **state) {
  (void)state;
  trm_dataset_info info;
  char first[2][1000];
  read_table("t.json",
             "{\"train\": [{\"input\": [[0, 1], [1, 9]], \"output\": [[1, 0, 5]]}],\n"
             " \"test\": [{\"input\": [[3]]}, {\"input\": [[3]], \"output\": [[4]]}]}",
             NULL, &info, first);
  assert_int_equal(info.task.kind, TRM_TASK_ARC);
  assert_int_equal(info.examples, 2);
  assert_memory_equal(first[0], "01|___", 6);
  assert_memory_equal(first[0] + 30, "19|___", 6);
  assert_memory_equal(first[0] + 60, "||____", 6);
  assert_memory_equal(first[0] + 90, "______", 6);
  assert_memory_equal(first[1], "105|__", 6);
  assert_memory_equal(first[1] + 30, "|||___", 6);
  assert_string_equal(info.notes, "1 questions have no answer and were left out\n");
  refuse("t.json", "{\"train\": [{\"input\": [[0, 1]], \"output\": [[10]]}]}", NULL, ":1",
         "\"output\" of pair 1 of \"train\": row 1, column 1: found 10, expected a colour");
  refuse("t.json", "{\"train\": [{\"input\": [[0, 1], [1]], \"output\": [[1]]}]}", NULL, ":1",
         "row 2 has 1 cells, expected 2 as in row 1");
  refuse("t.json", "{\"train\": [{\"input\": [], \"output\": [[1]]}]}", NULL, ":1", "0 rows, expected 1 to 30");
}

/* -- records, one by one -- */

/* The questions of a text that is given line by line, each followed by '\n'. */
static void stream(const char *path, const char *text, const trm_task *task, char *out) {
  trm__records records;
  size_t at = 0, size = strlen(text), cells, used;
  int32_t tokens[256];
  trm_error err = {0};
  out[0] = '\0';
  assert_int_equal(trm__records_open(&records, path, text, size, (size_t)(task->width * task->height)), 1);
  for (uint64_t line = 1; at < size; line++) {
    size_t piece = 0;
    do {
      const char *newline = memchr(text + at + piece, '\n', size - at - piece);
      piece = newline ? (size_t)(newline - text - (ptrdiff_t)at) + 1 : size - at;
    } while (!trm__record_whole(&records, text + at, piece) && at + piece < size);
    trm_status status = trm__record_read(&records, text + at, piece, line, task, tokens, &cells, &used, &err);
    if (status) sprintf(out + strlen(out), "%s: %.40s\n", err.where, err.message);
    else if (cells) {
      CHECK_OK(trm_task_render(task, tokens, out + strlen(out), 300, &err), err);
      strcat(out, "\n");
    }
    at += used ? used : piece;
  }
}

static void test_stream(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4), large = trm_task_sudoku(16);
  char out[4000], text[1000];
  static const char *const texts[] = {
      "id,question\n1," Q "\n2," Q "\n",
      "question\n" Q "\n" Q "\n",
      "sep=;\nid;question\n1;" Q "\n2;" Q "\n",
      "question,answer\n" Q ",broken\n" Q "\n",
      "# of two\n\"question\",\"answer\"\n\"1.3.\n.2..\n..4.\n...1\",x\n1-3--2----4----1\n",
      "{\"question\": \"" Q "\"}\n{\"quiz\": \"" Q "\", \"answer\": 7}\n",
      "[{\"question\": \"" Q "\"}, {\"question\": \"" Q "\"}]\n",
      "[\n{\n\"question\":\n\"" Q "\"\n}\n,\n{\"question\": \"" Q "\"}\n]\n",
      ROW "\n" ROW "\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    stream(NULL, texts[i], &task, out);
    if (strcmp(out, Q "\n" Q "\n") != 0) fail_msg("case %zu: %s", i, out);
  }
  stream("t.csv", "number;grid of cells\n1;" Q "\n", &task, out);
  assert_memory_equal(out, "t.csv:1:1: the header has no question column", 44);
  stream("t.csv", Q "\n12\n", &task, out);
  assert_string_equal(out, Q "\nt.csv:2:1: the question has 2 cells, expected 16 (4\n");
  /* A 0 beside '.' in 16x16 may be a blank or a digit. */
  memset(text, '.', 256);
  strcpy(text + 256, "\n");
  text[7] = 'A', text[9] = '0';
  stream("t.csv", text, &large, out);
  assert_non_null(strstr(out, "a 0 beside"));
  text[9] = 'B';
  stream("t.csv", text, &large, out);
  assert_string_equal(out, text);
}

/* The answer beside a question, read as the question is; without one, or with a bad one, there is none. */
static void test_stream_answers(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  static const struct {
    const char *text;
    int line, found;
  } cases[] = {
      {"question,answer\n" Q "," A "\n", 2, 1},
      {"rating;solution;quiz\n7;" A ";" Q "\n", 2, 1},
      {Q "," A "\n", 1, 1},
      {"sep=;\n" Q ";" A "\n", 2, 1},
      {"{\"quiz\": \"" Q "\", \"solution\": \"" A "\"}\n", 1, 1},
      {"[{\"question\": \"" Q "\", \"answer\": \"" A "\"}]\n", 1, 1},
      {"question\n" Q "\n", 2, 0},
      {"id,question\n1," Q "\n", 2, 0},
      {"question,answer\n" Q ",broken\n", 2, 0},
      {"question,answer\n" Q ",5" A "\n", 2, 0},
      {"question,answer\n" Q ",9999999999999999\n", 2, 0},
      {"question,answer\n" Q "\n", 2, 0},
      {"{\"question\": \"" Q "\", \"answer\": 7}\n", 1, 0},
      {"{\"question\": \"" Q "\"}\n", 1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm__records records;
    size_t size = strlen(cases[i].text), at = 0, cells = 0, used;
    int32_t question[16], tokens[16];
    char text[17];
    trm_error err = {0};
    assert_int_equal(trm__records_open(&records, "t", cases[i].text, size, 16), 1);
    for (int line = 1; line <= cases[i].line; line++, at += used) {
      trm__records before = records;
      CHECK_OK(trm__record_read(&records, cases[i].text + at, size - at, (uint64_t)line, &task, question, &cells, &used,
                                &err),
               err);
      if (line < cases[i].line) continue;
      trm_status status = trm__record_answer(&before, cases[i].text + at, used, (uint64_t)line, &task, tokens, &err);
      if (status != (cases[i].found ? TRM_OK : TRM_E_INPUT)) fail_msg("case %zu: %d, %s", i, (int)status, err.message);
      if (!status) CHECK_OK(trm_task_render(&task, tokens, text, sizeof text, &err), err);
      if (!status) assert_string_equal(text, A);
    }
  }
}

/* Puzzles as people write them are no tables. */
static void test_no_table(void **state) {
  (void)state;
  trm__records records;
  static const char *const texts[] = {Q9 "\n",
                                      "53..7....\n",
                                      "5 3 . | . 7 .\n",
                                      "[[5, 3, 0], [0, 7, 0]]\n",
                                      "5, 3, 0, 0, 7, 0\n",
                                      "",
                                      "+---+---+\n",
                                      "# Hello, you\n53..7....\n",
                                      "[5, 3, 0]\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t cells = 0; cells <= 81; cells += 81)
      if (trm__records_open(&records, "t.txt", texts[i], strlen(texts[i]), cells))
        fail_msg("taken for a table: %s", texts[i]);
  assert_int_equal(trm__records_open(&records, "T.CSV.GZ", Q9 "\n", 82, 81), 1);
  assert_int_equal(records.json, 0);
  assert_int_equal(trm__records_open(&records, "t.NDJSON", "", 0, 81), 1);
  assert_int_equal(records.json, 1);
  assert_int_equal(trm__records_open(&records, NULL, Q9 "," A9 "\n", 164, 81), 1);
  assert_int_equal(trm__records_open(&records, NULL, Q9 "," A9 "\n", 164, 16), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dialects),       cmocka_unit_test(test_json_tables),
      cmocka_unit_test(test_columns),        cmocka_unit_test(test_never_another),
      cmocka_unit_test(test_ratings),        cmocka_unit_test(test_notes),
      cmocka_unit_test(test_mazes),          cmocka_unit_test(test_arc),
      cmocka_unit_test(test_stream),         cmocka_unit_test(test_no_table),
      cmocka_unit_test(test_stream_answers),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
