/* The pickle of a state dict as torch.save writes it (protocol 2, model/torch/pickle.h), and so that
 * torch.load(weights_only=True) takes it: an OrderedDict of tensors, each a storage of its own whose key is its number.
 */
#ifndef TRM_MODEL_TORCH_PICKLE_WRITE_H
#define TRM_MODEL_TORCH_PICKLE_WRITE_H

#include "model/file/safetensors.h"

/* Bytes in *out (trm__free). Names are prefix and the source's; types F32 and BF16. TRM_E_MEMORY. */
trm_status trm__pickle_compose(unsigned char **out, size_t *size, const char *prefix, const trm__st_source *tensors,
                               size_t count, trm_error *err);

#endif
