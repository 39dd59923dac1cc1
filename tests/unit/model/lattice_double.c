/* Gradients of a training pass of the lattice recursion against central differences, in double on the plain C kernels:
 * every number of every tensor that is small, some of the others, through several loops. */
#include "support/lattice_fixture.h"

#define STEP 1e-5

static double value(lattice_fixture *f) {
  double sum = 0;
  trm__real *unused = calloc(f->params.trained, sizeof *unused);
  trm__lattice_prepare(f->net, f->set.flat);
  trm__lattice_train(f->net, &f->batch, unused);
  for (int k = 0; k < f->b; k++)
    sum += f->batch.loss.grad_scale * (f->stats[k].lm_loss + f->batch.loss.conflict_weight * f->stats[k].halt_loss);
  free(unused);
  return sum;
}

static void check_tensor(lattice_fixture *f, const trm__param *p) {
  size_t n = (size_t)p->rows * (size_t)p->cols, stride = n / 24 + 1;
  double largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)f->grads[p->offset + i]));
  assert_true(largest > 0);
  for (size_t i = 0; i < n; i += stride) {
    trm__real *x = &f->set.flat[p->offset + i], middle = *x;
    *x = middle + STEP;
    double above = value(f);
    *x = middle - STEP;
    double slope = (above - value(f)) / (2 * STEP), found = (double)f->grads[p->offset + i];
    *x = middle;
    if (!(fabs(found - slope) <= 1e-6 * largest))
      fail_msg("%s, number %zu: the gradient is %.9g, differences give %.9g (largest %.3g)", p->name, i, found, slope,
               largest);
  }
}

static void gradients_match(void **state) {
  (void)state;
  static const int sides[] = {4, 5}, loops[] = {3, 1};
  for (int i = 0; i < 2; i++) {
    lattice_fixture f;
    trm_model_config config = lattice_config(sides[i], 8, loops[i]);
    lattice_fixture_open(&f, &config, "ref", 2, 3, 1);
    trm__lattice_train(f.net, &f.batch, f.grads);
    for (int k = 0; k < f.params.count; k++) check_tensor(&f, &f.params.item[k]);
    lattice_fixture_close(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_match)};
  return cmocka_run_group_tests_name("lattice_double", tests, NULL, NULL);
}
