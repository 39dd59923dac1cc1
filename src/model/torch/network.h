/* Which of a checkpoint's tensors are the network's, and under which names. In a state dict the original's names stand
 * behind what wrappers put in front: "_orig_mod." (torch.compile), "model." (the loss), "module." (several GPUs); in a
 * dict of several things, behind their keys. All that is in front of "inner." is called the prefix. */
#ifndef TRM_MODEL_TORCH_NETWORK_H
#define TRM_MODEL_TORCH_NETWORK_H

#include "model/file/safetensors.h"

/* Leaves the network's tensors in st, under their names from "inner." on. prefix: what is in front of "inner." where
 * the file has several networks; NULL: the only one. A state dict of the module `inner` alone, whose names lack it, is
 * taken too. partial: it may lack tensors, as a file of averaged parameters does. TRM_E_USAGE when the prefix is
 * wanted, or not there; TRM_E_INPUT for a checkpoint of another network, which is named. */
trm_status trm__torch_network(trm__safetensors *st, const char *prefix, int partial, const char *where, trm_error *err);

/* Each tensor of with takes the place of st's of the same name. What it points to must outlive st. */
trm_status trm__torch_overlay(trm__safetensors *st, const trm__safetensors *with, const char *where, trm_error *err);

#endif
