/* The network, its gradients and its optimizers on the emulated card against the original's tensors, in fp32 and bf16,
 * as far as an emulation gets in its time: small sets, and the first updates of a trajectory (golden/run.h). */
#define GOLDEN_DEVICE "cuda"
#define GOLDEN_SETS "small"
#define GOLDEN_NOTICES 0
#define MOST_UPDATES 4
#include "golden/run.h"
