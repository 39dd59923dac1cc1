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
