/* How large a puzzle is when no task is known, to choose a model by. Each task that trm knows by its size is tried
 * first; when the text is a puzzle of none, its rows are counted, and a size that is nearly known is taken for that:
 * then what is wrong with the puzzle is said, and not that there is no model for it. */
#include <string.h>

#include "base/mem.h"
#include "data/format/texts.h"
#include "task/kind.h"
#include "task/task.h"

enum { SIDES = 40 }; /* sides of known squares are below */

/* The task of a kind whose puzzles are squares of this side; 0 when there is none. any: also of a kind that has puzzles
 * of many sizes and is not known by this one. */
static int guess_task(trm_task *task, size_t side, int any) {
  int64_t cells = (int64_t)(side * side);
  trm_task same;
  for (trm_task_kind number = TRM_TASK_GENERIC + 1; trm__kind_find(number); number++)
    if (trm__task_infer_as(task, number, cells, 0) &&
        (any || trm__task_infer_as(&same, number, cells, task->vocab_size)))
      return 1;
  return 0;
}

/* Letters beside each other that are no blanks nor hexadecimal digits: words. */
static int guess_is_words(const char *line, size_t length) {
  for (size_t i = 0; i + 1 < length; i++)
    if (trm__text_is_letter(line[i]) && trm__text_is_letter(line[i + 1]) && !strchr("abcdefgxABCDEFGX", line[i]))
      return 1;
  return 0;
}

size_t trm__texts_guess_line(const char *line, size_t length) {
  size_t cells = 0, fields = 0, dashes = 0;
  int within = 0;
  if (guess_is_words(line, length) || (length && strchr("#;%", line[0]))) return 0;
  for (size_t i = 0; i < length; i++) {
    int apart = (unsigned char)line[i] >= 0x80 || !line[i] || strchr(" \t\r\n|+=,[](){}\"'", line[i]);
    cells += (size_t)!apart;
    dashes += line[i] == '-' || (line[i] == '*' && dashes);
    fields += (size_t)(!apart && !within);
    within = !apart;
  }
  if (cells && dashes + 2 >= cells) return 0; /* drawn */
  return fields >= 4 && cells > fields && cells < 2 * fields ? fields : cells;
}

/* The known size nearest to so many cells; 0 when none is near. */
static size_t guess_near(size_t cells) {
  trm_task task;
  for (size_t side = 2; side < SIDES; side++) {
    size_t known = side * side, apart = known > cells ? known - cells : cells - known;
    if (16 * apart <= known && guess_task(&task, side, 0)) return known;
  }
  return 0;
}

/* From the cells of most lines, and of all. */
static size_t guess_size(size_t row, size_t rows, size_t all) {
  trm_task task;
  size_t near = guess_near(row);
  if (rows > 1 && row < SIDES && guess_task(&task, row, 0)) return row * row;
  if (near) return near;
  near = guess_near(all);
  if (near) return near;
  return row < SIDES && guess_task(&task, row, 0) ? row * row : rows > 1 && row > SIDES ? row : all;
}

static size_t guess_count(const char *text, size_t length) {
  uint32_t count[1024] = {0};
  size_t most = 0, rows = 0, all = 0;
  for (size_t at = 0, end; at < length; at = end + 1) {
    const char *newline = memchr(text + at, '\n', length - at);
    end = newline ? (size_t)(newline - text) : length;
    size_t cells = trm__texts_guess_line(text + at, end - at);
    if (!cells) continue;
    rows++;
    all += cells;
    if (cells >= sizeof count / sizeof *count) return all;
    if (++count[cells] > count[most]) most = cells;
  }
  return rows ? guess_size(most, rows, all) : 0;
}

/* Cells of the known task that the text is a puzzle of; 0: of none. side > 0: only of this side, and err says why not.
 */
static size_t guess_read(const char *text, size_t length, size_t side, trm_error *err) {
  trm_task task;
  size_t room = (size_t)SIDES * SIDES, first = side ? side : 2, end = side ? side + 1 : SIDES, cells = 0;
  int32_t *tokens = trm__calloc(room, sizeof *tokens);
  for (side = first; tokens && !cells && side < end; side++)
    if (guess_task(&task, side, 1) && !trm_task_parse(&task, text, length, tokens, room, err)) cells = side * side;
  trm__free(tokens);
  return cells;
}

/* Of a puzzle on the first line that has cells; so 16 lines of 4x4 puzzles are no puzzle of 16x16. */
static size_t guess_first(const char *text, size_t length) {
  for (size_t at = 0, end; at < length; at = end + 1) {
    const char *newline = memchr(text + at, '\n', length - at);
    end = newline ? (size_t)(newline - text) : length;
    if (trm__texts_guess_line(text + at, end - at)) return guess_read(text + at, end - at, 0, NULL);
  }
  return 0;
}

size_t trm__texts_guess(const char *text, size_t length, trm_error *err) {
  size_t side = 1, cells = guess_first(text, length);
  if (!cells) cells = guess_read(text, length, 0, NULL);
  if (cells) return cells;
  cells = guess_count(text, length);
  while (side * side < cells && side < SIDES) side++;
  if (side * side == cells) (void)guess_read(text, length, side, err);
  return cells;
}

int trm__texts_reads(const char *text, const trm_task *task) {
  size_t room = task ? (size_t)task->width * (size_t)task->height : 1;
  if (!task) return guess_read(text, strlen(text), 0, NULL) > 0;
  int32_t *tokens = trm__calloc(room, sizeof *tokens);
  int reads = tokens && !trm_task_parse(task, text, strlen(text), tokens, room, NULL);
  trm__free(tokens);
  return reads;
}
