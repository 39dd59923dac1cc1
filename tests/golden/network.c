/* The network against the original's tensors: see run.h. */
#include "golden/run.h"
