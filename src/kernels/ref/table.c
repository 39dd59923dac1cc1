/* The plain C kernels: all of them. */
#include "kernels/ref/ref.h"

const trm__offer trm__offer_ref = {.kernels = {
#ifdef TRM_DOUBLE
                                       .product = {&trm__ref_f32},
#else
                                       .product = {&trm__ref_f32, &trm__ref_bf16, &trm__ref_int8},
#endif
                                       .swiglu_backward = trm__ref_swiglu_backward,
                                       .rms_rows = trm__ref_rms_rows,
                                       .rms_rows_backward = trm__ref_rms_rows_backward,
                                       .rms_cols = trm__ref_rms_cols,
                                       .rms_cols_backward = trm__ref_rms_cols_backward,
                                       .rms_gate_rows = trm__ref_rms_gate_rows,
                                       .rms_gate_cols = trm__ref_rms_gate_cols,
                                       .rms_gate_rows_backward = trm__ref_rms_gate_rows_backward,
                                       .rms_gate_cols_backward = trm__ref_rms_gate_cols_backward,
                                       .inject = trm__ref_inject,
                                       .add = trm__ref_add,
                                       .scale = trm__ref_scale,
                                       .sum_squares = trm__ref_sum_squares,
                                       .round_bf16 = trm__ref_round_bf16,
                                       .rope = trm__ref_rope,
                                       .attention_scratch = trm__ref_attention_scratch,
                                       .attention = trm__ref_attention,
                                       .attention_backward = trm__ref_attention_backward,
                                       .adam_atan2 = trm__ref_adam_atan2,
                                       .adamw = trm__ref_adamw,
                                       .sign_sgd = trm__ref_sign_sgd,
                                       .ema = trm__ref_ema,
                                   }};
