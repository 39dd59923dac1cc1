/* Text in man pages: what roff, their language, would take for a command or change is escaped. */
#ifndef TRM_BASE_TEXT_ROFF_H
#define TRM_BASE_TEXT_ROFF_H

/* What shows c in a man page; returns escaped. A '.' or '\'' at the start of a line would be a command, and '-' alone a
 * typographic hyphen that nobody can copy into a shell. */
const char *trm__roff_char(char c, int line_start, char escaped[4]);

#endif
