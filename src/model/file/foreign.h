/* Model files that another tool has written again: what is theirs in them, and what they leave untold.
 *
 * A tool that loads a model and saves it keeps our metadata, trm.sha256 among it. It may put the tensors into another
 * order, add tensors and metadata, give names a prefix (of wrappers around a module: "_orig_mod.", "model.", "module.")
 * and keep the numbers in another type. All but the last leave every number as it was, and the checksum holds: it
 * covers only tensors of the network (names from "inner." on, at least one element), in the order of their names.
 *
 * Numbers in another type are other bytes, of which no checksum was made. Such a file is not damaged, only unchecked.
 * It is told from a file of ours by what we never write, and what no flipped bit makes of ours, since the sizes of all
 * tensors must fit the file:
 *   1. a weight in F16 or F64, or
 *   2. a weight in BF16 in a file whose form is not ours: white space between the tokens of its header, or weights in
 *      another order than that of the parameter table.
 * Where neither holds, the checksum binds. */
#ifndef TRM_MODEL_FILE_FOREIGN_H
#define TRM_MODEL_FILE_FOREIGN_H

#include "model/file/safetensors.h"
#include "model/params.h"

/* Leaves the network's tensors in st, under their names from "inner." on. TRM_E_INPUT when two have the same. */
trm_status trm__foreign_tensors(trm__safetensors *st, const char *where, trm_error *err);
/* Whether the file is not of the form that we write, whatever its numbers are. */
int trm__foreign_form(const trm__safetensors *st, const trm__params *params);
/* Whether another tool changed the type of the numbers, so that no checksum was made of these. */
int trm__foreign_numbers(const trm__safetensors *st, const trm__params *params);
/* Types of weights that are read, but not written. */
int trm__foreign_dtype(trm__st_dtype dtype);

#endif
