/* Text and JSON of the benchmark's table (table.h). */
#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

row row_empty(void) {
  return (row){.type = "",
               .unit = "",
               .rate = NAN,
               .share = NAN,
               .plain_c = NAN,
               .onednn = NAN,
               .torch = NAN,
               .torch_f32 = NAN,
               .one_thread = NAN};
}

void table_open(table *t) {
  *t = (table){.sections = json_array(), .on_terminal = isatty(STDERR_FILENO), .start = measure_wall_clock()};
}

static void clear_progress(const table *t) {
  if (t->on_terminal) fputs("\r\033[K", stderr);
  fflush(stderr);
}

void table_title(table *t, const char *title) {
  clear_progress(t);
  printf("%s\n\n%-52s %-4s %3s %9s %-8s %7s %7s %7s %7s %7s %7s\n", title, "", "type", "thr", "rate", "", "ceiling",
         "plain C", "oneDNN", "PyTorch", "its f32", "1 thr");
  fflush(stdout);
}

void table_section(table *t, const char *name, const char *remark) {
  json_t *section = json_pack("{s:s, s:s, s:[]}", "section", name, "remark", remark, "rows");
  t->rows = json_object_get(section, "rows");
  json_array_append_new(t->sections, section);
  clear_progress(t);
  printf("%s%s%s%s%s\n", t->rows_printed ? "\n" : "", name, *remark ? " (" : "", remark, *remark ? ")" : "");
  fflush(stdout);
}

static void print_ratio(double ratio) {
  if (isnan(ratio)) printf(" %7s", "-");
  else printf(ratio < 0.995 || ratio >= 9.95 ? " %7.3g" : " %7.2f", ratio);
}

static void print_row(const row *r) {
  printf("  %-50s %-4s ", r->what, r->type);
  if (r->threads) printf("%3d ", r->threads);
  else printf("%3s ", "");
  printf(r->rate >= 100 ? "%9.0f %-8s" : r->rate < 1 ? "%9.3f %-8s" : "%9.1f %-8s", r->rate, r->unit);
  if (isnan(r->share)) printf(" %7s", "-");
  else printf(" %5.1f %%", 100 * r->share);
  print_ratio(r->plain_c), print_ratio(r->onednn), print_ratio(r->torch), print_ratio(r->torch_f32);
  print_ratio(r->one_thread);
  printf("%s%s\n", *r->note ? "  " : "", r->note);
  fflush(stdout);
}

static void set_number(json_t *object, const char *key, double value) {
  if (isfinite(value)) json_object_set_new(object, key, json_real(value));
}

static json_t *row_json(const row *r) {
  json_t *j = json_pack("{s:s, s:s}", "what", r->what, "unit", r->unit);
  if (*r->type) json_object_set_new(j, "type", json_string(r->type));
  if (r->threads) json_object_set_new(j, "threads", json_integer(r->threads));
  set_number(j, "rate", r->rate);
  set_number(j, "share_of_ceiling", r->share);
  set_number(j, "ratio_to_plain_c", r->plain_c);
  set_number(j, "ratio_to_onednn", r->onednn);
  set_number(j, "ratio_to_pytorch", r->torch);
  set_number(j, "ratio_to_pytorch_f32", r->torch_f32);
  set_number(j, "ratio_to_one_thread", r->one_thread);
  for (int i = 0; i < 6 && r->name_of[i]; i++) set_number(j, r->name_of[i], r->more[i]);
  if (*r->note) json_object_set_new(j, "note", json_string(r->note));
  return j;
}

void table_add(table *t, const row *r) {
  clear_progress(t);
  print_row(r);
  json_array_append_new(t->rows, row_json(r));
  t->rows_printed++;
}

void table_progress(table *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  clear_progress(t);
  fprintf(stderr, "[%4.0f s] ", measure_wall_clock() - t->start);
  vfprintf(stderr, format, arguments);
  if (!t->on_terminal) fputc('\n', stderr);
  fflush(stderr);
  va_end(arguments);
}

void table_remark(table *t, const char *format, ...) {
  char text[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  clear_progress(t);
  printf("  %s\n", text);
  json_t *section = json_array_get(t->sections, json_array_size(t->sections) - 1);
  json_t *notes = json_object_get(section, "notes");
  if (!notes) json_object_set_new(section, "notes", notes = json_array());
  json_array_append_new(notes, json_string(text));
}

json_t *table_close(table *t) {
  json_t *sections = t->sections;
  clear_progress(t);
  t->sections = NULL;
  return sections;
}
