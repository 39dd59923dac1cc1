/* The emulated device itself: what it computes together, that it is as late as it may be, and that it finds faults. */
#include "check.h"

#include "cuda_runtime_api.h"
#include "emulate_control.h"

#include "cuda/emulate_kernels.h"

static trm__cuda_queue queue(void) {
  return (trm__cuda_queue){.sms = 4, .capability = 90};
}

static int reversed(const int *in, const int *out, int blocks, int threads) {
  for (int b = 0; b < blocks; b++)
    for (int i = 0; i < threads; i++)
      if (out[b * threads + i] != in[b * threads + threads - 1 - i]) return 0;
  return 1;
}

static void barriers(void **state) {
  (void)state;
  static int in[4096], out[4096];
  for (int i = 0; i < 4096; i++) in[i] = 7 * i + 1;
  int threads[] = {1, 31, 32, 33, 96, 256, 1000}, without = 0;
  for (uint64_t seed = 1; seed <= 8; seed++) {
    emulate_seed(seed);
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
      trm__cuda_queue q = queue();
      memset(out, 0xee, sizeof out);
      launch_reverse(&q, out, in, 3, threads[t], 1);
      assert_int_equal(q.fault, 0);
      assert_true(reversed(in, out, 3, threads[t]));
      memset(out, 0xee, sizeof out);
      launch_reverse(&q, out, in, 3, threads[t], 0);
      if (threads[t] >= 31) without += !reversed(in, out, 3, threads[t]);
    }
  }
  assert_true(without >= 40); /* of 48 */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(barriers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
