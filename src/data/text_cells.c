/* How many cells the puzzle in a text has, for programs that choose a model by it. */
#include <trm/data.h>

#include "data/format/texts.h"

size_t trm_text_cells(const char *text, size_t length, trm_error *err) {
  return trm__texts_guess(text, length, err);
}
