/* Where the puzzles of a text lie: see texts.h. */
#include "data/format/texts.h"

#include <string.h>

#include "task/puzzle.h"
#include "task/text_padded.h"

void trm__texts_open(trm__texts *texts, const trm_task *task) {
  *texts = (trm__texts){.task = *task};
  trm__puzzle_text(&texts->reading, &texts->task, "", 0);
}

static void texts_begin_next(trm__texts *texts) {
  texts->at = texts->end = 0;
  texts->lines = 0;
  texts->rows = texts->dashes = texts->band = 0;
  texts->depth = texts->empty = 0;
}

/* The puzzle ends before the line that is `length` bytes long, or with it. */
static trm__texts_answer texts_end_at(trm__texts *texts, size_t length, trm__texts_puzzle *puzzle) {
  *puzzle = (trm__texts_puzzle){texts->end, texts->at + length, texts->lines + (length > 0)};
  if (texts->band) *puzzle = texts->cut;
  texts_begin_next(texts);
  return TRM__TEXTS_PUZZLE;
}

static int texts_is_whole(const trm__texts *texts) {
  size_t height = (size_t)texts->task.height;
  return texts->rows == height || texts->rows + texts->dashes == height;
}

/* Whether the puzzle is whole at its end, so that an empty line within was no end. */
static void texts_join_bands(trm__texts *texts) {
  if (texts->band && texts->rows == (size_t)texts->task.height) texts->band = 0;
}

/* An empty line behind rows that are a band of boxes may stand between two bands. */
static trm__texts_answer texts_empty(trm__texts *texts, size_t length, trm__texts_puzzle *puzzle) {
  size_t height = (size_t)texts->task.height, box = (size_t)texts->task.box_height;
  texts_join_bands(texts);
  if (texts->empty && !texts_is_whole(texts)) return TRM__TEXTS_MORE;
  int banded = box && !texts->dashes && texts->rows < height && (texts->rows % box == 0 || texts->rows == 1) &&
               height % texts->rows == 0;
  if (!texts->band && banded) {
    texts->band = texts->rows;
    texts->cut = (trm__texts_puzzle){texts->end, texts->at + length, texts->lines + 1};
  }
  if (!texts->band || texts->rows % texts->band) return texts_end_at(texts, length, puzzle);
  texts->empty = 1;
  return TRM__TEXTS_MORE;
}

/* 1 when a row cannot follow: bands have an empty line between all of them. */
static int texts_breaks_bands(const trm__texts *texts) {
  return texts->band && (texts->rows == (size_t)texts->task.height || (texts->rows % texts->band == 0) != texts->empty);
}

static trm__texts_answer texts_row(trm__texts *texts, size_t end, size_t length, int dashes,
                                   trm__texts_puzzle *puzzle) {
  size_t height = (size_t)texts->task.height;
  if (texts_breaks_bands(texts)) return texts_end_at(texts, 0, puzzle);
  texts->empty = 0;
  texts->end = texts->at + end;
  texts->dashes += (size_t)dashes;
  texts->rows += (size_t)!dashes;
  if (!dashes && texts->rows == height)
    texts->full = (trm__texts_puzzle){texts->end, texts->at + length, texts->lines + 1};
  if (texts->rows < 2 * height) return TRM__TEXTS_MORE;
  if (texts->dashes) return texts_end_at(texts, length, puzzle);
  *puzzle = texts->full;
  texts_begin_next(texts);
  return TRM__TEXTS_PUZZLE;
}

/* [State] and the like, of .sdk files: 1 when the line names a section. */
static int texts_section(trm__texts *texts, const char *line, const trm__line *found) {
  size_t length = found->end - found->begin;
  const char *name = line + found->begin;
  if (length < 3 || name[0] != '[' || name[length - 1] != ']' || !trm__text_is_letter(name[1])) return 0;
  int puzzle = length == 8 && (name[1] | 0x20) == 'p' && !memcmp(name + 2, "uzzle", 5);
  texts->section = !puzzle;
  return 1;
}

/* A line that is a puzzle by itself, good or bad. In a list that is one of any length but a row's. */
static int texts_is_line(const trm__texts *texts, const trm__line *found) {
  size_t width = (size_t)texts->task.width;
  if (found->whole || texts->task.height == 1) return 1;
  return found->cells >= 2 * width || (texts->listed && found->cells != width);
}

static trm__texts_answer texts_list(trm__texts *texts, const char *line, size_t end, size_t length,
                                    trm__texts_puzzle *puzzle) {
  texts->depth += trm__text_depth(&texts->reading, line, end);
  texts->end = texts->at + end;
  if (texts->depth > 0) return TRM__TEXTS_MORE;
  texts->depth = 0;
  return texts_end_at(texts, length, puzzle);
}

/* A list goes on. A whole puzzle on a line is no part of one: it ends a list whose brackets are wrong, and in a list of
 * puzzles it is the first. */
