/* All kernels of one instruction set, with the products PRODUCTS, as OFFER. */

extern const trm__offer OFFER;

const trm__offer OFFER = {.kernels = {
                              .product = PRODUCTS,
                              .swiglu_backward = NAME(swiglu_backward),
                              .rms_rows = NAME(rms_rows),
                              .rms_rows_backward = NAME(rms_rows_backward),
                              .rms_cols = NAME(rms_cols),
                              .rms_cols_backward = NAME(rms_cols_backward),
                              .rms_gate_rows = NAME(rms_gate_rows),
                              .rms_gate_cols = NAME(rms_gate_cols),
                              .rms_gate_rows_backward = NAME(rms_gate_rows_backward),
                              .rms_gate_cols_backward = NAME(rms_gate_cols_backward),
                              .inject = NAME(inject),
                              .add = NAME(add),
                              .scale = NAME(scale),
                              .sum_squares = NAME(sum_squares),
                              .round_bf16 = NAME(round_bf16),
                              .rope = NAME(rope),
                              .attention_scratch = NAME(attention_scratch),
                              .attention = NAME(attention),
                              .attention_backward = NAME(attention_backward),
                              .adam_atan2 = NAME(adam_atan2),
                              .adamw = NAME(adamw),
                              .sign_sgd = NAME(sign_sgd),
                              .ema = NAME(ema),
                          }};
