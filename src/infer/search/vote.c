/* Counting votes: see vote.h. */
#include "infer/search/vote.h"

#include <string.h>

/* 1 when ballot i, which comes later, is to be preferred by its q; a q that is no number never is. */
static int vote_is_surer(const trm__ballot *b, int i, int best) {
  return best < 0 || b[i].q > b[best].q || (b[best].q != b[best].q && b[i].q == b[i].q);
}

static int vote_confident(const trm__ballot *b, int count) {
  int best = -1;
  for (int i = 0; i < count; i++)
    if (b[i].answer && vote_is_surer(b, i, best)) best = i;
  return best;
}

static int vote_majority(const trm__ballot *b, int count, size_t cells) {
  int best = -1, most = 0;
  for (int i = 0; i < count; i++) {
    int equal = 0;
    if (!b[i].answer) continue;
    for (int k = 0; k < count; k++)
      equal += b[k].answer && memcmp(b[i].answer, b[k].answer, cells * sizeof *b[i].answer) == 0;
    if (equal > most || (equal == most && vote_is_surer(b, i, best))) best = i, most = equal;
  }
  return best;
}

int trm__vote(const trm__ballot *ballot, int count, size_t cells, int by) {
  return by == TRM_VOTE_MAJORITY ? vote_majority(ballot, count, cells) : vote_confident(ballot, count);
}