static trm__texts_answer texts_list_on(trm__texts *texts, const char *line, const trm__line *found, size_t end,
                                       size_t length, trm__texts_puzzle *puzzle) {
  if (found->kind != TRM__LINE_CELLS || !found->whole) {
    texts->bare &= found->kind != TRM__LINE_CELLS && found->kind != TRM__LINE_LIST;
    return texts_list(texts, line, end, length, puzzle);
  }
  if (!texts->bare) return texts_end_at(texts, 0, puzzle);
  texts->end = texts->at + end;
  return texts_end_at(texts, length, puzzle);
}

/* No puzzle is begun. */
static trm__texts_answer texts_first(trm__texts *texts, const char *line, const trm__line *found, size_t end,
                                     size_t length, trm__texts_puzzle *puzzle) {
  if (found->kind == TRM__LINE_TITLE) (void)texts_section(texts, line, found);
  if (found->kind == TRM__LINE_EMPTY || found->kind == TRM__LINE_TITLE) texts->behind = 0;
  texts->words |= found->kind == TRM__LINE_TITLE;
  if (found->kind == TRM__LINE_DASHES && texts->behind) return TRM__TEXTS_DROP;
  if (texts->section) return TRM__TEXTS_DROP;
  if (found->kind < TRM__LINE_DASHES) return TRM__TEXTS_DROP;
  texts->behind = 0;
  texts->bare = found->kind == TRM__LINE_LIST && !found->cells;
  if (found->kind == TRM__LINE_LIST) return texts_list(texts, line, end, length, puzzle);
  if (found->kind == TRM__LINE_DASHES) return texts_row(texts, end, length, 1, puzzle);
  if (!texts_is_line(texts, found)) return texts_row(texts, end, length, 0, puzzle);
  texts->listed = 1;
  texts->end = texts->at + end;
  return texts_end_at(texts, length, puzzle);
}

/* A puzzle is begun. */
static trm__texts_answer texts_next(trm__texts *texts, const trm__line *found, size_t end, size_t length,
                                    trm__texts_puzzle *puzzle) {
  switch (found->kind) {
  case TRM__LINE_NOTE:
  case TRM__LINE_FRAME:
    return TRM__TEXTS_MORE;
  case TRM__LINE_EMPTY:
    return texts_empty(texts, length, puzzle);
  case TRM__LINE_DASHES:
    return texts_row(texts, end, length, 1, puzzle);
  case TRM__LINE_CELLS:
    if (!found->whole) return texts_row(texts, end, length, 0, puzzle);
    break;
  default:
    break;
  }
  texts_join_bands(texts);
  return texts_end_at(texts, 0, puzzle);
}

/* Of a task whose pad fills grids: an empty line ends a puzzle, and so does its last row. */
static trm__texts_answer texts_padded(trm__texts *texts, const char *line, size_t end, size_t length,
                                      trm__texts_puzzle *puzzle) {
  size_t height = (size_t)texts->task.height, cells = trm__text_padded_length(&texts->reading, line, end);
  if (!cells) return texts->rows ? texts_end_at(texts, length, puzzle) : TRM__TEXTS_DROP;
  int whole = !texts->rows && cells == height * (size_t)texts->task.width;
  texts->end = texts->at + end;
  if (whole || texts->rows + 1 == height) return texts_end_at(texts, length, puzzle);
  texts->rows++;
  return TRM__TEXTS_MORE;
}

static size_t texts_without_end(const char *line, size_t length) {
  if (length && line[length - 1] == '\n') length--;
  if (length && line[length - 1] == '\r') length--;
  return length;
}

trm__texts_answer trm__texts_line(trm__texts *texts, const char *line, size_t length, trm__texts_puzzle *puzzle) {
  size_t end = texts_without_end(line, length), mark = texts->lines ? 0 : trm__text_mark(line, length);
  trm__texts_answer answer;
  trm__line found = trm__text_line(&texts->task, &texts->reading, line + mark, end - mark);
  found.begin += mark, found.end += mark;
  if (texts->task.pad) answer = texts_padded(texts, line, end, length, puzzle);
  else if (texts->depth > 0) answer = texts_list_on(texts, line, &found, end, length, puzzle);
  else if (texts->rows + texts->dashes) answer = texts_next(texts, &found, end, length, puzzle);
  else answer = texts_first(texts, line, &found, end, length, puzzle);
  if (answer == TRM__TEXTS_MORE) texts->at += length, texts->lines++;
  return answer;
}

int trm__texts_end(trm__texts *texts, int now, trm__texts_puzzle *puzzle) {
  if (now && (texts->depth || texts->dashes || texts->rows != (size_t)texts->task.height)) return 0;
  if (!texts->depth && !texts->rows && !texts->dashes) return 0;
  texts->behind = now;
  texts_join_bands(texts);
  (void)texts_end_at(texts, 0, puzzle);
  return 1;
}
