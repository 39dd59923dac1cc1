/* A puzzle's state as bytes, in memory as on disk, so that saving is writing and a copy is one block. Little-endian:
 *
 *   offset  bytes
 *        0     24  a seal (base/sealed.h) of "TRMSTATE", format 1
 *       24     64  checksum of the model, hexadecimal digits (model/file/checksum.h)
 *       88      4  u32, number type that the solver computed in: trm_dtype
 *       92      4  u32, bytes of an element of y and z
 *       96      4  u32, L
 *      100      4  u32, D
 *      104      4  u32, S
 *      108      4  i32, puzzle identifier
 *      112      8  u64, supervision steps taken, 1 or more
 *      120      8  u64, noise name
 *      128      4  f32, halting logit of the last step
 *      132     60  zeros
 *      192   4 * S  i32, question
 *              4 * S  i32, answer
 *              4 * S  f32, confidence
 *              L * D elements of y, then as many of z
 */
#ifndef TRM_INFER_STATE_H
#define TRM_INFER_STATE_H

#include <trm/solve.h>

#include "infer/engine.h"

/* The latents of a state that fits the solver: bytes of y, then as many of z. */
const unsigned char *trm__state_latents(const trm_state *state);

#endif
