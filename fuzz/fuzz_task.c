/* A puzzle as text under every task (the first byte chooses), and task.json. What parses holds only tokens, and its
 * rendering parses to the same tokens. */
#include "base/text/json.h"
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What people are told of a question: a hint of a puzzle with one solution is a digit of it. */
static void ask_about(const trm_task *task, int32_t *question, uint8_t *marks, int solutions) {
  trm_task_finding finding = trm_task_inspect(task, question, 100, marks);
  trm_hint_result hint = trm_task_hint(task, question);
  if (finding.solutions > 2 || (hint.cell >= 0) != (hint.by == TRM_HINT_RULES)) abort();
  int sound = !trm_task_check_question(task, question, NULL);
  if (hint.reason[0] == '\0' || (sound && solutions == 1 && finding.what[0])) abort();
  if (hint.cell < 0 || !sound || solutions != 1) return;
  question[hint.cell] = hint.token;
  if (trm_task_unique(task, question, 0).count != 1) abort();
}

static void read_puzzle(const trm_task *task, const char *text, size_t size) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  int32_t *tokens = trm__calloc(2 * cells, sizeof *tokens), *again = tokens + cells;
  char *line = trm__calloc(cells + 1, 1);
  uint8_t *marks = trm__calloc(cells, 1);
  trm_task_cell *drawn = trm__calloc(cells, sizeof *drawn);
  trm_error err = {0};
  if (!tokens || !line || !marks || !drawn) abort();
  if (!trm_task_parse(task, text, size, tokens, cells, &err)) {
    for (size_t i = 0; i < cells; i++)
      if (tokens[i] < 0 || tokens[i] >= task->vocab_size) abort();
    if (trm_task_render(task, tokens, line, cells + 1, &err)) abort();
    if (trm_task_parse(task, line, cells, again, cells, &err)) abort();
    if (memcmp(tokens, again, cells * sizeof *tokens) != 0) abort();
    (void)trm_task_judge(task, tokens, again);
    (void)trm_task_check_question(task, tokens, &err);
    trm_task_drawing drawing = trm_task_draw(task, again, tokens, drawn);
    trm_task_solutions found = trm_task_unique(task, tokens, 100);
    if (drawing.width != task->width || found.count < TRM_SOLUTIONS_UNKNOWN || found.count > 2) abort();
    ask_about(task, tokens, marks, found.count);
  } else if (err.message[0] == '\0' || err.where[0] == '\0') abort();
  trm__free(tokens);
  trm__free(line);
  trm__free(marks);
  trm__free(drawn);
}

static void read_json(const char *text, size_t size) {
  json_t *json = NULL;
  trm_task task, again;
  trm_error err = {0};
  if (trm__json_parse(&json, text, size, "fuzz", &err)) return;
  if (!trm__task_from_json(&task, json, "fuzz", &err)) {
    json_t *copy = trm__task_to_json(&task);
    if (!copy || trm__task_from_json(&again, copy, "fuzz", &err)) abort();
    if (memcmp(&task, &again, sizeof task) != 0) abort();
    json_decref(copy);
  }
  json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  trm_task maze = trm_task_maze();
  maze.width = 4;
  maze.height = 3;
  const trm_task tasks[] = {trm_task_sudoku(4),
                            trm_task_sudoku(9),
                            trm_task_sudoku(16),
                            maze,
                            trm__task_generic(6, 3, 5, "a|- "),
                            trm__task_generic(6, 3, 4, "a=b"),
                            trm__task_generic(6, 3, 100, "")};
  size_t kinds = sizeof tasks / sizeof *tasks, choice = data[0] % (kinds + 1);
  if (choice == kinds) read_json((const char *)data + 1, size - 1);
  else read_puzzle(&tasks[choice], (const char *)data + 1, size - 1);
  return 0;
}
