/* How an action fails: one of five types, a sentence, and whether another attempt may help. As JSON
 *   {"type": "validation", "message": "...", "retryable": false, "details": {...}} */
#ifndef TRM_AGENT_ACTION_FAULT_H
#define TRM_AGENT_ACTION_FAULT_H

#include <jansson.h>
#include <trm/error.h>

typedef enum trm__fault_type {
  TRM__FAULT_NONE,
  TRM__FAULT_VALIDATION,    /* the input, or a definition, is not what its schema says */
  TRM__FAULT_EXECUTION,     /* the action did not do it */
  TRM__FAULT_TIMEOUT,       /* its time was over */
  TRM__FAULT_CONFIGURATION, /* it may not, or cannot here: an unknown action, a program that is not allowed */
  TRM__FAULT_INTERNAL       /* an output that its own schema refuses, no memory: a defect */
} trm__fault_type;

typedef struct trm__fault {
  trm__fault_type type;
  int retryable; /* 1: whoever failed says so explicitly */
  int cancelled; /* 1: it was told to stop */
  char message[700];
  json_t *details; /* an object; NULL: none */
} trm__fault;

const char *trm__fault_name(trm__fault_type type); /* "validation"; "none" */

/* Fills the fault, in place of what it held, and returns 1, so that a function can end with it. */
int trm__fault_set(trm__fault *fault, trm__fault_type type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from an error of the library; its status chooses the type. */
int trm__fault_error(trm__fault *fault, const trm_error *err);
void trm__fault_clear(trm__fault *fault);

json_t *trm__fault_json(const trm__fault *fault); /* a new reference; NULL without memory */

#endif
