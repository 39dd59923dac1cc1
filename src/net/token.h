/* Bearer tokens (RFC 6750) against a token file. The file says, a line a token:
 *
 *     NAME SHA256 SCOPES        alice 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae solve,agent
 *
 * NAME: letters, digits, '.', '_' and '-', at most 63, once in the file. SHA256: of the token's text, 64 hexadecimal
 * digits. SCOPES: solve, admin, agent, joined by commas or spaces. Empty lines, and lines that begin with '#', say
 * nothing. The file has hashes alone, so reading it gives nobody a token; tokens must be long and random (`openssl rand
 * -hex 32`), since the hashes have no salt.
 *
 * Ownership: a table is independent of its file; to reload, open a second one, and close the first when the second is
 * good. Threads: an open table is read-only and may be used by several. */
#ifndef TRM_NET_TOKEN_H
#define TRM_NET_TOKEN_H

#include <stddef.h>
#include <trm/error.h>

#include "net/http1.h"

enum { TRM__SCOPE_SOLVE = 1, TRM__SCOPE_ADMIN = 2, TRM__SCOPE_AGENT = 4 };

typedef struct trm__tokens trm__tokens;
trm_status trm__tokens_open(trm__tokens **out, const char *path, trm_error *err);
/* From text (size bytes) that came from where. */
trm_status trm__tokens_parse(trm__tokens **out, const char *text, size_t size, const char *where, trm_error *err);
void trm__tokens_close(trm__tokens **tokens);

typedef enum trm__token_found {
  TRM__TOKEN_GOOD,
  TRM__TOKEN_ABSENT,    /* no Authorization field: 401 */
  TRM__TOKEN_MALFORMED, /* two of them, another scheme, characters that no token has: 401 */
  TRM__TOKEN_UNKNOWN    /* 401 */
} trm__token_found;

typedef struct trm__bearer {
  const char *name; /* the table's */
  unsigned scopes;
} trm__bearer;
/* Who sent the request. The time that it takes says nothing of the tokens in the table. *bearer is written when GOOD;
 * whether its scopes are enough (403) is the caller's to decide. */
trm__token_found trm__token_check(const trm__tokens *tokens, const trm__request *request, trm__bearer *bearer);

/* The value of WWW-Authenticate for what was found; of GOOD: for a scope that is missing. */
const char *trm__token_challenge(trm__token_found found);

#endif
