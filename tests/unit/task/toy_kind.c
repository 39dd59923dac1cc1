/* A task kind in one file: Latin squares of 3x3, in which each row and column holds each letter once. It is registered,
 * and then every ordinary call knows it: reading and writing, JSON, inference, judging, symmetries, keys, counting,
 * making, drawing. Nothing else of trm was changed for it, which docs/howto/add-a-task-kind.md promises. */
#include "support/check.h"

#include <math.h>
#include <pthread.h>

#include "task/augment.h"
#include "task/keys.h"
#include "task/kind.h"
#include "task/task.h"

/* -- the kind ------------------------------------------------------------------------------------------------------ */

enum { SIDE = 3, CELLS = SIDE * SIDE, BLANK = 1 }; /* tokens: 1 the blank, 2 to 4 the letters */

static int latin_infer(trm_task *task, int64_t seq_len, int64_t vocab_size) {
  *task = (trm_task){.width = SIDE, .height = SIDE, .vocab_size = SIDE + 2, .alphabet = "-ABC"};
  return seq_len == CELLS && (!vocab_size || vocab_size == SIDE + 2);
}

static trm_status latin_shape(trm_task *same, const trm_task *task, const char *where, trm_error *err) {
  (void)task, (void)where, (void)err;
  (void)latin_infer(same, CELLS, 0);
  return TRM_OK;
}

static void latin_title(const trm_task *task, char *text, size_t size) {
  snprintf(text, size, "Latin square %dx%d", task->width, task->height);
}

static void latin_symbols(const trm_task *task, int16_t *map) {
  (void)task;
  map['?'] = map[' '] = BLANK;
  for (int c = 'A'; c <= 'C'; c++) map[c - 'A' + 'a'] = map[c];
}

static void latin_expected(const trm_task *task, int answer, char *text, size_t size) {
  (void)task;
  snprintf(text, size, answer ? "A, B or C" : "A, B, C or a blank (- ?)");
}

/* 1 when the letter of the cell stands a second time in its row or column. */
static int latin_clashes(const int32_t *tokens, int cell) {
  int row = cell / SIDE, column = cell % SIDE;
  for (int k = 0; k < SIDE && tokens[cell] > BLANK; k++) {
    if (k != column && tokens[row * SIDE + k] == tokens[cell]) return 1;
    if (k != row && tokens[k * SIDE + column] == tokens[cell]) return 1;
  }
  return 0;
}

static void latin_draw(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_drawing *drawing,
                       trm_task_cell *cells) {
  (void)task;
  drawing->cell_width = 2;
  for (int i = 0; i < CELLS; i++) {
    cells[i].clue = question && question[i] > BLANK;
    cells[i].wrong = latin_clashes(tokens, i) || (cells[i].clue && question[i] != tokens[i]);
    if (tokens[i] == BLANK) strcpy(cells[i].text, "\xc2\xb7"); /* a middle dot */
  }
}

static trm_task_verdict latin_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  trm_task_verdict verdict = {1, 1};
  (void)task;
  for (int i = 0; i < CELLS; i++) {
    if (question[i] > BLANK && question[i] != answer[i]) verdict.keeps_clues = 0;
    if (answer[i] <= BLANK || answer[i] > SIDE + 1 || latin_clashes(answer, i)) verdict.keeps_rules = 0;
  }
  return verdict;
}

static int latin_fits(const trm_task *task, int numbers, const int32_t *question, const int32_t *answer) {
  (void)numbers;
  return latin_judge(task, question, answer).keeps_rules == 1;
}

static trm_status latin_check(const trm_task *task, const int32_t *question, trm_error *err) {
  for (int i = 0; i < CELLS; i++)
    if (latin_clashes(question, i))
      return trm__fail(err, TRM_E_INPUT, "square", "found %c twice in a line, expected it once",
                       task->alphabet[question[i] - 1]);
  return TRM_OK;
}

