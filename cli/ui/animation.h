/* The steps of a puzzle on a terminal, each drawn over the one before while the network computes. */
#ifndef TRM_CLI_UI_ANIMATION_H
#define TRM_CLI_UI_ANIMATION_H

#include <trm/solve.h>

#include "cli/ui/explain.h"

typedef struct cli_animation {
  int lines;     /* on the screen now, above the cursor */
  int shown;     /* 1: steps of the puzzle were drawn */
  double drawn;  /* when a changed answer was drawn last, on trm_clock() */
  double waited; /* seconds, since the program began */
} cli_animation;

/* Draws the trace's last step, where standard output is a terminal that has room for the grid. A changed answer stays
 * for a moment. */
void cli_animation_show(cli_animation *animation, const trm_task *task, const int32_t *question,
                        const cli_trace *trace);
/* Clears it from the screen. Returns whether there was one. */
int cli_animation_end(cli_animation *animation);

#endif
