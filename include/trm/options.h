/* Declaration tables. A configuration struct is described once, by an array of trm_option; from that array come
 * the program's options, --help, the man page, config.json and its checks, and the server's JSON schema. */
#ifndef TRM_OPTIONS_H
#define TRM_OPTIONS_H

#include <stddef.h>
#include <trm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trm_option_type {
  TRM_OPT_BOOL,  /* int, 0 or 1; on the command line --name or --no-name */
  TRM_OPT_INT,   /* int64_t */
  TRM_OPT_REAL,  /* double */
  TRM_OPT_ENUM,  /* int: index into choices */
  TRM_OPT_STRING /* char[size], NUL-terminated; "" when not given */
} trm_option_type;

typedef struct trm_option {
  const char *name; /* configuration key in snake_case ("hidden_size"); its option is --hidden-size */
  trm_option_type type;
  size_t offset;            /* of the field in the configuration struct */
  size_t size;              /* TRM_OPT_STRING: bytes of the field, else 0 */
  const char *default_text; /* as it would be typed; NULL for "". TRM_OPT_REAL: a word instead of a number means "not
                               given", which is NaN in the struct and this word wherever it is read or written */
  double min, max;          /* TRM_OPT_INT and TRM_OPT_REAL: inclusive range; both 0: no limit */
  const char *choices;      /* TRM_OPT_ENUM: "first|second|third" */
  const char *metavar;      /* what --help shows for the value ("N", "FILE"); NULL: from the type */
  const char *group;        /* heading in --help; NULL: same as the entry before */
  const char *help;         /* one line, no full stop */
  const char *synonyms; /* other names that are accepted, "first|second"; one with a '!' before it is a flag with the
                           opposite meaning; NULL: none */
} trm_option;

/* Fills every field of the table in config (a struct the table describes) with its default. */
void trm_options_default(const trm_option *table, size_t count, void *config);

/* Sets one field from text, accepting name or synonym with '_' or '-'. TRM_E_USAGE for an unknown name (the message
 * names the nearest known one), a malformed value or one out of range. */
trm_status trm_options_set(const trm_option *table, size_t count, void *config, const char *name, const char *text,
                           trm_error *err);

/* Writes the field's value as text that trm_options_set reads back to the same bits. Returns its length without the
 * NUL (as snprintf does: the text is cut when it does not fit), or -1 for an unknown name. */
int trm_options_get(const trm_option *table, size_t count, const void *config, const char *name, char *text,
                    size_t size);

#ifdef __cplusplus
}
#endif
#endif