/* Tries all letters from cell `at` on. *left: cells that may still be filled; negative: no bound. */
static int latin_count(int32_t *tokens, int at, int most, int64_t *left) {
  int found = 0;
  if (at == CELLS) return 1;
  if (tokens[at] > BLANK) return latin_clashes(tokens, at) ? 0 : latin_count(tokens, at + 1, most, left);
  for (int32_t letter = BLANK + 1; letter <= BLANK + SIDE && found < most && *left; letter++) {
    --*left;
    tokens[at] = letter;
    if (!latin_clashes(tokens, at)) found += latin_count(tokens, at + 1, most - found, left);
  }
  tokens[at] = BLANK;
  return found;
}

static trm_task_solutions latin_unique(const trm_task *task, const int32_t *question, int most, int64_t bound) {
  int32_t tokens[CELLS];
  int64_t left = bound ? bound : -1;
  (void)task;
  memcpy(tokens, question, sizeof tokens);
  int count = latin_count(tokens, 0, most, &left);
  return (trm_task_solutions){.count = count < most && !left ? TRM_SOLUTIONS_UNDECIDED : count, .effort = (double)NAN};
}

/* Cyclic squares with letters renamed are half of all, the others are their mirror images; one letter stays hidden. */
static trm_status latin_generate(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer,
                                 trm_error *err) {
  uint32_t letters[SIDE] = {0, 1, 2}, hidden = trm__rng_below(rng, SIDE), mirror = trm__rng_below(rng, 2);
  (void)task, (void)err;
  trm__rng_shuffle(rng, letters, SIDE);
  for (uint32_t i = 0; i < CELLS; i++) {
    uint32_t row = i / SIDE, column = i % SIDE, letter = letters[(mirror ? row + column : row + 2 * column) % SIDE];
    answer[i] = BLANK + 1 + (int32_t)letter;
    question[i] = letter == hidden ? BLANK : answer[i];
  }
  return TRM_OK;
}

static int latin_symmetric(const trm_task *task) {
  (void)task;
  return 1;
}

/* Letters renamed by their number + `shift`; labels of -100 and padding stay. */
static void latin_rename(int32_t *tokens, int32_t shift) {
  for (int i = 0; i < CELLS; i++)
    if (tokens[i] > BLANK) tokens[i] = BLANK + 1 + (tokens[i] - BLANK - 1 + shift) % SIDE;
}

static void latin_symmetry(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry) {
  int shift = (int)trm__rng_below(rng, SIDE);
  (void)task;
  for (int v = 0; v < SIDE; v++) symmetry->name[BLANK + 1 + v] = (uint16_t)(BLANK + 1 + (v + shift) % SIDE);
}

/* The least of the images, read as a number in base 5. */
static uint64_t latin_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  uint64_t least = UINT64_MAX;
  (void)task, (void)cells;
  for (int32_t shift = 0; shift < SIDE; shift++) {
    int32_t image[CELLS];
    uint64_t number = 0;
    memcpy(image, tokens, sizeof image);
    latin_rename(image, shift);
    for (int i = 0; i < CELLS; i++) number = number * (SIDE + 2) + (uint64_t)image[i];
    if (number < least) least = number;
  }
  return least;
}

static const trm__kind latin = {
    .name = "latin",
    .rules = "each row and column holds each letter once",
    .first_number = BLANK,
    .blank = BLANK,
    .single = 1,
    .infer = latin_infer,
    .shape = latin_shape,
    .fits = latin_fits,
    .title = latin_title,
    .symbols = latin_symbols,
    .expected = latin_expected,
    .parse = trm__text_parse,
    .render = trm__text_render,
    .draw = latin_draw,
    .judge = latin_judge,
    .check = latin_check,
    .unique = latin_unique,
    .generate = latin_generate,
    .symmetric = latin_symmetric,
    .symmetry = latin_symmetry,
    .key = latin_key,
};

/* -- the ordinary calls know it ------------------------------------------------------------------------------------ */

