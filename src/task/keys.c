/* Keys of questions. */
#include "task/keys.h"

#include "task/hash.h"
#include "task/kind.h"

uint64_t trm__question_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  const trm__kind *kind = trm__kind_of(task);
  if (kind->key) return kind->key(task, tokens, cells);
  uint64_t hash = TRM__HASH_START;
  for (size_t i = 0; i < cells; i++) hash = trm__hash_token(hash, tokens[i]);
  return trm__hash_finish(hash);
}
