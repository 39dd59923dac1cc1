/* What goes wrong with cards, through the emulated one: none, too old, an older driver, a wrong number, a kernel that
 * is refused or faults, a card lost in the middle. Every message names the cause and what to do. */
#include "backend/cuda/gpu.h"
#include "cuda/backend/support.h"

#include <trm/trm.h>

#ifdef TRM_EMULATE

static const shape small = {"small", 1, 5, 0, 8, 0, 4, 64, 64, 1, TRM_POS_NONE, TRM_ACT_SILU};

static void names(void **state) {
  (void)state;
  static const char *const bad[] = {
      "cuda:",         "cuda:x",   "cuda:0,",     "cuda,fast",     "cuda:0 ",     "cuda:-1",    "cuda:0,check,",
      "cuda:99999999", "cuda:0:1", "cuda,chunk=", "cuda,chunk=1x", "cuda,checks", "cuda,,check"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(bad[i], TRM_E_USAGE, "expected cuda or cuda:N");
  refused("gpu", TRM_E_USAGE, "cpu cuda cuda:N");
  refused("cudax", TRM_E_USAGE, "cpu cuda cuda:N");
  refused("cuda:1", TRM_E_USAGE, "one card");
  emulate_devices(2);
  refused("cuda:2", TRM_E_USAGE, "2 cards, cuda:0 to cuda:1");
  trm__gpu_choice choice;
  assert_int_equal(trm__gpu_parse(&choice, "cuda:12,sm80,check", NULL), TRM_OK);
  assert_int_equal(choice.device, 12);
  assert_true(choice.check && choice.sm80 && !choice.separate && choice.chunk < 0);
  assert_int_equal(trm__gpu_parse(&choice, "cuda,separate,chunk=0", NULL), TRM_OK);
  assert_true(choice.device == 0 && choice.separate && !choice.unfused && choice.chunk == 0);
  assert_int_equal(trm__gpu_parse(&choice, "cuda:3,unfused", NULL), TRM_OK);
  assert_true(choice.device == 3 && choice.unfused && !choice.separate);
  assert_int_equal(trm__gpu_parse(&choice, "cuda,chunk=40", NULL), TRM_OK);
  assert_int_equal(choice.chunk, 40);
  side s;
  open_side(&s, "cuda:1,check");
  assert_string_equal(s.be->name, "cuda:1");
  assert_null(s.be->record_begin);
  close_side(&s);
  emulate_reset();
}

static void no_card(void **state) {
  (void)state;
  emulate_devices(0);
  refused("cuda", TRM_E_UNSUPPORTED, "no NVIDIA card was found");
  emulate_reset();
  emulate_driver(0);
  refused("cuda", TRM_E_UNSUPPORTED, "no NVIDIA driver");
  emulate_reset();
  emulate_driver(12020);
  refused("cuda", TRM_E_UNSUPPORTED, "driver is for CUDA 12.2 and trm was built with 13.0");
  emulate_reset();
  emulate_capability(7, 5);
  refused("cuda", TRM_E_UNSUPPORTED, "compute capability 7.5; trm needs 8.0");
  emulate_reset();
}

static void cards_are_listed(void **state) {
  (void)state;
  trm_device_info card[3];
  trm_error why = {0};
  emulate_devices(2);
  emulate_driver(13010);
  memset(card, 0xff, sizeof card);
  assert_int_equal(trm_devices(card, 3, &why), 2);
  assert_int_equal(trm_devices(card, 1, NULL), 2);
  assert_string_equal(card[1].name, "cuda:1");
  assert_true(card[1].model[0] && card[1].memory > 0 && card[1].usable);
  assert_int_equal(card[1].capability, 90);
  assert_int_equal(card[1].driver, 13010);
  assert_int_equal(card[1].built, 13000);
  emulate_capability(7, 5);
  assert_int_equal(trm_devices(card, 3, NULL), 2);
  assert_true(card[0].capability == 75 && !card[0].usable);
  emulate_reset();
  emulate_devices(0);
  assert_int_equal(trm_devices(card, 3, &why), 0);
  assert_non_null(strstr(why.message, "no NVIDIA card"));
  emulate_reset();
}

static void capabilities(void **state) {
  (void)state;
  static const struct {
    int major, minor;
    const char *device;
    int capability, wgmma;
  } cases[] = {{8, 0, "cuda", 80, 0},
               {8, 9, "cuda", 89, 0},
               {9, 0, "cuda", 90, 1},
               {9, 0, "cuda,sm80", 80, 0},
               {12, 0, "cuda", 120, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    side s;
    emulate_capability(cases[i].major, cases[i].minor);
    open_side(&s, cases[i].device);
    const trm__cuda_queue *q = &((trm__gpu *)s.be)->queue;
    assert_int_equal(q->capability, cases[i].capability);
    assert_int_equal(q->wgmma, cases[i].wgmma);
    assert_true(q->shared_per_block > 0 && q->sms > 0);
    close_side(&s);
  }
  emulate_reset();
}

/* -- faults while running ------------------------------------------------------------------------------------------ */

/* Two states at the end of what the side keeps. */
static void use(side *s) {
  trm__act *in = s->kept[s->kept_count - 2], *out = s->kept[s->kept_count - 1];
  trm__real x[64] = {1, 2, 3};
  s->be->act_write(s->be, &s->dims, in, x, state_size(&s->dims, 1));
  s->be->mlp_forward(s->be, s->w, 0, 1, in, out, NULL, 0);
  s->be->inject(s->be, 1, s->w, out, out, in, NULL);
}

/* After the fault everything is left out, the host reads zeros, and each synchronize reports the same. */
static void check_broken(side *s, trm_status expected, const char *text) {
  trm_error err;
  trm__real numbers_read[4] = {1, 2, 3, 4};
  CHECK_FAILS(s->be->synchronize(s->be, &err), expected, err, text);
  assert_string_equal(err.where, "cuda:0");
  long launches = emulate_launches();
  use(s);
  s->be->zero(s->be, s->flat, 16);
  s->be->copy(s->be, numbers_read, s->flat, sizeof numbers_read, TRM__COPY_TO_HOST);
  for (int i = 0; i < 4; i++) assert_true(numbers_read[i] == 0);
  assert_int_equal(emulate_launches(), launches);
  CHECK_FAILS(s->be->synchronize(s->be, &err), expected, err, text);
  trm__weights *w = NULL;
  CHECK_FAILS(s->be->weights_open(s->be, &w, &s->dims, 0, 1, &err), expected, err, text);
  if (s->be->record_begin) CHECK_FAILS(s->be->record_begin(s->be, &err), expected, err, text);
}

static void close_broken(side *s) {
  s->be->weights_close(s->be, &s->w);
  for (int i = 0; i < s->kept_count; i++) s->be->free(s->be, s->kept[i]);
  trm__backend_close(&s->be);
  trm__pool_close(&s->pool);
  emulate_reset();
}

static void open_small(side *s, const char *device) {
  trm__dims dims = dims_of(&small, 0);
  open_side(s, device);
  open_weights(s, &dims, 0, 1);
  for (int i = 0; i < 2; i++) (void)keep(s, 64 * sizeof(trm__real));
  use(s);
  synchronize(s);
}

static trm__act *last(side *s) {
  return s->kept[s->kept_count - 1];
}

static void a_launch_is_refused(void **state) {
  (void)state;
  side s;
  open_small(&s, "cuda");
  emulate_fail_launch("", 2, cudaErrorInvalidConfiguration);
  use(&s);
  check_broken(&s, TRM_E_INTERNAL, "kernel ");
  close_broken(&s);
}

/* Without check the message says how to find the kernel, with it which one it is. */
static void a_kernel_faults(void **state) {
  (void)state;
  for (int check = 0; check < 2; check++) {
    side s;
    open_small(&s, check ? "cuda:0,check" : "cuda");
    emulate_fault_kernel("", 1, cudaErrorIllegalAddress);
    for (int i = 0; i < 2; i++) s.be->accumulate(s.be, 1, s.w, last(&s), last(&s));
    check_broken(&s, TRM_E_INTERNAL, check ? "threads" : ",check");
    close_broken(&s);
  }
}

static void a_card_is_lost(void **state) {
  (void)state;
  for (long n = 1; n < 12; n++) {
    side s;
    trm_error err = {0};
    open_small(&s, "cuda");
    trm__real x[64] = {0};
    trm__act *out = last(&s), *in = s.kept[s.kept_count - 2];
    emulate_lose_device(n, cudaErrorDevicesUnavailable);
    for (int i = 0; i < 5; i++) s.be->inject(s.be, 1, s.w, out, out, in, NULL);
    s.be->copy(s.be, in, x, sizeof x, TRM__COPY_TO_DEVICE);
    s.be->copy(s.be, out, in, sizeof x, TRM__COPY_ON_DEVICE);
    while (!s.be->synchronize(s.be, &err)) continue;
    check_broken(&s, TRM_E_IO, "checkpoints stand");
    close_broken(&s);
  }
}

static void recording_fails(void **state) {
  (void)state;
  side s;
  trm_error err = {0};
  trm__recording *recording = NULL;
  open_small(&s, "cuda");
  CHECK_FAILS(s.be->record_end(s.be, &recording, &err), TRM_E_INTERNAL, err, "not begun");
  CHECK_OK(s.be->record_begin(s.be, &err), err);
  CHECK_FAILS(s.be->record_begin(s.be, &err), TRM_E_INTERNAL, err, "inside another");
  emulate_fail_launch("", 1, cudaErrorInvalidConfiguration);
  s.be->zero(s.be, s.flat, 16);
  s.be->sum_squares(s.be, s.flat, 4);
  CHECK_FAILS(s.be->record_end(s.be, &recording, &err), TRM_E_INTERNAL, err, NULL);
  assert_null(recording);
  close_broken(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(no_card),
      cmocka_unit_test(cards_are_listed),
      cmocka_unit_test(capabilities),
      cmocka_unit_test(a_launch_is_refused),
      cmocka_unit_test(a_kernel_faults),
      cmocka_unit_test(a_card_is_lost),
      cmocka_unit_test(recording_fails),
  };
  return cmocka_run_group_tests_name("cuda faults", tests, NULL, NULL);
}

#else

int main(void) {
  puts("a real card does not fail when it is told to");
  return 77;
}

#endif
