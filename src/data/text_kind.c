/* What the puzzle in a text seems to be, for programs that choose a model by it. */
#include <string.h>
#include <trm/data.h>

#include "data/format/texts.h"

trm_puzzle_kind trm_text_kind(const char *text, size_t length, trm_error *err) {
  trm_puzzle_kind kind;
  memset(&kind, 0, sizeof kind);
  kind.cells = trm__texts_guess(text, length, &kind.task, err);
  return kind;
}

int trm_puzzle_kind_fits(const trm_puzzle_kind *kind, const trm_task *task) {
  if (kind->task.width) return trm_task_fits(&kind->task, task);
  if ((size_t)task->width * (size_t)task->height != kind->cells) return 0;
  return kind->vocab_size ? task->vocab_size == kind->vocab_size : !trm_task_has_frame(task);
}