static trm_task task;

/* Until it is there its name and shape are nobody's. */
static int register_latin(void **state) {
  (void)state;
  trm_task_kind number = -7;
  trm_error err = {0};
  assert_int_equal(trm__kind_named("latin"), -1);
  assert_int_equal(trm__task_infer(9, 5).kind, TRM_TASK_GENERIC);
  CHECK_OK(trm__kind_register(&latin, &number, &err), err);
  task = trm__task_infer(9, 5);
  assert_int_equal(task.kind, number);
  assert_true(number > TRM_TASK_ARC);
  return 0;
}

static void read_square(const char *text, int32_t *tokens) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(&task, text, strlen(text), tokens, CELLS, &err), err);
}

static void it_is_inferred_and_named(void **state) {
  (void)state;
  char text[64];
  trm_error err = {0};
  CHECK_OK(trm__task_check(&task, "task", &err), err);
  assert_string_equal(trm_task_name(&task), "latin");
  assert_string_equal(trm_task_title(&task, text, sizeof text), "Latin square 3x3");
  assert_string_equal(trm_task_rules(&task), "each row and column holds each letter once");
  assert_int_equal(trm__task_infer(9, 6).kind, TRM_TASK_GENERIC);
  assert_int_equal(trm__task_infer(81, 11).kind, TRM_TASK_SUDOKU); /* the others are as they were */
}

static void its_text_is_read_and_written(void **state) {
  (void)state;
  int32_t tokens[CELLS];
  char line[CELLS + 1];
  trm_error err = {0};
  static const char *const notations[] = {"AB--C-B--", "ab??c?b??", "A B -\n- C -\nB - -\n", "|ab |\n| c |\n|b  |\n"};
  for (size_t i = 0; i < sizeof notations / sizeof *notations; i++) {
    read_square(notations[i], tokens);
    CHECK_OK(trm_task_render(&task, tokens, line, sizeof line, &err), err);
    assert_string_equal(line, "AB--C-B--");
  }
  CHECK_FAILS(trm_task_parse(&task, "ABD------", 9, tokens, CELLS, &err), TRM_E_INPUT, err,
              "found 'D', expected A, B, C or a blank");
}

/* Numbers and symbols of text files; an answer has no blank. */
static void its_cells_are_encoded(void **state) {
  (void)state;
  int16_t map[256];
  char expected[64];
  trm__task_symbols(&task, 1, 0, map);
  for (int i = 0; i < 256; i++) assert_int_equal(map[i], i <= SIDE ? BLANK + i : -1);
  trm__task_symbols(&task, 0, 1, map);
  assert_int_equal(map['-'], -1);
  assert_int_equal(map['?'], -1);
  assert_int_equal(map['a'], 2);
  trm__task_expected(&task, 1, expected, sizeof expected);
  assert_string_equal(expected, "A, B or C");
  int32_t question[CELLS], answer[CELLS];
  read_square("AB--C-B--", question);
  read_square("ABCBCACAB", answer);
  assert_true(trm__kind_of(&task)->fits(&task, 0, question, answer));
  assert_false(trm__kind_of(&task)->fits(&task, 0, answer, question));
}

static void its_json_goes_round(void **state) {
  (void)state;
  trm_task back = {0}, other = task;
  trm_error err = {0};
  json_t *json = trm__task_to_json(&task);
  assert_string_equal(json_string_value(json_object_get(json, "kind")), "latin");
  CHECK_OK(trm__task_from_json(&back, json, "task.json", &err), err);
  assert_memory_equal(&back, &task, sizeof back);
  json_object_set_new(json, "kind", json_string("greek"));
  CHECK_FAILS(trm__task_from_json(&back, json, "task.json", &err), TRM_E_INPUT, err,
              "found \"greek\", expected generic, sudoku, maze, arc or latin");
  json_decref(json);
  other.width = 1, other.height = 9;
  CHECK_FAILS(trm__task_check(&other, "task", &err), TRM_E_INPUT, err, "width does not fit kind latin");
}

