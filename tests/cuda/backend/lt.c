/* cuBLASLt in the backend, emulated by a stand-in: opening and closing, what is missing, blocks that are recorded and
 * replayed, predicted memory, faults. */
#include "backend/cuda/gpu.h"
#include "cuda/backend/support.h"

#ifdef TRM_EMULATE
#include "cublaslt.h"

static const shape shapes[] = {
    {"mixer", 1, 11, 2, 24, 0, 5, 64, 64, 3, TRM_POS_NONE, TRM_ACT_SILU},
    {"mixer, rms gate", 1, 13, 0, 40, 0, 5, 64, 128, 2, TRM_POS_NONE, TRM_ACT_RMS_GATE},
    {"attention, rope", 0, 19, 1, 48, 2, 5, 128, 0, 3, TRM_POS_ROPE, TRM_ACT_SILU},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void open_lt(side *s, const char *device) {
  trm__gpu_lt_stand_in(emulate_cublaslt());
  open_side(s, device);
}

static void close_lt(side *s) {
  close_side(s);
  assert_int_equal(emulate_cublaslt_objects(), 0);
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static void lt_refused(const char *device, trm_status expected, const char *text) {
  refused(device, expected, text);
  assert_int_equal(emulate_cublaslt_objects(), 0);
}

static void names(void **state) {
  (void)state;
  trm__gpu_choice choice;
  assert_int_equal(trm__gpu_parse(&choice, "cuda:0,cublaslt", NULL), TRM_OK);
  assert_int_equal(choice.lt, ~0);
  assert_int_equal(trm__gpu_parse(&choice, "cuda,cublaslt=65,check", NULL), TRM_OK);
  assert_true(choice.lt == (1 << TRM__CUDA_STORE | 1 << TRM__CUDA_PARTIAL) && choice.check);
  assert_int_equal(trm__gpu_parse(&choice, "cuda", NULL), TRM_OK);
  assert_int_equal(choice.lt, 0);
  lt_refused("cuda,cublaslt=", TRM_E_USAGE, "cublaslt");
  lt_refused("cuda,cublas", TRM_E_USAGE, "cublaslt");
}

static void a_missing_library_is_an_error(void **state) {
  (void)state;
  static const char *const none[] = {"libtrm-no-such-library.so.1", NULL}, *const other[] = {"libm.so.6", NULL};
  trm__lt_api api;
  char why[256] = "";
  assert_false(trm__gpu_lt_load(&api, none, why));
  assert_non_null(strstr(why, "libtrm-no-such-library.so.1"));
  assert_false(trm__gpu_lt_load(&api, other, why));
  assert_non_null(strstr(why, "cublasLtCreate is not in it"));
  trm__gpu_lt_libraries(none);
  trm__gpu_lt_stand_in(NULL);
  lt_refused("cuda,cublaslt", TRM_E_UNSUPPORTED, "install cuBLAS of CUDA 13 or 12");
  lt_refused("cuda,cublaslt", TRM_E_UNSUPPORTED, "libtrm-no-such-library.so.1");
  trm__gpu_lt_libraries(NULL);
}

static void a_library_that_does_not_work_is_an_error(void **state) {
  (void)state;
  trm__gpu_lt_stand_in(emulate_cublaslt());
  emulate_cublaslt_absent(1);
  lt_refused("cuda,cublaslt", TRM_E_UNSUPPORTED, "cublasStatus_t 1");
  emulate_cublaslt_absent(0);
  emulate_memory((size_t)24 << 20);
  lt_refused("cuda,cublaslt", TRM_E_MEMORY, "cuBLASLt's workspace");
  emulate_reset();
}

/* -- blocks -------------------------------------------------------------------------------------------------------- */

typedef struct operands {
  size_t n;
  trm__act *in, *mid, *out, *d;
  void *saved[2];
} operands;

static operands make_operands(side *s, const shape *c) {
  operands o = {.n = state_size(&s->dims, c->b)};
  trm__real *host = numbers(o.n, 3, 1);
  o.in = put_act(s, host, o.n);
  o.mid = poisoned_act(s, o.n);
  o.out = poisoned_act(s, o.n);
  o.d = poisoned_act(s, o.n);
  o.saved[0] = poisoned(s, s->be->mix_saved_bytes(s->be, &s->dims, c->b, 0));
  o.saved[1] = poisoned(s, s->be->mlp_saved_bytes(s->be, &s->dims, c->b, 0));
  trm__free(host);
  return o;
}

/* A layer without and with memory, and back. */
static void layer(side *s, const shape *c, const operands *o) {
  trm__backend *be = s->be;
  be->mix_forward(be, s->w, 1, c->b, o->in, o->mid, NULL, 0);
  be->mix_forward(be, s->w, 1, c->b, o->in, o->mid, o->saved[0], 0);
  be->mlp_forward(be, s->w, 1, c->b, o->mid, o->out, NULL, 0);
  be->mlp_forward(be, s->w, 1, c->b, o->mid, o->out, o->saved[1], 0);
  be->copy(be, o->d, o->in, o->n * be->act_bytes(be, &s->dims), TRM__COPY_ON_DEVICE);
  be->mlp_backward(be, s->w, 1, c->b, o->mid, o->out, o->saved[1], 0, o->d, &s->grads);
  be->mix_backward(be, s->w, 1, c->b, o->in, o->mid, o->saved[0], 0, o->d, &s->grads);
}

typedef struct picture {
  trm__real *out, *d, *grad;
} picture;

/* Three times; recorded: once, although no shape was met before, and replayed. */
static picture run_layers(const char *device, const shape *c, int recorded) {
  trm__dims dims = dims_of(c, 1);
  trm_error err = {0};
  side s;
  open_lt(&s, device);
  open_weights(&s, &dims, 1, c->b);
  operands o = make_operands(&s, c);
  trm__recording *recording = NULL;
  if (recorded) CHECK_OK(s.be->record_begin(s.be, &err), err);
  layer(&s, c, &o);
  if (recorded) CHECK_OK(s.be->record_end(s.be, &recording, &err), err);
  long plans = emulate_cublaslt_plans(), taken = trm__gpu_lt_taken((trm__gpu *)s.be);
  assert_true(taken >= 10);
  for (int i = recorded ? 0 : 1; i < 3; i++) {
    if (recorded) s.be->replay(s.be, recording);
    else layer(&s, c, &o);
  }
  assert_int_equal(emulate_cublaslt_plans(), plans);
  assert_int_equal(trm__gpu_lt_taken((trm__gpu *)s.be), recorded ? taken : 3 * taken);
  synchronize(&s);
  if (recorded) s.be->recording_close(s.be, &recording);
  picture p = {get_act(&s, o.out, o.n), get_act(&s, o.d, o.n), get(&s, s.grad, s.count * sizeof(trm__real))};
  close_lt(&s);
  return p;
}

static void free_picture(picture *p) {
  trm__free(p->out);
  trm__free(p->d);
  trm__free(p->grad);
}

static void recordings(void **state) {
  (void)state;
  for (size_t i = 0; i < SHAPES; i++) {
    trm__dims dims = dims_of(&shapes[i], 1);
    trm__weights_view unused;
    size_t n = state_size(&dims, shapes[i].b), count = make_view(&dims, NULL, &unused);
    picture direct = run_layers("cuda,cublaslt", &shapes[i], 0), again = run_layers("cuda,cublaslt", &shapes[i], 1);
    assert_memory_equal(direct.out, again.out, n * sizeof *direct.out);
    assert_memory_equal(direct.d, again.d, n * sizeof *direct.d);
    assert_memory_equal(direct.grad, again.grad, count * sizeof *direct.grad);
    free_picture(&direct);
    free_picture(&again);
  }
}

/* One kind of product alone, and none of them in fp32. */
static void chosen_products(void **state) {
  (void)state;
  static const struct {
    const char *device;
    int bf16;
    long taken; /* of a layer: forward twice, backward once */
  } cases[] = {{"cuda,cublaslt=64", 1, 2}, {"cuda,cublaslt=2", 1, 4}, {"cuda,cublaslt", 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm__dims dims = dims_of(&shapes[0], cases[i].bf16);
    side s;
    open_lt(&s, cases[i].device);
    open_weights(&s, &dims, 1, shapes[0].b);
    operands o = make_operands(&s, &shapes[0]);
    layer(&s, &shapes[0], &o);
    assert_int_equal(trm__gpu_lt_taken((trm__gpu *)s.be), cases[i].taken);
    close_lt(&s);
  }
}

/* -- memory and faults --------------------------------------------------------------------------------------------- */

static void predictions_are_exact(void **state) {
  (void)state;
  for (size_t i = 0; i < 4 * SHAPES; i++) {
    const shape *c = &shapes[i / 4];
    trm__dims dims = dims_of(c, i % 2);
    trm_error err = {0};
    int training = i % 4 / 2;
    side s, plain;
    open_side(&plain, "cuda");
    size_t without = plain.be->weights_bytes(plain.be, &dims, training, c->b);
    close_side(&plain);
    open_lt(&s, "cuda,cublaslt");
    size_t before = ((trm__gpu *)s.be)->used, predicted = s.be->weights_bytes(s.be, &dims, training, c->b);
    assert_true(before >= (size_t)32 << 20);
    CHECK_OK(s.be->weights_open(s.be, &s.w, &dims, training, c->b, &err), err);
    assert_int_equal(((trm__gpu *)s.be)->used - before, predicted);
    assert_int_equal(emulate_device_bytes(), ((trm__gpu *)s.be)->used);
    if (dims.bf16) assert_true(predicted > without);
    else assert_int_equal(predicted, without);
    close_lt(&s);
  }
}

static void a_failing_product_is_reported(void **state) {
  (void)state;
  for (int check = 0; check < 2; check++) {
    trm__dims dims = dims_of(&shapes[0], 1);
    trm_error err = {0};
    side s;
    open_lt(&s, check ? "cuda,cublaslt,check" : "cuda,cublaslt");
    open_weights(&s, &dims, 1, shapes[0].b);
    operands o = make_operands(&s, &shapes[0]);
    layer(&s, &shapes[0], &o);
    synchronize(&s);
    emulate_cublaslt_fail(13);
    layer(&s, &shapes[0], &o);
    emulate_cublaslt_fail(0);
    long launches = emulate_launches();
    layer(&s, &shapes[0], &o); /* nothing is launched any more */
    CHECK_FAILS(s.be->synchronize(s.be, &err), TRM_E_INTERNAL, err, "cublasLtMatmul failed");
    assert_int_equal(emulate_launches(), launches);
    s.be->weights_close(s.be, &s.w);
    for (int i = 0; i < s.kept_count; i++) s.be->free(s.be, s.kept[i]);
    trm__backend_close(&s.be);
    trm__pool_close(&s.pool);
    assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
    assert_int_equal(emulate_cublaslt_objects(), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(a_missing_library_is_an_error),
      cmocka_unit_test(a_library_that_does_not_work_is_an_error),
      cmocka_unit_test(recordings),
      cmocka_unit_test(chosen_products),
      cmocka_unit_test(predictions_are_exact),
      cmocka_unit_test(a_failing_product_is_reported),
  };
  return cmocka_run_group_tests_name("cublaslt", tests, NULL, NULL);
}

#else
int main(void) {
  return 77; /* a card does not fail when asked */
}
#endif
