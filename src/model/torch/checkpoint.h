/* Checkpoints of the original implementation: files with its tensors and without our metadata. Three forms are read:
 *
 * 1. torch.save since 1.6: a zip archive (model/torch/zip.h) with the entries FOLDER/data.pkl, the pickle
 *    (model/torch/pickle.h); FOLDER/byteorder, "little", which may be absent; and FOLDER/data/KEY, a storage each.
 * 2. torch.save before, or with _use_new_zipfile_serialization=False. One after the other: three pickles (the number
 *    0x1950a86a20f9469cfc6c, the number 1001, a dict with "little_endian"), the pickle of the tensors, a pickle with
 * the list of the storages' keys, and for each of them u64 elements and then these.
 * 3. safetensors.
 *
 * Tensors may stand in dicts and lists of any depth, "ema" within "state" is "ema."; what is neither is passed over.
 * Several may share a storage. One whose strides are not those of its shape is put in order in memory, all others stay
 * in the map, so that a table of puzzle embeddings may be larger than the memory. */
#ifndef TRM_MODEL_TORCH_CHECKPOINT_H
#define TRM_MODEL_TORCH_CHECKPOINT_H

#include "model/file/safetensors.h"

#define TRM__CHECKPOINT_MOST 4096 /* tensors */

typedef enum trm__checkpoint_form {
  TRM__CHECKPOINT_ZIP,
  TRM__CHECKPOINT_LEGACY,
  TRM__CHECKPOINT_SAFETENSORS
} trm__checkpoint_form;

/* The file's tensors under the names that it has for them, with metadata (empty but for form 3). TRM_E_IO, TRM_E_INPUT
 * for what is damaged or something else, TRM_E_MEMORY. Close with trm__st_close. */
trm_status trm__checkpoint_open(trm__safetensors *st, trm__checkpoint_form *form, const char *path, trm_error *err);
/* The same from memory, which must outlive st. */
trm_status trm__checkpoint_parse(trm__safetensors *st, trm__checkpoint_form *form, const void *data, size_t size,
                                 const char *where, trm_error *err);

/* "a zip archive of torch.save" */
const char *trm__checkpoint_form_text(trm__checkpoint_form form);

#endif
