/* The gradient tests on the double build (plain C kernels), where the tolerance shows any mistake. */
#include "unit/backend/gradients.c"