static void its_answers_are_judged(void **state) {
  (void)state;
  int32_t question[CELLS], answer[CELLS];
  trm_error err = {0};
  read_square("AB--C-B--", question);
  read_square("ABCBCACAB", answer);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_clues, 0);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_rules, 1);
  read_square("ABCACBBAC", answer);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_clues, 1);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_rules, 0);
  read_square("ABC------", question);
  CHECK_OK(trm_task_check_question(&task, question, &err), err);
  question[2] = question[0];
  CHECK_FAILS(trm_task_check_question(&task, question, &err), TRM_E_INPUT, err, "found A twice");
  question[2] = 9;
  CHECK_FAILS(trm_task_check_question(&task, question, &err), TRM_E_INPUT, err, "outside the vocabulary");
}

static void its_solutions_are_counted(void **state) {
  (void)state;
  int32_t question[CELLS];
  static const struct {
    const char *text;
    int64_t bound;
    int count;
  } cases[] = {{"ABC------", 0, 2},
               {"ABCB-----", 0, 1},
               {"A--------", 0, 2},
               {"AB---C---", 0, 0},
               {"---------", 5, TRM_SOLUTIONS_UNDECIDED},
               {"---------", 1000, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    read_square(cases[i].text, question);
    trm_task_solutions found = trm_task_unique(&task, question, cases[i].bound);
    assert_int_equal(found.count, cases[i].count);
    assert_int_equal(found.single, 1);
  }
}

/* Puzzles depend on seed and number alone; all twelve squares come, and each has its answer as the only one. */
static void its_puzzles_are_made(void **state) {
  (void)state;
  int32_t question[CELLS], answer[CELLS], again[CELLS];
  char line[CELLS + 1], seen[12][CELLS + 1];
  int squares = 0;
  trm_error err = {0};
  for (uint64_t i = 0; i < 300; i++) {
    CHECK_OK(trm_generate(&task, 5, i, NULL, question, answer, &err), err);
    trm_task_verdict verdict = trm_task_judge(&task, question, answer);
    assert_true(verdict.keeps_clues == 1 && verdict.keeps_rules == 1);
    assert_int_equal(trm_task_unique(&task, question, 0).count, 1);
    CHECK_OK(trm_generate(&task, 5, i, NULL, again, answer, &err), err);
    assert_memory_equal(again, question, sizeof again);
    CHECK_OK(trm_task_render(&task, answer, line, sizeof line, &err), err);
    int known = 0;
    for (int k = 0; k < squares; k++) known |= !strcmp(seen[k], line);
    assert_true(known || squares < 12);
    if (!known) strcpy(seen[squares++], line);
  }
  assert_int_equal(squares, 12);
}

/* Images keep the key and the rules; another puzzle has another key. */
static void its_symmetries_are_known(void **state) {
  (void)state;
  int32_t question[CELLS], answer[CELLS], image[CELLS], labels[CELLS];
  int moved = 0;
  trm_error err = {0};
  assert_true(trm__augment_known(&task));
  CHECK_OK(trm_generate(&task, 6, 0, NULL, question, answer, &err), err);
  for (uint64_t i = 0; i < 30; i++) {
    memcpy(image, question, sizeof image);
    memcpy(labels, answer, sizeof labels);
    trm__rng rng = trm__rng_make(1, TRM__RNG_AUGMENT, i);
    trm__augment(&task, &rng, image, labels);
    moved += memcmp(image, question, sizeof image) != 0;
    assert_int_equal(trm_task_judge(&task, image, labels).keeps_rules, 1);
    assert_int_equal(trm_task_judge(&task, image, labels).keeps_clues, 1);
    assert_true(trm__question_key(&task, image, CELLS) == trm__question_key(&task, question, CELLS));
  }
  assert_true(moved > 5 && moved < 30);
  memcpy(image, question, sizeof image);
  for (int i = 0; i < CELLS; i++)
    if (image[i] > BLANK) {
      image[i] = BLANK;
      break;
    }
  assert_true(trm__question_key(&task, image, CELLS) != trm__question_key(&task, question, CELLS));
}

static void its_grid_is_drawn(void **state) {
  (void)state;
  int32_t question[CELLS], tokens[CELLS];
  trm_task_cell cells[CELLS];
  read_square("AB--C-B--", question);
  read_square("AB-ACACCA", tokens); /* the A of row 2, the C and the A of row 3 stand twice; a clue is changed */
  trm_task_drawing drawing = trm_task_draw(&task, question, tokens, cells);
  assert_int_equal(drawing.width, SIDE);
  assert_int_equal(drawing.box_width, 0);
  assert_int_equal(drawing.cell_width, 2);
  assert_int_equal(drawing.clues, 4);
  assert_string_equal(cells[0].text, "A");
  assert_string_equal(cells[2].text, "\xc2\xb7");
  static const uint8_t wrong[CELLS] = {1, 0, 0, 1, 1, 1, 1, 1, 1};
  int count = 0;
  for (int i = 0; i < CELLS; i++) {
    assert_int_equal(cells[i].wrong, wrong[i]);
    count += wrong[i];
  }
  assert_int_equal(drawing.wrong, count);
  assert_int_equal(trm_task_draw(&task, NULL, question, cells).clues, 0);
}

/* -- the table ----------------------------------------------------------------------------------------------------- */

static void bad_rows_are_refused(void **state) {
  (void)state;
  trm_task_kind number = -7;
  trm_error err = {0};
  trm__kind row = latin;
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "of this name");
  row.name = "sudoku";
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "of this name");
  row.name = "";
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "without a name");
  row.name = "half";
  row.rules = NULL;
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "half a pair");
  row.judge = NULL;
  row.first_number = 0;
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "first_number: found 0");
  row.first_number = 1;
  row.parse = NULL;
  CHECK_FAILS(trm__kind_register(&row, &number, &err), TRM_E_USAGE, err, "function is missing");
  assert_int_equal(number, -7);
  assert_int_equal(trm__kind_named("half"), -1);
}

