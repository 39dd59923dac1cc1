/* A schedule of cycles: refused with a reason and nothing written, or phases that ascend from 0 with the numbers that
 * scanf reads in the text, of which each update of a run gets one and never an earlier one than the update before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/cycles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void check_phases(const trm__cycles *c, const char *text, const trm_model_config *model) {
  require(c->count >= 1 && c->count <= TRM__CYCLES_PHASES && c->phase[0].from == 0);
  for (int i = 0; i < c->count; i++) {
    const trm__phase *p = &c->phase[i];
    double from;
    int n, T, length = 0;
    require(p->n >= 1 && p->n <= model->L_cycles && p->T >= 1 && p->T <= 1024);
    require(i == 0 || (p->from > p[-1].from && p->from <= 1));
    if (*text == 0) continue; /* the model's own */
    require(sscanf(text, "%lf:%dx%d%n", &from, &n, &T, &length) == 3);
    require(from == p->from && n == p->n && T == p->T);
    text += length;
    require(*text == (i + 1 < c->count ? ',' : 0));
    text += *text == ',';
  }
}

static void check_updates(const trm__cycles *c, int64_t updates) {
  int at = 0;
  for (int64_t t = 1; t <= updates + 1; t += updates / 64 + 1) {
    trm__phase phase = trm__cycles_at(c, t, updates);
    while (at < c->count && memcmp(&phase, &c->phase[at], sizeof phase) != 0) at++;
    require(at < c->count);
  }
  trm__phase last = trm__cycles_at(c, updates + 1, updates);
  require(memcmp(&last, &c->phase[c->count - 1], sizeof last) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = trm__calloc(size + 1, 1);
  trm_model_config model = trm_model_config_default();
  trm__cycles cycles, untouched;
  trm_error err = {0};
  if (!text) abort();
  if (size > 0) memcpy(text, data, size);
  memset(&cycles, 0xa5, sizeof cycles);
  untouched = cycles;
  if (!trm__cycles_parse(&cycles, text, &model, &err)) {
    check_phases(&cycles, text, &model);
    check_updates(&cycles, 1);
    check_updates(&cycles, 1000);
    check_updates(&cycles, INT64_C(1) << 50);
  } else {
    require(err.code == TRM_E_USAGE && err.message[0] && err.where[0]);
    require(memcmp(&cycles, &untouched, sizeof cycles) == 0);
  }
  trm__free(text);
  return 0;
}
