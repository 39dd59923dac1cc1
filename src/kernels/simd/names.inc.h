/* Declarations of one variant's kernels, which its offer collects (table.inc.h collects all). */

extern const trm__product NAME(f32);

void NAME(swiglu_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols);
void NAME(inject)(float *h, const float *a, const float *b, size_t n, int round);
void NAME(add)(float *y, const float *x, size_t n);
void NAME(scale)(float *y, double s, size_t n);
double NAME(sum_squares)(const float *x, size_t n);
void NAME(round_bf16)(float *y, const float *x, size_t n);

void NAME(rms_rows)(float *y, float *inv_rms, const float *x, int rows, int cols, double eps, int round);
void NAME(rms_rows_backward)(float *dx, const float *dy, const float *y, const float *inv_rms, int rows, int cols);
void NAME(rms_cols)(float *y, float *inv_rms, const float *x, int rows, int cols, double eps, int round, int c0,
                    int c1);
void NAME(rms_cols_backward)(float *dx, const float *dy, const float *y, const float *inv_rms, int rows, int cols,
                             int c0, int c1);

void NAME(rms_gate_rows)(float *scale, const float *gu, int rows, int cols, double eps);
void NAME(rms_gate_cols)(float *scale, const float *gu, int rows, int cols, double eps);
void NAME(rms_gate_rows_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols,
                                  double eps);
void NAME(rms_gate_cols_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols,
                                  double eps);

void NAME(rope)(float *x, ptrdiff_t ld, const float *cosines, const float *sines, int rows, int heads, int head_dim,
                int inverse, int round);
size_t NAME(attention_scratch)(int rows, int head_dim);
void NAME(attention)(const trm__attention *a);
void NAME(attention_backward)(const trm__attention *a);

void NAME(adam_atan2)(float *p, float *m, float *v, const float *g, size_t n, const trm__adam *c);
void NAME(adamw)(float *p, float *m, float *v, const float *g, size_t n, const trm__adam *c);
void NAME(sign_sgd)(float *p, const float *g, size_t n, double lr, double weight_decay);
void NAME(ema)(float *shadow, const float *p, size_t n, double decay);
