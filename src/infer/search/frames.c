/* The proposer of the ordinary network (proposer.h): chain 1 is the plain trajectory, every later one solves an image
 * of the question under a random symmetry, or begins from noise, or both. A frame is drawn again whenever it is needed,
 * from the seed and the names of puzzle and chain, so that nothing is kept between steps. */
#include <string.h>

#include "base/rng.h"
#include "infer/engine.h"
#include "infer/request.h"
#include "infer/search/guess.h"
#include "infer/search/proposer.h"
#include "task/hash.h"

uint64_t trm__proposal_name(const trm__proposal *p, int64_t of) {
  uint64_t hash = trm__hash_token(TRM__HASH_START, (int32_t)(p->name & UINT32_MAX));
  hash = trm__hash_token(hash, (int32_t)(p->name >> 32));
  return trm__hash_finish(trm__hash_token(hash, (int32_t)of));
}

/* Chains 1 to repeats have the first frame, which is the question as it is; the next as many the second; and so on.
 * 0: it is that. */
static int frames_draw(const trm__proposal *p, trm__symmetry *symmetry) {
  int64_t frame = (p->chain - 1) / p->plan->repeats;
  if (!p->plan->framed || frame == 0) return 0;
  trm__rng rng = trm__rng_make(p->seed, TRM__RNG_SEARCH, trm__proposal_name(p, frame));
  trm__symmetry_draw(p->task, &rng, symmetry);
  return 1;
}

static void frames_begin(const trm__proposal *p, trm_puzzle *puzzle) {
  trm__symmetry symmetry;
  trm__rng rng = trm__rng_make(p->seed, TRM__RNG_SEARCH, trm__proposal_name(p, -p->chain));
  trm__guess(p, &rng, p->room);
  if (frames_draw(p, &symmetry)) trm__symmetry_apply(&symmetry, p->room, puzzle->tokens);
  else memcpy(puzzle->tokens, p->room, p->cells * sizeof *puzzle->tokens);
  if (p->chain == 1) return;
  puzzle->state = NULL;
  puzzle->noise_name = trm__proposal_name(p, -p->chain) & ((UINT64_C(1) << TRM__NOISE_NAME_BITS) - 1);
  if (p->plan->noise > 0) puzzle->start_noise = p->plan->noise;
}

static void frames_read(const trm__proposal *p, const int32_t *from, const float *sure, int32_t *answer,
                        float *confidence) {
  trm__symmetry symmetry;
  int framed = frames_draw(p, &symmetry);
  if (!framed) memcpy(answer, from, p->cells * sizeof *answer);
  if (!framed && sure) memcpy(confidence, sure, p->cells * sizeof *confidence);
  if (!framed) return;
  trm__symmetry_undo(&symmetry, from, answer);
  for (int i = 0; i < symmetry.cells && sure; i++) confidence[symmetry.from[i]] = sure[i];
}

const trm__proposer trm__proposer_frames = {frames_begin, frames_read};
