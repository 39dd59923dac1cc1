/* oneDNN through its C API (onednn.h). */
#include "onednn.h"

#ifdef TRM_BENCH_ONEDNN

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openmp.h"

struct onednn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t product;
  dnnl_memory_t a, b, c;
  int threads;
  double operations;
};

const char *onednn_version(void) {
  static char text[40];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

static const dnnl_data_type_t types_a[] = {dnnl_f32, dnnl_bf16, dnnl_u8};
static const dnnl_data_type_t types_b[] = {dnnl_f32, dnnl_bf16, dnnl_s8};
static const dnnl_data_type_t types_c[] = {dnnl_f32, dnnl_bf16, dnnl_s32};

/* Rows of a plain matrix. */
static dnnl_memory_desc_t plain(dnnl_data_type_t type, int rows, int cols, int transposed) {
  dnnl_memory_desc_t md;
  dnnl_dims_t dims = {rows, cols}, strides = {transposed ? 1 : cols, transposed ? rows : 1};
  dnnl_memory_desc_init_by_strides(&md, 2, dims, type, strides);
  return md;
}

/* Small numbers other than zero, of any of the types. */
static void fill(dnnl_memory_t memory, dnnl_data_type_t type) {
  void *data;
  const dnnl_memory_desc_t *md;
  dnnl_memory_get_data_handle(memory, &data);
  dnnl_memory_get_memory_desc(memory, &md);
  size_t bytes = dnnl_memory_desc_get_size(md);
  for (size_t i = 0; type == dnnl_f32 && i < bytes / sizeof(float); i++) ((float *)data)[i] = 0.01F * (float)(i % 13);
  for (size_t i = 0; type == dnnl_bf16 && i < bytes / 2; i++)
    ((unsigned short *)data)[i] = (unsigned short)(0x3c00 + i % 13);
  if (type == dnnl_u8 || type == dnnl_s8)
    for (size_t i = 0; i < bytes; i++) ((unsigned char *)data)[i] = (unsigned char)(i % 13);
}

static int is_reference(const_dnnl_primitive_desc_t pd) {
  const char *name = NULL;
  dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
  return !name || strstr(name, "ref");
}

static dnnl_primitive_desc_t describe(onednn *p, number_type type, int m, int n, int k, int a_transposed) {
  dnnl_memory_desc_t a = plain(types_a[type], m, k, a_transposed), b, c = plain(types_c[type], m, n, 0);
  dnnl_dims_t b_dims = {k, n};
  dnnl_matmul_desc_t description;
  dnnl_primitive_desc_t pd = NULL;
  if (dnnl_memory_desc_init_by_tag(&b, 2, b_dims, types_b[type], dnnl_format_tag_any) ||
      dnnl_matmul_desc_init(&description, &a, &b, NULL, &c) ||
      dnnl_primitive_desc_create(&pd, &description, NULL, p->engine, NULL))
    return NULL;
  if (!is_reference(pd)) return pd;
  dnnl_primitive_desc_destroy(pd);
  return NULL;
}

static int memories(onednn *p, const_dnnl_primitive_desc_t pd, number_type type) {
  const dnnl_memory_desc_t *a = dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0);
  const dnnl_memory_desc_t *b = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
  const dnnl_memory_desc_t *c = dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0);
  if (dnnl_memory_create(&p->a, a, p->engine, DNNL_MEMORY_ALLOCATE) ||
      dnnl_memory_create(&p->b, b, p->engine, DNNL_MEMORY_ALLOCATE) ||
      dnnl_memory_create(&p->c, c, p->engine, DNNL_MEMORY_ALLOCATE))
    return 0;
  fill(p->a, types_a[type]);
  fill(p->b, types_b[type]);
  return 1;
}

onednn *onednn_open(number_type type, int m, int n, int k, int a_transposed, int threads) {
  onednn *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->threads = threads;
  p->operations = 2.0 * m * n * k;
  openmp_set_threads(threads); /* it plans for as many */
  dnnl_primitive_desc_t pd = NULL;
  int ready = !dnnl_engine_create(&p->engine, dnnl_cpu, 0) &&
              !dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) &&
              (pd = describe(p, type, m, n, k, a_transposed)) && !dnnl_primitive_create(&p->product, pd) &&
              memories(p, pd, type);
  if (pd) dnnl_primitive_desc_destroy(pd);
  if (!ready) onednn_close(&p);
  return p;
}

void onednn_close(onednn **handle) {
  onednn *p = *handle;
  if (!p) return;
  if (p->a) dnnl_memory_destroy(p->a);
  if (p->b) dnnl_memory_destroy(p->b);
  if (p->c) dnnl_memory_destroy(p->c);
  if (p->product) dnnl_primitive_destroy(p->product);
  if (p->stream) dnnl_stream_destroy(p->stream);
  if (p->engine) dnnl_engine_destroy(p->engine);
  free(p);
  *handle = NULL;
}

static double seconds(void *context, int runs) {
  onednn *p = context;
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->b}, {DNNL_ARG_DST, p->c}};
  int failed = 0;
  openmp_set_threads(p->threads);
  double (*now)(void) = p->threads == 1 ? measure_thread_clock : measure_wall_clock, start = now();
  for (int r = 0; r < runs; r++) failed |= dnnl_primitive_execute(p->product, p->stream, 3, arguments) != 0;
  dnnl_stream_wait(p->stream);
  return failed ? -1 : now() - start;
}

contestant onednn_contestant(onednn *p) {
  return (contestant){.seconds = seconds, .context = p, .amount = p->operations, .lingers = p->threads > 1};
}

#else

const char *onednn_version(void) {
  return 0;
}

onednn *onednn_open(number_type type, int m, int n, int k, int a_transposed, int threads) {
  (void)type, (void)m, (void)n, (void)k, (void)a_transposed, (void)threads;
  return 0;
}

void onednn_close(onednn **p) {
  (void)p;
}

contestant onednn_contestant(onednn *p) {
  return (contestant){.context = p};
}

#endif
