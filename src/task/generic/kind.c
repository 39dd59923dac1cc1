/* Any grid of symbols: what puzzles are that no other kind claims. Nothing is known of it but its size and alphabet. */
#include <stdio.h>
#include <string.h>

#include "task/kind.h"
#include "task/task.h"

static const char generic_symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

trm_task trm__task_generic(int64_t seq_len, int64_t width, int64_t vocab_size, const char *alphabet) {
  trm_task task = {.kind = TRM_TASK_GENERIC, .width = (int)seq_len, .height = 1, .vocab_size = (int)vocab_size};
  size_t symbols = strlen(alphabet);
  if (symbols < sizeof task.alphabet) memcpy(task.alphabet, alphabet, symbols);
  if (width == 0)
    for (int64_t side = 2; side * side <= seq_len; side++)
      if (side * side == seq_len) width = side;
  if (width > 0 && seq_len % width == 0) {
    task.width = (int)width;
    task.height = (int)(seq_len / width);
  }
  return task;
}

static int generic_infer(trm_task *task, int64_t seq_len, int64_t vocab_size) {
  char alphabet[sizeof generic_symbols] = "";
  if (vocab_size >= 1 && vocab_size <= (int64_t)sizeof generic_symbols)
    memcpy(alphabet, generic_symbols, (size_t)vocab_size - 1);
  *task = trm__task_generic(seq_len, 0, vocab_size, alphabet);
  return 1;
}

static void generic_title(const trm_task *task, char *text, size_t size) {
  (void)snprintf(text, size, "grid %dx%d of %d symbols", task->width, task->height, task->vocab_size - 1);
}

const trm__kind trm__kind_generic = {
    .name = "generic",
    .first_number = 1,
    .infer = generic_infer,
    .title = generic_title,
    .parse = trm__text_parse,
    .render = trm__text_render,
};
