/* What is different when a device other than the CPU is measured: its ceilings come from the peer (PyTorch's matrix
 * product is the vendor's library; a copy within its memory), and how a case is judged by them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

static int by_peer(const bench *b) {
  return b->device != NULL;
}

int bench_ceiling(bench *b, number_type type, ceiling_run *run, pytorch_case *torch, contestant *c) {
  if (!by_peer(b)) {
    *c = ceiling_contestant(run, ceiling_of(type, b->kernels), bench_pool(b));
    return 1;
  }
  if (!b->torch) return 0;
  *torch = (pytorch_case){.peer = b->torch, .dtype = type == TYPE_FLOAT32 ? "float32" : "bfloat16"};
  *c = pytorch_product(torch);
  return 1;
}

int bench_wants(const bench *b, const char *preset) {
  size_t length = strlen(preset);
  for (const char *p = b->presets; p && *p; p += strcspn(p, ","), p += *p == ',')
    if (strcspn(p, ",") == length && strncmp(p, preset, length) == 0) return 1;
  return !b->presets;
}

static void add(bench *b, const char *what, const char *type, const contestant *c, double scale, const char *unit) {
  measured m;
  table_progress(&b->table, "%s", what);
  measure_in_turn(c, 1, &b->kernel_budget, &m);
  if (isnan(m.rate)) return;
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s", what);
  r.type = type;
  r.rate = scale * m.rate;
  r.unit = unit;
  table_add(&b->table, &r);
}

/* On a host's device memory is copied by the peer on the CPU, which says little; it only runs there in tests. */
void bench_device_ceilings(bench *b) {
  static const number_type types[] = {TYPE_BFLOAT16, TYPE_FLOAT32};
  int on_cpu = strcmp(b->device, "cpu") == 0;
  table_section(&b->table, "ceilings of the device", b->torch ? "PyTorch's product and copy" : "NO PyTorch: none");
  for (int i = on_cpu; b->torch && i < 2; i++) { /* PyTorch for CPUs may have no bf16 */
    ceiling_run unused;
    pytorch_case storage;
    contestant c;
    if (bench_ceiling(b, types[i], &unused, &storage, &c))
      add(b, i ? "matrix product, TF32 allowed" : "matrix product", type_name(types[i]), &c, 1e-9, "GFLOP/s");
  }
  pytorch_case storage = {.peer = b->torch};
  if (b->torch) {
    contestant c = pytorch_copy(&storage, on_cpu ? (size_t)1 << 20 : (size_t)256 << 20);
    add(b, "copying, read and written", "", &c, 1e-9, "GB/s");
  }
}
