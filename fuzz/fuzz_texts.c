/* Puzzles of a text, line by line, under every task (the first byte chooses, and whether lines come with pauses). What
 * is found lies in the text, what parses holds only tokens of the task and reads back, and errors say where and what.
 */
#include "data/format/texts.h"
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_puzzle(const trm_task *task, const char *text, size_t size) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  int32_t *tokens = trm__calloc(2 * cells, sizeof *tokens), *again = tokens + cells;
  char *line = trm__calloc(cells + 1, 1);
  trm_error err = {0};
  if (!tokens || !line) abort();
  if (!trm_task_parse(task, text, size, tokens, cells, &err)) {
    for (size_t i = 0; i < cells; i++)
      if (tokens[i] < 0 || tokens[i] >= task->vocab_size) abort();
    if (trm_task_render(task, tokens, line, cells + 1, &err) || trm_task_parse(task, line, cells, again, cells, &err))
      abort();
    if (memcmp(tokens, again, cells * sizeof *tokens) != 0) abort();
  } else if (!err.message[0] || !err.where[0]) abort();
  trm__free(tokens);
  trm__free(line);
}

static void read_all(const trm_task *task, const char *text, size_t size, int pauses) {
  trm__texts texts;
  trm__texts_puzzle found;
  trm__texts_open(&texts, task);
  for (size_t begun = 0, at = 0, ended = 0; !ended;) {
    const char *newline = at < size ? memchr(text + at, '\n', size - at) : NULL;
    size_t line = newline ? (size_t)(newline - text) + 1 - at : size - at;
    trm__texts_answer answer = TRM__TEXTS_DROP;
    if (pauses && trm__texts_end(&texts, 1, &found)) answer = TRM__TEXTS_PUZZLE;
    else if (line) answer = trm__texts_line(&texts, text + at, line, &found);
    else if (trm__texts_end(&texts, 0, &found)) answer = TRM__TEXTS_PUZZLE;
    else ended = 1;
    at += line;
    if (answer == TRM__TEXTS_PUZZLE) {
      size_t lines = 0;
      if (!found.used || found.size > found.used || begun + found.used > size) abort();
      for (size_t i = 0; i < found.used; i++) lines += text[begun + i] == '\n';
      if (lines != found.lines && lines + 1 != found.lines) abort();
      check_puzzle(task, text + begun, found.size);
      at = begun += found.used;
    } else if (answer == TRM__TEXTS_DROP) {
      if (texts.at || texts.lines || texts.rows || texts.dashes || texts.depth > 0) abort();
      begun = at;
    }
    if (texts.rows >= 2 * (size_t)task->height && task->height > 1) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  trm_task maze = trm_task_maze();
  maze.width = 4;
  maze.height = 3;
  const trm_task tasks[] = {trm_task_sudoku(4),
                            trm_task_sudoku(6),
                            trm_task_sudoku(9),
                            trm_task_sudoku(16),
                            maze,
                            trm__task_generic(6, 3, 5, "a|- "),
                            trm__task_generic(8, 8, 10, ".abcdefgh")};
  const char *text = (const char *)data + 1;
  trm_error err = {0};
  read_all(&tasks[(data[0] & 127) % (sizeof tasks / sizeof *tasks)], text, size - 1, data[0] >> 7);
  (void)trm__texts_guess(text, size - 1, NULL, &err);
  return 0;
}
