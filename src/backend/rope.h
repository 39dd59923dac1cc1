/* The angles of rotary positions, which every backend prepares alike (docs/spec.md, Rotary positions). */
#ifndef TRM_BACKEND_ROPE_H
#define TRM_BACKEND_ROPE_H

#include "backend/backend.h"

/* cosines and sines [L][head_dim/2] on the host: of position p and pair i, angle p * rope_theta^(-2i/head_dim), every
 * step rounded to fp32 as in the original (at position 900 another rounding moves an angle by 1e-5), in the double
 * build too. */
void trm__rope_angles(const trm__dims *dims, trm__real *cosines, trm__real *sines);

#endif
