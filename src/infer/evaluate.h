/* What evaluating shares with other work on a dataset. */
#ifndef TRM_INFER_EVALUATE_H
#define TRM_INFER_EVALUATE_H

#include <trm/solve.h>

/* TRM_E_INPUT when the solver's model cannot take the dataset's examples. */
trm_status trm__evaluate_check_fit(const trm_solver *solver, const trm_dataset *dataset, trm_error *err);

#endif
