/* A token is hashed before it is compared: equal hashes are equal tokens, and what a comparison's time could tell is
 * about a hash that nobody chooses. The comparison is constant in time all the same, and no entry ends the search. */
#include "net/token.h"

#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text/nearest.h"
#include "base/text/numbers.h"
#include "net/grammar.h"

#define FILE_BYTES ((size_t)1 << 20)
#define NAME_BYTES 64
#define TOKEN_BYTES 512 /* of a token that is looked at */

typedef struct tokens_entry {
  char name[NAME_BYTES], hash[TRM__SHA256_HEX];
  unsigned scopes;
} tokens_entry;

struct trm__tokens {
  size_t count, room;
  tokens_entry *entries;
};

static const char *const scope_names[] = {"solve", "admin", "agent"};

/* One line being read: its words, and what errors call it. */
typedef struct tokens_line {
  const char *at, *end;
  char where[512];
} tokens_line;

static int tokens_is_gap(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* The next word, which commas end too when they part scopes. */
static const char *tokens_word(tokens_line *line, int commas, size_t *length) {
  while (line->at < line->end && (tokens_is_gap(*line->at) || (commas && *line->at == ','))) line->at++;
  const char *begin = line->at;
  while (line->at < line->end && !tokens_is_gap(*line->at) && !(commas && *line->at == ',')) line->at++;
  *length = (size_t)(line->at - begin);
  return *length ? begin : NULL;
}

static trm_status tokens_name(const trm__tokens *tokens, tokens_line *line, tokens_entry *entry, trm_error *err) {
  size_t length;
  const char *word = tokens_word(line, 0, &length);
  for (size_t i = 0; i < length; i++)
    if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", word[i]) || !word[i])
      return trm__fail(err, TRM_E_INPUT, line->where, "a token's name has letters, digits, '.', '_' and '-' alone");
  if (length >= NAME_BYTES)
    return trm__fail(err, TRM_E_INPUT, line->where, "the token's name has %zu bytes, at most %d", length,
                     NAME_BYTES - 1);
  memcpy(entry->name, word, length);
  for (size_t i = 0; i < tokens->count; i++)
    if (!strcmp(tokens->entries[i].name, entry->name))
      return trm__fail(err, TRM_E_INPUT, line->where, "a second token is called %s; give each its own name",
                       entry->name);
  return TRM_OK;
}

static trm_status tokens_hash(const trm__tokens *tokens, tokens_line *line, tokens_entry *entry, trm_error *err) {
  size_t length;
  const char *word = tokens_word(line, 0, &length);
  int good = word && length == TRM__SHA256_HEX - 1;
  for (size_t i = 0; good && i < length; i++) good = trm__hex_digit((unsigned char)word[i]) >= 0;
  if (!good)
    return trm__fail(
        err, TRM_E_INPUT, line->where,
        "behind the name stands the SHA-256 of the token, %d hexadecimal digits (printf %%s TOKEN | sha256sum)",
        TRM__SHA256_HEX - 1);
  for (size_t i = 0; i < length; i++) entry->hash[i] = trm__ascii_lower(word[i]);
  for (size_t i = 0; i < tokens->count; i++)
    if (!strcmp(tokens->entries[i].hash, entry->hash))
      return trm__fail(err, TRM_E_INPUT, line->where, "%s and %s have the same token; give each its own",
                       tokens->entries[i].name, entry->name);
  return TRM_OK;
}

static trm_status tokens_scopes(tokens_line *line, tokens_entry *entry, trm_error *err) {
  const size_t count = sizeof scope_names / sizeof *scope_names;
  size_t length, i;
  for (const char *word; (word = tokens_word(line, 1, &length));) {
    for (i = 0; i < count && !trm__ascii_is(word, length, scope_names[i]); i++) {
    }
    if (i == count) {
      char typed[32] = "";
      memcpy(typed, word, length < sizeof typed ? length : sizeof typed - 1);
      trm__nearest nearest = trm__nearest_to(typed);
      for (i = 0; i < count; i++) trm__nearest_offer(&nearest, scope_names[i], strlen(scope_names[i]));
      return trm__fail(err, TRM_E_INPUT, line->where, "\"%s\" is no scope (solve, admin, agent)%s%s", typed,
                       nearest.name[0] ? "; did you mean " : "", nearest.name);
    }
    entry->scopes |= 1u << i;
  }
  if (entry->scopes) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, line->where,
                   "the token has no scope; add solve, admin or agent behind its SHA-256");
}

