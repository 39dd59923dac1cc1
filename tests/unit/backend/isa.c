/* An instruction set from outside, all of it in this file: "toy" offers a norm, wants a permission and a state of its
 * thread; "toy8" needs toy and offers an int8 product whose panels are narrower than those of the vector sets. */
#include "unit/backend/support.h"

#include <stdatomic.h>

/* -- the set ------------------------------------------------------------------------------------------------------- */

static int toy_refuses, toy8_refuses;
static int toy_asked, toy8_asked, slow_asked;
static atomic_int toy_calls, toy8_calls, toy_outside; /* outside: calls by a thread that had not entered */
static atomic_int toy_entered, toy_left, toy_twice; /* twice: enters of a thread that was inside, or leaves of others */
static _Thread_local int toy_inside;

static int toy_permit(char *why) {
  toy_asked++;
  if (toy_refuses) snprintf(why, TRM__ISA_WHY, "no toys here");
  return !toy_refuses;
}
static int toy8_permit(char *why) {
  toy8_asked++;
  if (toy8_refuses) snprintf(why, TRM__ISA_WHY, "too many numbers");
  return !toy8_refuses;
}
static int slow_permit(char *why) {
  (void)why;
  slow_asked++;
  return 1;
}

static void toy_enter(void) {
  if (toy_inside++) atomic_fetch_add(&toy_twice, 1);
  atomic_fetch_add(&toy_entered, 1);
}
static void toy_leave(void) {
  if (--toy_inside) atomic_fetch_add(&toy_twice, 1);
  atomic_fetch_add(&toy_left, 1);
}

static void toy_rms_rows(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps,
                         int round) {
  atomic_fetch_add(&toy_calls, 1);
  if (!toy_inside) atomic_fetch_add(&toy_outside, 1);
  trm__offer_ref.kernels.rms_rows(y, inv_rms, x, rows, cols, eps, round);
}

static void toy8_gemm(const trm__gemm *g) {
  atomic_fetch_add(&toy8_calls, 1);
  if (!toy_inside) atomic_fetch_add(&toy_outside, 1);
  trm__offer_ref.kernels.product[TRM_INT8]->gemm(g);
}

/* -- its table ----------------------------------------------------------------------------------------------------- */

static trm__product toy8_product;
static trm__offer toy_offer, toy8_offer, slow_offer;
static trm__isa lines[TRM__ISA_MOST];

/* The library's lines; "slow", with the best norm of these, which toy does better; toy and toy8. */
static void open_table(trm__isa_table *table) {
  const trm__isa_table *built_in = trm__isa_table_built_in();
  int count = built_in->count;
  memcpy(lines, built_in->line, (size_t)count * sizeof *lines);
  toy8_product = *trm__offer_ref.kernels.product[TRM_INT8];
  toy8_product.gemm = toy8_gemm;
  toy_offer =
      (trm__offer){.kernels.rms_rows = toy_rms_rows, .permit = toy_permit, .enter = toy_enter, .leave = toy_leave};
  toy8_offer = (trm__offer){.kernels.product = {[TRM_INT8] = &toy8_product}, .permit = toy8_permit};
  slow_offer = (trm__offer){.kernels.rms_rows = isa_kernels("auto")->rms_rows, .permit = slow_permit};
  lines[count++] = (trm__isa){.name = "slow", .offer = &slow_offer};
  lines[count++] = (trm__isa){.name = "toy", .offer = &toy_offer};
  lines[count++] = (trm__isa){.name = "toy8", .needs = "toy", .types = TRM__ISA_TYPE(TRM_INT8), .offer = &toy8_offer};
  trm__isa_table_open(table, lines, count);
  toy_refuses = toy8_refuses = toy_asked = toy8_asked = slow_asked = 0;
  atomic_store(&toy_calls, 0), atomic_store(&toy8_calls, 0), atomic_store(&toy_outside, 0);
  atomic_store(&toy_entered, 0), atomic_store(&toy_left, 0), atomic_store(&toy_twice, 0);
}

static int line_of(const trm__isa_table *table, const char *name) {
  int i = 0;
  while (strcmp(table->line[i].name, name) != 0) i++;
  return i;
}

static void open_choice(bench *t, trm__isa_table *table, const char *names, int threads) {
  trm__isa_choice choice;
  memset(t, 0, sizeof *t);
  assert_int_equal(trm__isa_choose(&choice, table, names, NULL), TRM_OK);
  assert_int_equal(trm__pool_open(&t->pool, threads, NULL), TRM_OK);
  assert_int_equal(trm__backend_cpu(&t->be, &choice, t->pool, NULL), TRM_OK);
}

enum { B = 9 };

static trm__dims dims_of(int int8) {
  trm__dims dims = make_dims(0, 11, 2, 40, 2, 5, TRM_POS_ROPE);
  dims.int8 = int8;
  return dims;
}

/* What is computed on seeded input: attention, and then the channel MLP, whose activation differs in the last bits from
 * plain C to vectors. */
enum { ATTENTION = 1, LAYER = 2 };

