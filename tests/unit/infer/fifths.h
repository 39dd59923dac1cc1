/* A task kind made for tests: an answer is right when the sum of its tokens is a multiple of five, so that a network
 * that has learned nothing is right now and then. */
#ifndef TRM_TESTS_UNIT_INFER_FIFTHS_H
#define TRM_TESTS_UNIT_INFER_FIFTHS_H

#include "unit/infer/support.h"

#include "task/kind.h"

#define FIFTHS_TASK                                                                                                    \
  "{\"kind\":\"fifths\",\"width\":4,\"height\":4,\"box_width\":0,\"box_height\":0,"                                    \
  "\"vocab_size\":6,\"alphabet\":\"abcde\"}"

static inline int fifths_right(const int32_t *answer) {
  int sum = 0;
  for (int i = 0; i < CELLS; i++) sum += answer[i];
  return sum % 5 == 0;
}

static inline trm_task_verdict fifths_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  (void)task, (void)question;
  return (trm_task_verdict){1, fifths_right(answer)};
}

static inline void fifths_title(const trm_task *task, char *text, size_t size) {
  (void)task;
  snprintf(text, size, "Fifths");
}

/* 0 when it could not be added. */
static inline int fifths_register(void) {
  static const trm__kind fifths = {.name = "fifths",
                                   .rules = "the sum is a multiple of five",
                                   .first_number = 1,
                                   .title = fifths_title,
                                   .parse = trm__text_parse,
                                   .render = trm__text_render,
                                   .judge = fifths_judge};
  trm_error err = {0};
  return trm__kind_register(&fifths, NULL, &err) == TRM_OK;
}

#endif