static trm_status tokens_add(trm__tokens *tokens, const tokens_entry *entry, trm_error *err) {
  if (tokens->count == tokens->room) {
    size_t room = tokens->room ? 2 * tokens->room : 8;
    tokens_entry *entries = trm__realloc(tokens->entries, room, sizeof *entries);
    if (!entries) return trm__fail_memory(err, "tokens", room * sizeof *entries);
    tokens->entries = entries;
    tokens->room = room;
  }
  tokens->entries[tokens->count++] = *entry;
  return TRM_OK;
}

static trm_status tokens_read_line(trm__tokens *tokens, tokens_line *line, trm_error *err) {
  tokens_entry entry;
  memset(&entry, 0, sizeof entry);
  while (line->at < line->end && tokens_is_gap(*line->at)) line->at++;
  if (line->at == line->end || *line->at == '#') return TRM_OK;
  trm_status status = tokens_name(tokens, line, &entry, err);
  if (!status) status = tokens_hash(tokens, line, &entry, err);
  if (!status) status = tokens_scopes(line, &entry, err);
  return status ? status : tokens_add(tokens, &entry, err);
}

trm_status trm__tokens_parse(trm__tokens **out, const char *text, size_t size, const char *where, trm_error *err) {
  trm__tokens *tokens = trm__calloc(1, sizeof *tokens);
  if (!tokens) return trm__fail_memory(err, where, sizeof *tokens);
  trm_status status = TRM_OK;
  const char *end = text + size;
  for (size_t number = 1; text < end && !status; number++) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    tokens_line line = {.at = text, .end = newline ? newline : end};
    trm__print(line.where, sizeof line.where, "%s:%zu", where, number);
    status = tokens_read_line(tokens, &line, err);
    text = newline ? newline + 1 : end;
  }
  if (!status && !tokens->count)
    status = trm__fail(err, TRM_E_INPUT, where, "there is no token in it; write lines of NAME SHA256 SCOPES");
  if (status) trm__tokens_close(&tokens);
  else *out = tokens;
  return status;
}

trm_status trm__tokens_open(trm__tokens **out, const char *path, trm_error *err) {
  char *text;
  size_t size;
  trm_status status = trm__file_read(path, FILE_BYTES, &text, &size, err);
  if (status) return status;
  status = trm__tokens_parse(out, text, size, path, err);
  trm__free(text);
  return status;
}

void trm__tokens_close(trm__tokens **tokens) {
  if (!*tokens) return;
  trm__free((*tokens)->entries);
  trm__free(*tokens);
  *tokens = NULL;
}

/* The token in an Authorization field, NULL when it is not well formed: "Bearer", spaces, token68. */
static const char *token_of(const char *field, size_t *length) {
  size_t scheme = strcspn(field, " ");
  if (!trm__ascii_is(field, scheme, "bearer")) return NULL;
  const char *token = field + scheme + strspn(field + scheme, " ");
  size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
  *length = n + strspn(token + n, "=");
  return n && !token[*length] && *length <= TOKEN_BYTES ? token : NULL;
}

/* 1 when equal; looks at all bytes whatever they are. */
static unsigned token_same(const char *a, const char *b) {
  unsigned char differs = 0;
  for (size_t i = 0; i < TRM__SHA256_HEX - 1; i++) differs |= (unsigned char)(a[i] ^ b[i]);
  return 1u & ((differs - 1u) >> 8);
}

trm__token_found trm__token_check(const trm__tokens *tokens, const trm__request *request, trm__bearer *bearer) {
  size_t count, length, at = 0;
  const char *field = trm__request_field(request, "authorization", &count);
  if (!count) return TRM__TOKEN_ABSENT;
  const char *token = count == 1 ? token_of(field, &length) : NULL;
  if (!token) return TRM__TOKEN_MALFORMED;
  char hash[TRM__SHA256_HEX];
  trm__sha256 sha;
  trm__sha256_begin(&sha);
  trm__sha256_add(&sha, token, length);
  trm__sha256_end(&sha, hash);
  for (size_t i = 0; i < tokens->count; i++) at |= (i + 1) & (0 - (size_t)token_same(hash, tokens->entries[i].hash));
  if (!at) return TRM__TOKEN_UNKNOWN; /* one at most: no two have the same hash */
  *bearer = (trm__bearer){tokens->entries[at - 1].name, tokens->entries[at - 1].scopes};
  return TRM__TOKEN_GOOD;
}

const char *trm__token_challenge(trm__token_found found) {
  switch (found) {
  case TRM__TOKEN_ABSENT:
    return "Bearer realm=\"trm\"";
  case TRM__TOKEN_MALFORMED:
    return "Bearer realm=\"trm\", error=\"invalid_request\"";
  case TRM__TOKEN_UNKNOWN:
    return "Bearer realm=\"trm\", error=\"invalid_token\"";
  default:
    return "Bearer realm=\"trm\", error=\"insufficient_scope\"";
  }
}
