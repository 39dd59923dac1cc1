/* A task kind made for tests of search: an answer is right when its tokens, weighted by their cells' distance from the
 * middle, sum up to a multiple of 29, so that a network that has learned nothing is right now and then. Turning a row
 * around keeps that, and so it is a symmetry. */
#ifndef TRM_TESTS_UNIT_INFER_SEARCH_TURNS_H
#define TRM_TESTS_UNIT_INFER_SEARCH_TURNS_H

#include "unit/infer/support.h"

#include "task/kind.h"

#define TURNS_TASK                                                                                                     \
  "{\"kind\":\"turns\",\"width\":4,\"height\":4,\"box_width\":0,\"box_height\":0,"                                     \
  "\"vocab_size\":6,\"alphabet\":\"abcde\"}"

static inline int turns_right(const int32_t *answer) {
  int sum = 0;
  for (int i = 0; i < CELLS; i++) sum += (i % 4 == 0 || i % 4 == 3 ? 2 : 1) * (i / 4 + 1) * answer[i];
  return sum % 29 == 0;
}

static inline trm_task_verdict turns_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  (void)task, (void)question;
  return (trm_task_verdict){1, turns_right(answer)};
}

static inline void turns_title(const trm_task *task, char *text, size_t size) {
  (void)task;
  snprintf(text, size, "Turns");
}

static inline int turns_symmetric(const trm_task *task) {
  return task->width == 4;
}

static inline void turns_symmetry(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry) {
  (void)task;
  for (int row = 0; row < 4; row++)
    for (int turned = (int)trm__rng_below(rng, 2), k = 0; turned && k < 4; k++)
      symmetry->from[row * 4 + k] = (uint16_t)(row * 4 + 3 - k);
}

static inline int turns_register(void) {
  static const trm__kind turns = {.name = "turns",
                                  .rules = "a weighted sum is a multiple of 29",
                                  .first_number = 1,
                                  .blank = 1,
                                  .title = turns_title,
                                  .parse = trm__text_parse,
                                  .render = trm__text_render,
                                  .judge = turns_judge,
                                  .symmetric = turns_symmetric,
                                  .symmetry = turns_symmetry};
  trm_error err = {0};
  return trm__kind_register(&turns, NULL, &err) == TRM_OK;
}

#endif
