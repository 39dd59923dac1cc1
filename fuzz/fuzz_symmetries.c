/* The words that declare a task's symmetries, after a byte each for width, height and pad. What is read draws
 * permutations, which keep the key of every grid and can be undone; what is refused says why. */
#include <stdlib.h>
#include <string.h>

#include "task/generic/symmetry.h"
#include "task/keys.h"
#include "task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw_images(const trm_task *task, uint64_t seed) {
  int32_t tokens[256], image[256], back[256];
  trm__symmetry symmetry;
  trm__rng rng = trm__rng_make(seed, TRM__RNG_AUGMENT, 0);
  size_t cells = (size_t)(task->width * task->height);
  for (size_t i = 0; i < cells; i++) tokens[i] = (int32_t)trm__rng_below(&rng, (uint32_t)task->vocab_size);
  uint64_t key = trm__question_key(task, tokens, cells);
  for (int k = 0; k < 3; k++) {
    trm__symmetry_draw(task, &rng, &symmetry);
    trm__symmetry_apply(&symmetry, tokens, image);
    trm__symmetry_undo(&symmetry, image, back);
    if (memcmp(tokens, back, cells * sizeof *tokens) != 0) abort();
    if (trm__question_key(task, image, cells) != key) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3) return 0;
  trm_task task = trm__task_generic(1, 1, 6, "abc:1");
  trm__declared declared;
  trm_error err = {0};
  task.width = 1 + data[0] % 16;
  task.height = 1 + data[1] % 16;
  task.pad = data[2] % 6;
  size_t length = size - 3 < sizeof task.symmetries ? size - 3 : sizeof task.symmetries - 1;
  memcpy(task.symmetries, data + 3, length);
  trm_status status = trm__declared_read(&declared, &task, "fuzz", &err);
  if (status != trm__task_check(&task, "fuzz", NULL)) abort();
  if (status && (status != TRM_E_INPUT || !err.message[0] || strcmp(err.where, "fuzz") != 0)) abort();
  if (!status) draw_images(&task, size);
  return 0;
}
