/* How large a puzzle is when no task is known, to choose a model by. Each task that trm knows by its size is tried
 * first; when the text is a puzzle of none, its rows are counted, and a size that is nearly known is taken for that:
 * then what is wrong with the puzzle is said, and not that there is no model for it. */
#include <string.h>

#include "base/mem.h"
#include "data/format/texts.h"
#include "task/kind.h"
#include "task/task.h"

enum { SIDES = 40 }; /* sides of known squares are below */

/* 1 when there is a kind that is known by puzzles that are squares of this side. */
static int guess_known(size_t side) {
  int64_t cells = (int64_t)(side * side);
  trm_task task, same;
  for (trm_task_kind number = TRM_TASK_GENERIC + 1; trm__kind_find(number); number++)
    if (trm__task_infer_as(&task, number, cells, 0) && trm__task_infer_as(&same, number, cells, task.vocab_size))
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
  for (size_t side = 2; side < SIDES; side++) {
    size_t known = side * side, apart = known > cells ? known - cells : cells - known;
    if (16 * apart <= known && guess_known(side)) return known;
  }
  return 0;
}

/* From the cells of most lines, and of all. */
static size_t guess_size(size_t row, size_t rows, size_t all) {
  size_t near = guess_near(row);
  if (rows > 1 && row < SIDES && guess_known(row)) return row * row;
  if (near) return near;
  near = guess_near(all);
  if (near) return near;
  return row < SIDES && guess_known(row) ? row * row : rows > 1 && row > SIDES ? row : all;
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

/* Of the kinds that have squares of this side, the next behind *number; 0 when there is none. */
static int guess_next(trm_task *task, size_t side, trm_task_kind *number) {
  int64_t cells = (int64_t)(side * side);
  while (trm__kind_find(++*number))
    if (trm__task_infer_as(task, *number, cells, 0)) return 1;
  return 0;
}

/* How many of the text's bytes are symbols of the task, blank ones aside. */
static size_t guess_known_symbols(const trm_task *task, const char *text, size_t length) {
  int16_t map[256];
  size_t count = 0;
  trm__task_symbols(task, 0, 0, map);
  for (size_t i = 0; i < length; i++) count += map[(unsigned char)text[i]] >= 0 && !strchr(" \t\r\n", text[i]);
  return count;
}

/* The kind that reads a text as a puzzle of this side, 1; else 0, and *task is the kind that knows most of its symbols,
 * unchanged when there is none of this side, and err says why it does not read it. tokens: room. */
static int guess_read_side(const char *text, size_t length, size_t side, int32_t *tokens, trm_task *task,
                           trm_error *err) {
  trm_task_kind number = TRM_TASK_GENERIC;
  trm_task other;
  size_t most = 0;
  while (guess_next(&other, side, &number)) {
    trm_error why = {0};
    int reads = !trm_task_parse(&other, text, length, tokens, side * side, &why);
    size_t known = guess_known_symbols(&other, text, length) + 1;
    if (!reads && known <= most) continue;
    *task = other;
    if (err) *err = why;
    if (reads) return 1;
    most = known;
  }
  return 0;
}

/* Cells of the known task that the text is a puzzle of; 0: of none. side > 0: only of this side, and err says why not.
 */
static size_t guess_read(const char *text, size_t length, size_t side, trm_task *task, trm_error *err) {
  size_t room = (size_t)SIDES * SIDES, first = side ? side : 2, end = side ? side + 1 : SIDES, cells = 0;
  int32_t *tokens = trm__calloc(room, sizeof *tokens);
  for (side = first; tokens && !cells && side < end; side++)
    if (guess_read_side(text, length, side, tokens, task, err)) cells = side * side;
  trm__free(tokens);
  return cells;
}

/* Of a puzzle on the first line that has cells; so 16 lines of 4x4 puzzles are no puzzle of 16x16. */
static size_t guess_first(const char *text, size_t length, trm_task *task) {
  for (size_t at = 0, end; at < length; at = end + 1) {
    const char *newline = memchr(text + at, '\n', length - at);
    end = newline ? (size_t)(newline - text) : length;
    if (trm__texts_guess_line(text + at, end - at)) return guess_read(text + at, end - at, 0, task, NULL);
  }
  return 0;
}

/* Rows of characters without any between: the longest, and how many there are. */
static void guess_rows(const char *text, size_t length, size_t *row, size_t *rows) {
  *row = *rows = 0;
  for (size_t at = 0, end; at < length; at = end + 1) {
    const char *newline = memchr(text + at, '\n', length - at);
    end = newline ? (size_t)(newline - text) : length;
    size_t whole = end - at - (end > at && text[end - 1] == '\r');
    *rows += whole > 0;
    if (whole > *row) *row = whole;
  }
}

/* A picture: of a kind whose puzzles may be of any width and height, all of whose rows are its symbols and as long as
 * each other, but for a slip or two, of which err then tells. Returns its cells; 0: it is none. */
static size_t guess_picture(const char *text, size_t length, trm_task *task, trm_error *err) {
  size_t row, rows, bytes = 0;
  trm_task other;
  trm_task_kind number = TRM_TASK_GENERIC;
  guess_rows(text, length, &row, &rows);
  for (size_t i = 0; i < length; i++) bytes += !strchr(" \t\r\n", text[i]);
  if (row < 2 || rows < 2 || row >= SIDES || rows >= SIDES) return 0;
  while (guess_next(&other, row, &number)) {
    size_t known = guess_known_symbols(&other, text, length);
    if (!trm_task_has_frame(&other) || known + 3 < bytes || 10 * known < 9 * bytes) continue;
    int32_t tokens[SIDES * SIDES];
    other.height = (int)rows;
    (void)trm_task_parse(&other, text, length, tokens, row * rows, err);
    *task = other;
    return row * rows;
  }
  return 0;
}

size_t trm__texts_guess(const char *text, size_t length, trm_task *task, trm_error *err) {
  trm_task read = {0};
  size_t side = 1, cells = guess_first(text, length, &read);
  if (!cells) cells = guess_read(text, length, 0, &read, NULL);
  if (!cells) read = (trm_task){0};
  if (!cells) cells = guess_picture(text, length, &read, err);
  if (task) *task = read;
  if (cells) return cells;
  cells = guess_count(text, length);
  while (side * side < cells && side < SIDES) side++;
  if (side * side == cells) (void)guess_read(text, length, side, &read, err);
  return cells;
}

int trm__texts_reads(const char *text, const trm_task *task) {
  trm_task read;
  size_t room = task ? (size_t)task->width * (size_t)task->height : 1;
  if (!task) return guess_read(text, strlen(text), 0, &read, NULL) > 0;
  int32_t *tokens = trm__calloc(room, sizeof *tokens);
  int reads = tokens && !trm_task_parse(task, text, strlen(text), tokens, room, NULL);
  trm__free(tokens);
  return reads;
}
