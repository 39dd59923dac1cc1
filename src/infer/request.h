/* What a puzzle may ask of a solver: its tokens and everything else in trm_puzzle, checked before it enters the engine.
 */
#ifndef TRM_INFER_REQUEST_H
#define TRM_INFER_REQUEST_H

#include <trm/solve.h>

/* The low bits of a noise stream's index hold the step, at most TRM__VALUES_STEPS, the others the noise's name. */
#define TRM__NOISE_STEP_BITS 17
#define TRM__NOISE_NAME_BITS 46

/* TRM_E_INPUT unless tokens [S] are in 0..V-1 and identifier in 0..identifiers-1 (any when the model has no prefix).
 * number: of the puzzle, for the message. */
trm_status trm__request_check_tokens(const trm_solver *solver, int64_t number, const int32_t *tokens,
                                     int32_t identifier, trm_error *err);

/* The same, and that all else in puzzle is in range and its state, which has not reached its step limit, fits. */
trm_status trm__request_check(const trm_solver *solver, int64_t number, const trm_puzzle *puzzle, trm_error *err);

#endif
