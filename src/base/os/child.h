/* A program that is kept alive and asked: a line goes into its standard input, a line comes out of its standard output.
 * A shell starts it, so that a command may have arguments and quotes. It has a process group of its own, which ends
 * with it: a Ctrl-C at the terminal is for the caller, who closes the child. What it writes to standard error is read
 * and forgotten, but for the last line, which is part of the error when it fails. One thread at a time. */
#ifndef TRM_BASE_OS_CHILD_H
#define TRM_BASE_OS_CHILD_H

#include <stddef.h>
#include <trm/error.h>

#define TRM__CHILD_REPLY 4096 /* bytes of an answer, with its end of line, at most */

typedef struct trm__child trm__child;

/* name: what errors call it, "judge \"python3 check.py\"". That the command exists is only known when it is asked. */
trm_status trm__child_open(trm__child **out, const char *command, const char *name, trm_error *err);
/* Ends its standard input, waits a moment for its end, and then kills it with all that it has started. Accepts NULL. */
void trm__child_close(trm__child **child);
/* line: length bytes, of which the last is the end of line. *reply: its answer without the end of line, NUL-terminated,
 * valid until the next call. TRM_E_INPUT with name when it has ended, is silent for that many seconds, writes more than
 * one line or a line that is too long; there is no use in asking it again then. */
trm_status trm__child_ask(trm__child *child, const char *line, size_t length, double seconds, const char **reply,
                          trm_error *err);
/* As trm__fail of TRM_E_INPUT with the child's name, and behind the sentence its last line on standard error. */
trm_status trm__child_fail(trm__child *child, const char *what, trm_error *err);

#endif