/* Of a kind that has only what it must have, everything else is said to be unknown. */
static void what_a_row_leaves_out_is_unknown(void **state) {
  (void)state;
  static const trm__kind bare = {
      .name = "bare", .first_number = 1, .title = latin_title, .parse = trm__text_parse, .render = trm__text_render};
  trm_task plain = task;
  int32_t tokens[CELLS] = {2, 2, 2}, answer[CELLS] = {0}, image[CELLS] = {2, 2, 2};
  trm_task_cell cells[CELLS];
  trm_error err = {0};
  CHECK_OK(trm__kind_register(&bare, &plain.kind, &err), err);
  assert_null(trm_task_rules(&plain));
  assert_int_equal(trm_task_judge(&plain, tokens, answer).keeps_rules, -1);
  assert_int_equal(trm_task_judge(&plain, tokens, answer).keeps_clues, -1);
  CHECK_OK(trm_task_check_question(&plain, tokens, &err), err);
  trm_task_solutions found = trm_task_unique(&plain, tokens, 0);
  assert_int_equal(found.count, TRM_SOLUTIONS_UNKNOWN);
  assert_int_equal(found.single, 0);
  assert_true(isnan(found.effort));
  CHECK_FAILS(trm_generate(&plain, 1, 1, NULL, tokens, answer, &err), TRM_E_UNSUPPORTED, err, "cannot make");
  assert_false(trm__augment_known(&plain));
  trm__rng rng = trm__rng_make(1, TRM__RNG_AUGMENT, 1);
  trm__augment(&plain, &rng, image, answer);
  assert_memory_equal(image, tokens, sizeof image);
  assert_true(trm__question_key(&plain, image, CELLS) == trm__question_key(&plain, tokens, CELLS));
  image[0]++;
  assert_true(trm__question_key(&plain, image, CELLS) != trm__question_key(&plain, tokens, CELLS));
  trm_task_drawing drawing = trm_task_draw(&plain, tokens, tokens, cells);
  assert_true(drawing.clues == 0 && drawing.wrong == 0 && drawing.cell_width == 1);
  plain.kind = 1000; /* nobody's number: treated as generic, and refused where a task is checked */
  assert_int_equal(trm_task_judge(&plain, tokens, answer).keeps_rules, -1);
  assert_string_equal(trm_task_name(&plain), "unknown");
  CHECK_FAILS(trm__task_check(&plain, "task", &err), TRM_E_INPUT, err, "found the number 1000");
}

