/* Where in a text of JSON the value of a JSON pointer stands. */
#ifndef TRM_AGENT_DEFINE_PLACE_H
#define TRM_AGENT_DEFINE_PLACE_H

#include <stddef.h>

/* The line (from 1) of the value, or, of a member, of its key; that of the deepest value on the way where there is no
 * such one. The text has been parsed before. */
size_t trm__place_line(const char *text, size_t size, const char *pointer);

#endif
