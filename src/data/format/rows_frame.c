/* Smaller puzzles in the grid of their task: its pad fills what is right of and below them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/format/rows_frame.h"
#include "task/task.h"

/* A pad in words: one symbol, or a number, which one digit may be too. */
static trm_status frame_read_pad(trm__rows_frame *frame, const char *pad, trm_error *err) {
  size_t digits = strspn(pad, "0123456789"), length = strlen(pad);
  frame->symbol = length == 1 ? pad : NULL;
  frame->number = digits == length ? atoi(pad) : -1;
  if (length != 1 && (frame->number < 0 || frame->number > 254))
    return trm__fail(err, TRM_E_USAGE, "pad", "found \"%s\", expected one symbol, or a number of 0 to 254", pad);
  return TRM_OK;
}

trm_status trm__rows_set_frame(trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  trm__rows_frame *frame = &rows->frame;
  const trm_task *task = hint->task;
  const char *pad = hint->pad ? hint->pad : "";
  if (task && task->pad && task->alphabet[0]) {
    *frame = (trm__rows_frame){
        (size_t)task->width, (size_t)task->height, &task->alphabet[task->pad - 1], task->pad - 1, {NULL, NULL}};
    return TRM_OK;
  }
  if (task || !pad[0]) return TRM_OK;
  if (hint->width < 1 || hint->height < 1)
    return trm__fail(err, TRM_E_USAGE, "pad", "found without width and height, which say what is filled");
  if (hint->width > TRM__SEQ_LIMIT / hint->height)
    return trm__fail(err, TRM_E_USAGE, "height", "a grid of %lld x %lld cells, expected at most %d",
                     (long long)hint->width, (long long)hint->height, TRM__SEQ_LIMIT);
  frame->width = (size_t)hint->width;
  frame->height = (size_t)hint->height;
  return frame_read_pad(frame, pad, err);
}

void trm__rows_frame_free(trm__rows_frame *frame) {
  for (int i = 0; i < 2; i++) {
    trm__free(frame->cells[i]);
    frame->cells[i] = NULL;
  }
}

trm_status trm__rows_fill(trm__rows *rows, int answer, const uint8_t **cells, size_t *length, char *expected,
                          size_t size, trm_error *err) {
  trm__rows_frame *f = &rows->frame;
  size_t width = rows->row_width[answer], all = f->width * f->height;
  expected[0] = '\0';
  if (!f->width || *length == all) return TRM_OK;
  if (!width) width = *length < f->width ? *length : f->width;
  if (!*length || *length % width || width > f->width || *length / width > f->height ||
      (rows->numbers ? f->number < 0 : !f->symbol)) {
    (void)snprintf(expected, size, "%zu rows of %zu, or fewer or shorter ones%s", f->height, f->width,
                   rows->numbers && f->number < 0 ? " and a pad that is a number" : "");
    return TRM_OK;
  }
  if (!f->cells[answer] && !(f->cells[answer] = trm__calloc(all, 1))) return trm__fail_memory(err, rows->path, all);
  memset(f->cells[answer], rows->numbers ? f->number : f->symbol[0], all);
  for (size_t r = 0; r < *length / width; r++) memcpy(f->cells[answer] + r * f->width, *cells + r * width, width);
  *cells = f->cells[answer];
  *length = all;
  return TRM_OK;
}
