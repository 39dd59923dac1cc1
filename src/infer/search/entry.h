/* What a search keeps in memory: an entry for each puzzle that is searched. What always holds of it stands in search.h.
 */
#ifndef TRM_INFER_SEARCH_ENTRY_H
#define TRM_INFER_SEARCH_ENTRY_H

#include "infer/engine.h"
#include "infer/search/plan.h"
#include "infer/search/proposer.h"
#include "infer/search/search.h"
#include "infer/search/vote.h"
#include "infer/search/wave.h"

typedef struct trm__search_entry trm__search_entry;

/* What an engine hands back with a chain. */
typedef struct trm__search_chain {
  trm__search_entry *entry;
  int index; /* in its wave */
} trm__search_chain;

struct trm__search_entry {
  trm__search *search;
  int64_t number;    /* of the puzzle in the call; negative: free */
  trm_puzzle puzzle; /* as the source gave it, its tokens in question */
  uint64_t name;     /* of its random numbers */
  int working;       /* chains in engines */
  int cancelled, expired;
  int64_t taker;      /* the chain whose answer is in answer; 0: none yet */
  trm_solution taken; /* that chain's */
  trm__wave wave;
  trm__search_chain *chain;   /* [most] */
  trm__ballot *ballot;        /* [most]; NULL without votes, as the next two */
  trm_solution *ballot_of;    /* [most] */
  int32_t *answers[2];        /* [most][S]: last answers of the chains of this wave, and of the one before */
  int guides;                 /* how many those of the wave before are */
  int32_t *question, *answer; /* [S] */
};

/* The source of one engine. Each model that votes has an engine, and its chains are a group of every wave: the first
 * plan.share chains are the first model's, the next as many the second's. */
typedef struct trm__search_group {
  trm__search *search;
  int voter; /* 0: the solver's own model */
} trm__search_group;

struct trm__search {
  trm_solver *solver;
  trm__plan plan;
  trm_task task;
  const trm__proposer *proposer;
  size_t S;
  int most, room;           /* chains of the widest wave; entries */
  trm__search_entry *entry; /* [room] */
  int32_t *answer;          /* [S], of the chain that is told of */
  float *confidence;
  trm_task_cell *marks; /* [S]; NULL below level D */
  /* [plan.voters]: the engines of a call, and what each gets */
  trm__search_group *group;
  trm_solver **engines;
  trm__job *jobs;
  /* of the call at work */
  const trm__job *job; /* the caller's */
  const trm_cancel *cancel;
  int64_t next, left; /* puzzles that the source gave; that left */
  int64_t finished;   /* of these, before the call was stopped */
  int64_t solved;     /* of these, that took a step */
  int entries, ended;
  int stop;           /* the call is to end */
  const char *broken; /* the invariant that does not hold */
};

/* Whose chain it is: 0 the first model's. */
int trm__search_voter(const trm__search *search, int index);
/* The first chain that waits and is wanted, of that voter (negative: of any); -1: none. */
int trm__search_waiting(const trm__search_entry *entry, int voter);

#endif
