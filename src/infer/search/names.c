/* The proposer of the lattice recursion (proposer.h): every chain begins with the question as it is, and has a name,
 * from which all that it draws follows. */
#include <string.h>

#include "infer/request.h"
#include "infer/search/proposer.h"

static void names_begin(const trm__proposal *p, trm_puzzle *puzzle) {
  memcpy(puzzle->tokens, p->question, p->cells * sizeof *puzzle->tokens);
  puzzle->noise_name = trm__proposal_name(p, -p->chain) & ((UINT64_C(1) << TRM__NOISE_NAME_BITS) - 1);
}

static void names_read(const trm__proposal *p, const int32_t *from, const float *sure, int32_t *answer,
                       float *confidence) {
  memcpy(answer, from, p->cells * sizeof *answer);
  if (sure) memcpy(confidence, sure, p->cells * sizeof *confidence);
}

const trm__proposer trm__proposer_names = {names_begin, names_read};
