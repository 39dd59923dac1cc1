/* Scripts that complete words of trm's command line, generated from the commands' declarations and option tables. Each
 * is a whole file for its shell; none runs trm. */
#ifndef TRM_CLI_UI_COMPLETION_H
#define TRM_CLI_UI_COMPLETION_H

#include <stdio.h>

/* shell: "bash", "zsh" or "fish"; 0, or -1 for another. */
int cli_print_completion(const char *shell, FILE *file);

#endif
