/* The network, its gradients and its optimizers on a card against the original's tensors, in fp32 and bf16; on the
 * emulated one as far as its speed allows: small sets, and the first updates of a trajectory (golden/run.h). */
#define GOLDEN_DEVICE "cuda"
#ifdef TRM_EMULATE
#define GOLDEN_SETS "small"
#define GOLDEN_NOTICES 0
#ifndef MOST_UPDATES
#define MOST_UPDATES 2
#endif
#endif
#include "golden/run.h"