/* The caller frees. */
static trm__real *forward(bench *t, int int8, int blocks) {
  const trm__dims dims = dims_of(int8);
  open_weights(t, &dims, 0, B);
  size_t n = state_size(&dims, B);
  trm__real *x = numbers(n, 3, 1), *out = numbers(n, 0, 0);
  t->be->mix_forward(t->be, t->w, 0, B, (const trm__act *)x, (trm__act *)out, NULL, 0);
  if (blocks == LAYER) t->be->mlp_forward(t->be, t->w, 0, B, (const trm__act *)out, (trm__act *)out, NULL, 0);
  trm__free(x);
  return out;
}

static trm__real *blocks_of(trm__isa_table *table, const char *names, int int8, int blocks) {
  bench t;
  open_choice(&t, table, names, 3);
  trm__real *out = forward(&t, int8, blocks);
  close_bench(&t);
  return out;
}

static trm__real *forward_of(trm__isa_table *table, const char *names, int int8) {
  return blocks_of(table, names, int8, LAYER);
}

static void check_hooks(void) {
  assert_int_equal(atomic_load(&toy_entered), atomic_load(&toy_left));
  assert_int_equal(atomic_load(&toy_outside), 0);
  assert_int_equal(atomic_load(&toy_twice), 0);
  assert_int_equal(toy_inside, 0);
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static void asked_once_when_first_used(void **state) {
  (void)state;
  trm__isa_table table;
  trm__isa_choice choice;
  char text[256];
  open_table(&table);
  assert_int_equal(trm__isa_choose(&choice, &table, "auto", NULL), TRM_OK);
  trm__isa_name(&choice, text);
  assert_non_null(strstr(text, "toy8"));
  trm__isa_available(&table, text, sizeof text);
  assert_non_null(strstr(text, " toy toy8"));
  trm__free(forward_of(&table, "ref", 1));
  assert_int_equal(toy_asked + toy8_asked + slow_asked, 0);
  trm__free(forward_of(&table, "auto", 0));
  assert_int_equal(toy_asked, 1);
  assert_int_equal(toy8_asked, 0); /* not of this type */
  bench t;
  const trm__dims dims = dims_of(1);
  open_choice(&t, &table, "auto", 1);
  assert_true(t.be->weights_bytes(t.be, &dims, 0, B) > 0);
  assert_int_equal(toy8_asked, 1);
  close_bench(&t);
  for (int i = 0; i < 3; i++) trm__free(forward_of(&table, i ? "auto" : "toy8", 1));
  assert_int_equal(toy_asked, 1);
  assert_int_equal(toy8_asked, 1);
  assert_int_equal(slow_asked, 0); /* nothing of it is ever the best */
}

static void the_next_best_takes_over(void **state) {
  (void)state;
  trm__isa_table table;
  trm__isa_choice choice;
  char text[256], why[TRM__ISA_WHY];
  open_table(&table);
  int toy = line_of(&table, "toy");
  toy_refuses = 1;
  for (int i = 0; i < 3; i++) {
    trm__real *with = forward_of(&table, i ? "auto" : "toy8+toy", i % 2), *without = NULL;
    without = forward_of(trm__isa_table_built_in(), i ? "auto" : "ref", i % 2);
    assert_memory_equal(with, without, state_size(&(trm__dims){.L = 13, .D = 40}, B) * sizeof *with);
    trm__free(with), trm__free(without);
  }
  assert_int_equal(atomic_load(&toy_calls) + atomic_load(&toy8_calls), 0);
  assert_int_equal(atomic_load(&toy_entered), 0);
  assert_int_equal(toy_asked, 1);
  assert_int_equal(toy8_asked, 0); /* what it needs is refused already */
  assert_int_equal(slow_asked, 1); /* the next best norm */
  trm__isa_why_not(&table, toy, why);
  assert_string_equal(why, "no toys here");
  trm__isa_why_not(&table, line_of(&table, "toy8"), why);
  assert_string_equal(why, "needs toy");
  trm__isa_why_not(&table, 0, why);
  assert_string_equal(why, "");
  trm__isa_available(&table, text, sizeof text);
  assert_null(strstr(text, "toy"));
  assert_int_equal(trm__isa_choose(&choice, &table, "auto", NULL), TRM_OK);
  trm__isa_name(&choice, text);
  assert_null(strstr(text, "toy"));
}

/* Of sets that need each other the one that is allowed stays. */
static void a_part_can_be_refused(void **state) {
  (void)state;
  trm__isa_table table;
  char why[TRM__ISA_WHY];
  open_table(&table);
  toy8_refuses = 1;
  trm__free(forward_of(&table, "auto", 1));
  assert_int_equal(atomic_load(&toy8_calls), 0);
  assert_true(atomic_load(&toy_calls) > 0);
  trm__isa_ask(&table, line_of(&table, "toy8")); /* as the list for users does */
  assert_int_equal(toy8_asked, 1);
  trm__isa_why_not(&table, line_of(&table, "toy8"), why);
  assert_string_equal(why, "too many numbers");
  check_hooks();
}

/* The norm is plain C's, so that alone it gives plain C's bits; int8 sums are exact, so that without an
 * activation the product in panels of its own gives the bits of every other. */
static void results_are_those_without(void **state) {
  (void)state;
  const size_t bytes = state_size(&(trm__dims){.L = 13, .D = 40}, B) * sizeof(trm__real);
  trm__isa_table table;
  open_table(&table);
  for (int int8 = 0; int8 < 2; int8++) {
    trm__real *with = forward_of(&table, int8 ? "toy8" : "toy", int8), *without = forward_of(&table, "ref", int8);
    assert_memory_equal(with, without, bytes);
    trm__free(with), trm__free(without);
  }
  assert_true(atomic_load(&toy_calls) > 0 && atomic_load(&toy8_calls) > 0);
  toy_offer.kernels.rms_rows = NULL; /* only toy8's product is left of it */
  for (int i = 0; isa_at(i); i++) {
    char names[64];
    snprintf(names, sizeof names, "%s+toy8", isa_at(i));
    atomic_store(&toy8_calls, 0);
    trm__real *with = blocks_of(&table, names, 1, ATTENTION), *without = blocks_of(&table, isa_at(i), 1, ATTENTION);
    assert_memory_equal(with, without, bytes);
    assert_true(atomic_load(&toy8_calls) > 0);
    trm__free(with), trm__free(without);
  }
  check_hooks();
}

/* A whole layer forward and backward, heads and an update of puzzle rows. */
static void train(bench *t) {
  const trm__dims dims = dims_of(0);
  size_t n = state_size(&dims, B), mix = t->be->mix_saved_bytes(t->be, &dims, B, 0);
  open_weights(t, &dims, 1, B);
  trm__real *x = numbers(n, 3, 1), *y = numbers(n, 0, 0), *d = numbers(n, 4, 1), *rows = numbers(40, 0, 1);
  void *saved = trm__calloc(mix + t->be->mlp_saved_bytes(t->be, &dims, B, 0), 1);
  const int32_t ids[] = {1, 0, 1};
  trm__update_state update = {.factor = 1};
  assert_non_null(saved);
  t->be->mix_forward(t->be, t->w, 0, B, (trm__act *)x, (trm__act *)y, saved, 0);
  t->be->mix_backward(t->be, t->w, 0, B, (trm__act *)x, (trm__act *)y, saved, 0, (trm__act *)d, &t->grads);
  t->be->mlp_forward(t->be, t->w, 0, B, (trm__act *)x, (trm__act *)y, saved, 0);
  t->be->mlp_backward(t->be, t->w, 0, B, (trm__act *)x, (trm__act *)y, saved, 0, (trm__act *)d, &t->grads);
  int before = atomic_load(&toy_entered);
  t->be->sign_sgd_rows(t->be, &update, rows, 2, 10, rows + 20, ids, 2, 0.1, 0, y);
  assert_int_equal(atomic_load(&toy_entered), before + 1); /* in the caller's thread */
  trm__free(x), trm__free(y), trm__free(d), trm__free(rows), trm__free(saved);
}

static void threads_enter_and_leave(void **state) {
  (void)state;
  trm__isa_table table;
  for (int threads = 1; threads <= 5; threads++) {
    open_table(&table);
    for (int i = 0; i < 4; i++) {
      bench t;
      open_choice(&t, &table, "auto", threads);
      if (i % 2) train(&t);
      else trm__free(forward(&t, i / 2, LAYER));
      close_bench(&t);
      check_hooks();
    }
    assert_true(atomic_load(&toy_calls) > 0 && atomic_load(&toy_entered) > 0);
  }
}

static void pairs_nest(void **state) {
  (void)state;
  trm__isa_table table;
  trm__isa_choice choice;
  trm__kernels kernels, plain;
  open_table(&table);
  assert_int_equal(trm__isa_choose(&choice, &table, "toy", NULL), TRM_OK);
  trm__isa_kernels(&kernels, &choice, TRM__ISA_ALL_TYPES);
  assert_int_equal(trm__isa_choose(&choice, &table, "ref", NULL), TRM_OK);
  trm__isa_kernels(&plain, &choice, TRM__ISA_ALL_TYPES);
  assert_true(trm__isa_has_hooks(&kernels) && !trm__isa_has_hooks(&plain));
  trm__isa_enter(&kernels);
  trm__isa_enter(&plain);
  trm__isa_enter(&kernels);
  assert_int_equal(toy_inside, 1);
  trm__isa_leave(&kernels);
  assert_int_equal(toy_inside, 1);
  trm__isa_leave(&plain);
  trm__isa_leave(&kernels);
  assert_int_equal(atomic_load(&toy_entered), 1);
  check_hooks();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asked_once_when_first_used), cmocka_unit_test(the_next_best_takes_over),
      cmocka_unit_test(a_part_can_be_refused),      cmocka_unit_test(results_are_those_without),
      cmocka_unit_test(threads_enter_and_leave),    cmocka_unit_test(pairs_nest),
  };
  return cmocka_run_group_tests_name("backend isa", tests, NULL, NULL);
}
