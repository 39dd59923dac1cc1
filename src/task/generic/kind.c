/* Any grid of symbols: what puzzles are that no other kind claims. Nothing is known of it but its size and alphabet,
 * and the symmetries that its owner declares. */
#include <stdio.h>
#include <string.h>

#include "task/generic/symmetry.h"
#include "task/hash.h"
#include "task/kind.h"
#include "task/task.h"
#include "task/text_padded.h"

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

static trm_status generic_parse(const trm_task *task, trm__text *text, int32_t *tokens, trm_error *err) {
  return (task->pad ? trm__text_parse_padded : trm__text_parse)(task, text, tokens, err);
}

/* -- declared symmetries; trm__task_check has seen that they can be read ------------------------------------------- */

static int generic_symmetric(const trm_task *task) {
  return task->symmetries[strspn(task->symmetries, " ")] != '\0';
}

static void generic_symmetry(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry) {
  trm__declared declared;
  if (!trm__declared_read(&declared, task, "", NULL)) trm__declared_draw(&declared, task, rng, symmetry);
}

/* Tokens that are none of the task's are told apart by a hash that no symmetry keeps. */
static uint64_t generic_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  trm__declared declared;
  uint64_t hash = TRM__HASH_START;
  int known = generic_symmetric(task) && !trm__declared_read(&declared, task, "", NULL);
  for (size_t i = 0; i < cells; i++) {
    hash = trm__hash_token(hash, tokens[i]);
    known &= tokens[i] >= 0 && tokens[i] < task->vocab_size;
  }
  return known ? trm__declared_key(&declared, task, tokens) : trm__hash_finish(hash);
}

const trm__kind trm__kind_generic = {
    .name = "generic",
    .first_number = 1,
    .declared = 1,
    .infer = generic_infer,
    .title = generic_title,
    .parse = generic_parse,
    .render = trm__text_render,
    .symmetric = generic_symmetric,
    .symmetry = generic_symmetry,
    .key = generic_key,
};
