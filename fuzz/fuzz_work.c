/* What gateway and engine say to each other: the first byte chooses the frame. What must hold is that a reader refuses
 * with a reason or reads what packs to something that reads the same, and that what it points to lies within the data.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "serve/work.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char *begin, *end;

static void check_refusal(trm_status status, const trm_error *err) {
  if (status && (!err->message[0] || err->code != status)) abort();
}

/* The array lies within the data; every byte of it is read. */
static void check_array(const void *array, size_t bytes) {
  static volatile unsigned char sink;
  const unsigned char *at = array;
  if (!array) return;
  if (at < begin || at > end || bytes > (size_t)(end - at)) abort();
  for (size_t i = 0; i < bytes; i++) sink = at[i];
  (void)sink;
}

static void check_same(const trm__work_bytes *a, const trm__work_bytes *b) {
  if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0) abort();
  trm__free(a->data);
  trm__free(b->data);
}

static void try_config(const void *data, uint32_t size) {
  static trm__work_config config, again;
  trm__work_bytes one, two;
  trm_error err = {0};
  trm_status status = trm__work_config_read(&config, data, size, &err);
  check_refusal(status, &err);
  if (status) return;
  if (trm__work_config_pack(&config, &one, &err)) abort();
  if (trm__work_config_read(&again, one.data, one.size, &err) || trm__work_config_pack(&again, &two, &err)) abort();
  check_same(&one, &two);
}

static void try_ready(const void *data, uint32_t size) {
  trm__work_ready ready = {0}, again = {0};
  trm__work_bytes one, two;
  trm_error err = {0};
  trm_status status = trm__work_ready_read(&ready, data, size, &err);
  check_refusal(status, &err);
  if (status) return;
  if (trm__work_ready_pack(&ready, &one, &err)) abort();
  if (trm__work_ready_read(&again, one.data, one.size, &err) || trm__work_ready_pack(&again, &two, &err)) abort();
  check_same(&one, &two);
  trm__work_ready_free(&ready);
  trm__work_ready_free(&again);
}

static void try_item(const void *data, uint32_t size) {
  trm__work work, again;
  trm__work_bytes one, two;
  trm_error err = {0};
  trm_status status = trm__work_item_read(&work, data, size, &err);
  check_refusal(status, &err);
  if (status) return;
  check_array(work.tokens, work.cells * sizeof *work.tokens);
  check_array(work.state, work.state_size);
  if (trm__work_item_pack(&work, &one, &err)) abort();
  if (trm__work_item_read(&again, one.data, one.size, &err) || trm__work_item_pack(&again, &two, &err)) abort();
  check_same(&one, &two);
}

static void try_step(const void *data, uint32_t size) {
  trm__work_step step, again;
  trm__work_bytes one, two;
  trm_error err = {0};
  trm_status status = trm__work_step_read(&step, data, size, &err);
  check_refusal(status, &err);
  if (status) return;
  check_array(step.answer, step.cells * sizeof *step.answer);
  check_array(step.confidence, step.cells * sizeof *step.confidence);
  if (trm__work_step_pack(&step, &one, &err)) abort();
  if (trm__work_step_read(&again, one.data, one.size, &err) || trm__work_step_pack(&again, &two, &err)) abort();
  check_same(&one, &two);
}

static void try_done(const void *data, uint32_t size) {
  static trm__work_done done, again;
  trm__work_bytes one, two;
  trm_error err = {0};
  trm_status status = trm__work_done_read(&done, data, size, &err);
  check_refusal(status, &err);
  if (status) return;
  check_array(done.question, done.cells * sizeof *done.question);
  check_array(done.answer, done.cells * sizeof *done.answer);
  check_array(done.confidence, done.cells * sizeof *done.confidence);
  check_array(done.state, done.state_size);
  if (trm__work_done_pack(&done, &one, &err)) abort();
  if (trm__work_done_read(&again, one.data, one.size, &err) || trm__work_done_pack(&again, &two, &err)) abort();
  check_same(&one, &two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const tries[])(const void *, uint32_t) = {try_config, try_ready, try_item, try_step, try_done};
  if (!size || size > (1u << 20)) return 0;
  unsigned char *copy = malloc(size - 1 ? size - 1 : 1); /* exactly as long: reading past it is noticed */
  if (!copy) return 0;
  memcpy(copy, data + 1, size - 1);
  begin = copy;
  end = copy + size - 1;
  tries[data[0] % 5](copy, (uint32_t)(size - 1));
  free(copy);
  return 0;
}
