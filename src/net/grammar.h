/* The characters of HTTP (RFC 9110, section 5.6) and of its texts, whatever the locale. */
#ifndef TRM_NET_GRAMMAR_H
#define TRM_NET_GRAMMAR_H

#include <stddef.h>

int trm__is_token(unsigned char byte);      /* tchar */
int trm__is_field_text(unsigned char byte); /* in a field's value: visible, space, tab, 0x80 and up */
int trm__hex_digit(unsigned char byte);     /* its value, -1 for none */
char trm__ascii_lower(char c);

/* Whether text (length bytes) is word, letters of either case alike. */
int trm__ascii_is(const char *text, size_t length, const char *word);

/* The next member of a comma-separated list such as Connection's, without space around it; NULL after the last. *list
 * moves on; empty members are left out, and a comma between quotes parts nothing. */
const char *trm__list_next(const char **list, size_t *length);

int trm__is_utf8(const char *text, size_t length); /* well formed: no overlong forms, no surrogates */

#endif
