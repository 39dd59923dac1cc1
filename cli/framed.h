/* Puzzles that are smaller than the model's grid, of kinds that have such (mazes): framed on their way in, and taken
 * out of the frame on their way back. */
#ifndef TRM_CLI_FRAMED_H
#define TRM_CLI_FRAMED_H

#include <trm/solve.h>

#include "cli/puzzles.h"

typedef struct cli_framed {
  trm_task task, grid; /* of the puzzles; of the model */
  size_t S;            /* cells of a puzzle */
  int32_t *answer;     /* [S], of the step at hand */
  float *confidence;   /* [S], likewise */
} cli_framed;

/* Finds out the puzzles' size, which may be smaller than that of grid, the model's. kind: what is known of the first
 * puzzle, or NULL: it is looked at. CLI_CONTINUE or an exit code: a puzzle that is too large. */
int cli_framed_open(cli_framed *framed, const cli_command *command, cli_puzzles *puzzles, const trm_puzzle_kind *kind,
                    const trm_task *grid);
void cli_framed_close(cli_framed *framed); /* also of a zeroed struct */
/* The step with answer and confidence of the puzzle's own cells; valid until the next call. */
trm_step cli_framed_step(cli_framed *framed, const trm_step *step);

#endif
