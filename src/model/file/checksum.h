/* The checksum of a model, trm.sha256 in its metadata, and what it covers: all that an answer depends on. So it tells
 * damage, and its first digits name what a file computes: the same id, the same answers.
 *
 * It is SHA-256 over the following bytes. Numbers are u64 little-endian; a *piece* is its length in bytes, a number,
 * and then the bytes.
 *   1. A piece: the text "trm model".
 *   2. The number of metadata entries, and of each two pieces: key and value (UTF-8, JSON's escapes resolved). These
 * are the entries whose keys begin with "trm.", in ascending order of the keys' bytes, without those that only tell:
 *      trm.sha256 itself, trm.card, trm.version, trm.step, trm.seed and trm.quantized_from.
 *   3. The number of tensors of the network (names from "inner." on, without what wrappers put before it, at least one
 *      element), and of each, in ascending order of the names' bytes, four pieces: the name, the dtype
 *      ("F32"), the shape (a number a dimension) and the tensor's bytes as the file holds them.
 * An entry that a later version adds is covered; what others put in under keys of their own is not, nor are tensors of
 * theirs, nor is the order in which all of it lies.
 *
 * Where the sum differs from trm.sha256, the file is damaged and refused, unless another tool keeps its numbers in
 * another type: then no checksum was made of these numbers, and the file is taken without being checked
 * (model/file/foreign.h says how the two are told apart). Its sum and its id are those of what it holds, never those
 * recorded. A tool that changes numbers and keeps their type leaves out trm.format and trm.sha256. */
#ifndef TRM_MODEL_FILE_CHECKSUM_H
#define TRM_MODEL_FILE_CHECKSUM_H

#include "base/sha256.h"
#include "model/file/safetensors.h"

/* metadata: object of strings. where names the file in errors. */
trm_status trm__model_checksum(char hex[TRM__SHA256_HEX], const json_t *metadata, const trm__st_source *tensors,
                               size_t count, const char *where, trm_error *err);

/* The same of a file that was read. */
trm_status trm__model_checksum_of(char hex[TRM__SHA256_HEX], const trm__safetensors *st, const char *where,
                                  trm_error *err);

#endif
