/* The reasoning of a puzzle for programs and for browsers: what `trm explain` writes. One object holds it, and the page
 * is that object between two texts made of web/ when the program is built (cmake/page.cmake). */
#ifndef TRM_CLI_UI_REASONING_H
#define TRM_CLI_UI_REASONING_H

#include "cli/ui/solved.h"

/* The object; docs/solve.md has its fields. show->trace holds every step. Of a search the first chain is in it and
 * the one that answered. */
json_t *cli_reasoning_json(const cli_show *show, const cli_solved *solved);

/* One line of JSON, in which no character means anything to HTML, whatever a path or a puzzle says. Releases the
 * object; free(). */
char *cli_reasoning_text(json_t *object);

/* What a page has before and behind that line (made of web/). */
extern const char cli_page_head[], cli_page_tail[];

#endif