enum { THREADS = 4, EACH = 8 };
static trm__kind crowd[THREADS][EACH];
static char crowd_name[THREADS][EACH][16];
static trm_task_kind crowd_number[THREADS][EACH];

/* Adds rows, and meanwhile asks for its own and for those of others. */
static void *crowd_main(void *context) {
  int t = (int)(intptr_t)context;
  for (int i = 0; i < EACH; i++) {
    snprintf(crowd_name[t][i], sizeof crowd_name[t][i], "crowd%d_%d", t, i);
    crowd[t][i] = latin;
    crowd[t][i].name = crowd_name[t][i];
    crowd[t][i].infer = NULL;
    if (trm__kind_register(&crowd[t][i], &crowd_number[t][i], NULL)) return context;
    for (trm_task_kind n = 0; trm__kind_find(n); n++)
      if (!trm__kind_find(n)->name[0]) return context;
  }
  return NULL;
}

static void rows_may_be_added_at_the_same_time(void **state) {
  (void)state;
  pthread_t thread[THREADS];
  trm_error err = {0};
  for (int t = 0; t < THREADS; t++)
    assert_int_equal(pthread_create(&thread[t], NULL, crowd_main, (void *)(intptr_t)t), 0);
  for (int t = 0; t < THREADS; t++) {
    void *failed = thread;
    assert_int_equal(pthread_join(thread[t], &failed), 0);
    assert_null(failed);
  }
  for (int t = 0; t < THREADS; t++)
    for (int i = 0; i < EACH; i++) assert_ptr_equal(trm__kind_find(crowd_number[t][i]), &crowd[t][i]);
  static trm__kind more[TRM__KINDS_MOST];
  static char name[TRM__KINDS_MOST][16];
  int added = 0;
  for (; !trm__kind_find(TRM__KINDS_MOST - 1); added++) {
    more[added] = crowd[0][0];
    more[added].name = name[added];
    snprintf(name[added], sizeof name[added], "more%d", added);
    CHECK_OK(trm__kind_register(&more[added], NULL, &err), err);
  }
  more[added] = crowd[0][0];
  more[added].name = "one more";
  CHECK_FAILS(trm__kind_register(&more[added], NULL, &err), TRM_E_USAGE, err, "there are 64 task kinds");
  assert_null(trm__kind_find(TRM__KINDS_MOST));
  assert_null(trm__kind_find(-1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_inferred_and_named),
      cmocka_unit_test(its_text_is_read_and_written),
      cmocka_unit_test(its_cells_are_encoded),
      cmocka_unit_test(its_json_goes_round),
      cmocka_unit_test(its_answers_are_judged),
      cmocka_unit_test(its_solutions_are_counted),
      cmocka_unit_test(its_puzzles_are_made),
      cmocka_unit_test(its_symmetries_are_known),
      cmocka_unit_test(its_grid_is_drawn),
      cmocka_unit_test(bad_rows_are_refused),
      cmocka_unit_test(what_a_row_leaves_out_is_unknown),
      cmocka_unit_test(rows_may_be_added_at_the_same_time),
  };
  return cmocka_run_group_tests(tests, register_latin, NULL);
}
