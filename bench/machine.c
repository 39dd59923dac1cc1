/* The machine, the build and the settings of a table, and its first section: what the machine can do. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/os/machine.h"
#include "bench.h"
#include "onednn.h"

/* The value of a line "key : value" of a file; "" when there is none. */
static void line_of(const char *path, const char *key, char *value, size_t size) {
  char line[512];
  FILE *f = fopen(path, "r");
  value[0] = 0;
  while (f && !value[0] && fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, key, strlen(key)) != 0 || !colon) continue;
    snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
    value[strcspn(value, "\n")] = 0;
  }
  if (f) fclose(f);
}

static void processor(char *name, size_t size) {
  char family[16], model[16], text[200];
  line_of("/proc/cpuinfo", "model name", text, sizeof text);
  line_of("/proc/cpuinfo", "cpu family", family, sizeof family);
  line_of("/proc/cpuinfo", "model\t", model, sizeof model);
  struct utsname u;
  if (!text[0]) snprintf(text, sizeof text, "%s", uname(&u) ? "unknown processor" : u.machine);
  if (family[0]) snprintf(name, size, "%s (family %s, model %s)", text, family, model);
  else snprintf(name, size, "%s", text);
}

static const char *compiler(void) {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

static const char *mode_name(bench_mode mode) {
  static const char *const names[] = {"full", "quick", "tiny: the numbers mean nothing"};
  return names[mode];
}

static void today(char *text, size_t size) {
  time_t now = time(NULL);
  struct tm t;
  strftime(text, size, "%Y-%m-%d", gmtime_r(&now, &t));
}

static void peers(const bench *b, char *text, size_t size) {
  const char *library = onednn_version();
  if (!library && !b->torch) snprintf(text, size, "NO RATIOS to oneDNN and PyTorch: tools/setup --bench installs them");
  else if (!library)
    snprintf(text, size, "peer %s; NO RATIOS to oneDNN: it was not there at build time", pytorch_describe(b->torch));
  else if (!b->torch) snprintf(text, size, "peer %s; NO RATIOS to PyTorch: no Python here imports it", library);
  else snprintf(text, size, "peers %s, %s", library, pytorch_describe(b->torch));
}

void bench_title(const bench *b, char *text, size_t size) {
  char name[300], names[500], date[16];
  processor(name, sizeof name);
  peers(b, names, sizeof names);
  today(date, sizeof date);
  cache_sizes c = cache_sizes_read();
  trm_runtime_info runtime = trm_runtime_describe(b->all);
  snprintf(text, size,
           "trm %s, %s, device %s, %s; %d threads; caches %zu KiB, %zu KiB, %zu MiB\n%s; kernels %s (machine: %s); "
           "mode %s; medians, "
           "all in turn\n%s\nratios over 1: trm is faster",
           trm_version(), date, runtime.device, name, b->threads, c.l1 >> 10, c.l2 >> 10, c.l3 >> 20, compiler(),
           b->kernels->isa, runtime.available, mode_name(b->mode), names);
}

json_t *bench_machine(const bench *b) {
  char name[300], flags[2000], date[16];
  processor(name, sizeof name);
  line_of("/proc/cpuinfo", "flags", flags, sizeof flags);
  today(date, sizeof date);
  cache_sizes c = cache_sizes_read();
  trm_runtime_info runtime = trm_runtime_describe(b->all);
  json_t *report = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "trm", trm_version(), "date", date, "mode",
                             mode_name(b->mode), "compiler", compiler(), "threads", b->threads, "kernels",
                             b->kernels->isa, "kernels_available", runtime.available);
  json_t *machine = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:s}", "processor", name, "cores", trm__cores(),
                              "l1_bytes", (json_int_t)c.l1, "l2_bytes", (json_int_t)c.l2, "l3_bytes", (json_int_t)c.l3,
                              "memory_bytes", (json_int_t)trm__memory_total(), "flags", flags);
  json_object_set_new(report, "machine", machine);
  json_object_set_new(report, "device", json_string(runtime.device));
  json_object_set_new(report, "onednn", onednn_version() ? json_string(onednn_version()) : json_null());
  json_object_set_new(report, "pytorch", b->torch ? json_string(pytorch_describe(b->torch)) : json_null());
  return report;
}

/* -- the first section --------------------------------------------------------------------------------------------- */

static void arithmetic(bench *b, const ceiling *c) {
  ceiling_run run, run_all;
  measured m[2];
  contestant all[] = {ceiling_contestant(&run_all, c, b->all->pool), ceiling_contestant(&run, c, NULL)};
  table_progress(&b->table, "%s", c->name);
  measure_in_turn(all, 2, &b->kernel_budget, m);
  for (int threads = 0; threads < (b->threads > 1 ? 2 : 1); threads++) {
    row r = row_empty();
    snprintf(r.what, sizeof r.what, "%s, registers", c->name);
    r.type = type_name(c->type);
    r.threads = threads ? b->threads : 1;
    r.rate = 1e-9 * m[!threads].rate;
    r.unit = c->type == TYPE_INT8 ? "GOP/s" : "GFLOP/s";
    if (threads) r.one_thread = m[1].relative;
    table_add(&b->table, &r);
  }
}

static void bandwidth(bench *b, const char *name, size_t bytes) {
  reading one, all;
  table_progress(&b->table, "reading from %s", name);
  size_t share = b->threads > 1 && strcmp(name, "L2") != 0 ? bytes / (size_t)b->threads : bytes;
  int ok = reading_open(&one, b->one->pool, bytes);
  ok = reading_open(&all, b->all->pool, share) && ok;
  contestant contestants[] = {reading_contestant(&all), reading_contestant(&one)};
  measured m[2];
  if (ok) measure_in_turn(contestants, 2, &b->kernel_budget, m);
  for (int threads = 0; ok && threads < (b->threads > 1 ? 2 : 1); threads++) {
    row r = row_empty();
    snprintf(r.what, sizeof r.what, "reading from %s, %.1f MiB%s", name, (double)(threads ? share : bytes) * 0x1p-20,
             b->threads > 1 && threads ? " a thread" : "");
    r.threads = threads ? b->threads : 1;
    r.rate = 1e-9 * m[!threads].rate;
    r.unit = "GB/s";
    if (threads) r.one_thread = m[1].relative;
    table_add(&b->table, &r);
  }
  reading_close(&one);
  reading_close(&all);
}

/* L3: more than L2 holds, less than half of the cache. Memory: several times the largest cache. */
void bench_ceilings(bench *b) {
  cache_sizes c = cache_sizes_read();
  table_section(&b->table, "ceilings", "measured now");
  for (size_t i = 0; i < ceilings_count(); i++) arithmetic(b, ceilings_at(i));
  if (!c.l2) c.l2 = (size_t)512 << 10;
  size_t threads = (size_t)b->threads, l3 = c.l3 / 2 < 16 * c.l2 * threads ? c.l3 / 2 : 16 * c.l2 * threads;
  size_t memory = 4 * (c.l3 > c.l2 ? c.l3 : c.l2);
  if (memory > (size_t)512 << 20) memory = (size_t)512 << 20;
  bandwidth(b, "L2", c.l2 / 2);
  if (l3 > 2 * c.l2 * threads) bandwidth(b, "L3", l3);
  bandwidth(b, "memory", b->mode == MODE_TINY ? (size_t)8 << 20 : memory);
}
