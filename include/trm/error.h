/* Errors as values. Every fallible function of libtrm returns a trm_status and, when it fails, fills the
 * trm_error that the caller passed (NULL is accepted everywhere: then only the status is told). */
#ifndef TRM_ERROR_H
#define TRM_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trm_status {
  TRM_OK = 0,
  TRM_E_USAGE = 1,       /* the caller asked for something that does not exist or cannot be combined */
  TRM_E_INPUT = 2,       /* a file, puzzle or value is malformed or does not fit */
  TRM_E_MEMORY = 3,      /* an allocation failed */
  TRM_E_IO = 4,          /* the operating system refused to read or write */
  TRM_E_BUSY = 5,        /* somebody else holds the run directory or file */
  TRM_E_UNSUPPORTED = 6, /* valid, but this build or machine cannot do it */
  TRM_E_DIVERGED = 7,    /* training produced NaN, infinity or an exploding loss */
  TRM_E_STOPPED = 8,     /* a callback asked to stop; everything promised was saved */
  TRM_E_INTERNAL = 9     /* a defect of trm */
} trm_status;

typedef struct trm_error {
  trm_status code;
  char where[512];    /* what it is about: a file and position ("train.csv:17"), an option ("--batch"), a tensor */
  char message[1024]; /* one sentence: what was found, what was expected, how to fix it */
} trm_error;

/* A stable lower-case word for a status ("input", "memory"); never NULL. */
const char *trm_status_name(trm_status status);

#ifdef __cplusplus
}
#endif
#endif
