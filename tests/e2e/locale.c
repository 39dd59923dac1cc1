/* A program that sets a locale before it uses the library gets the same files as one that does not: the same work is
 * done in one folder in the C locale and in others under German (a decimal comma), Pashto (a decimal point of two
 * bytes) and Turkish (I and i are no pair). Nothing that measures time is compared. */
#include "support/locale.h"

#include <trm/data.h>
#include <trm/train.h>

#include "base/text/json.h"
#include "base/text/numbers.h"
#include "base/text/options.h"

/* What is compared byte by byte, beside metrics.jsonl without its times. */
static const char *const compared[] = {"options.json",
                                       "options.txt",
                                       "run/config.json",
                                       "run/last.safetensors",
                                       "bf16.safetensors",
                                       "curves.svg",
                                       "mine/train/dataset.json",
                                       "mine/task.json",
                                       "mine/train/all__inputs.npy",
                                       "mine/train/all__labels.npy",
                                       "ratings.txt"};

static void work_write(const char *name, const char *text) {
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

/* Options from text with fractions, to JSON and to text. */
static void work_options(void) {
  trm_error err = {0};
  size_t count;
  char text[64];
  const trm_option *table = trm_train_options(&count);
  trm_train_config config = trm_train_config_default();
  CHECK_OK(trm_options_set(table, count, &config, "lr", "0.00125", &err), err);
  CHECK_OK(trm_options_set(table, count, &config, "weight-decay", "2.5e-1", &err), err);
  CHECK_FAILS(trm_options_set(table, count, &config, "lr", "0,1", &err), TRM_E_USAGE, err, "expected a number");
  CHECK_FAILS(trm_options_set(table, count, &config, "lr", "-0.5", &err), TRM_E_USAGE, err, "-0.5");
  json_t *json = trm__options_to_json(table, count, &config);
  CHECK_OK(trm__json_save(json, "options.json", &err), err);
  json_decref(json);
  assert_true(trm_options_get(table, count, &config, "lr", text, sizeof text) > 0);
  work_write("options.txt", text);
}

static void work_import(void) {
  trm_error err = {0};
  char text[64] = "";
  double rating, sum = 0;
  trm_import_config import = trm_import_config_default();
  work_write("mine.csv", "QUIZ,SOLUTION,RATING\n"
                         "1.3.3.1.2.4.4.2.,1234341221434321,1.5\n"
                         "12..34..21..43..,1234341221434321,0.25\n"
                         "..34..12..43..21,1234341221434321,12\n");
  strcpy(import.input, "mine.csv");
  strcpy(import.out, "mine");
  CHECK_OK(trm_data_import(&import, NULL, NULL, NULL, &err), err);
  trm_dataset *dataset = NULL;
  CHECK_OK(trm_dataset_open(&dataset, "mine.csv", "train", NULL, &err), err);
  assert_true(trm_dataset_describe(dataset).has_ratings); /* the header was understood */
  for (int64_t i = 0; i < 3; i++, sum += rating) trm_dataset_example(dataset, i, NULL, NULL, NULL, &rating);
  trm_dataset_close(&dataset);
  trm__real_text(sum, text, sizeof text);
  assert_string_equal(text, "13.75");
  work_write("ratings.txt", text);
}

static void work_train(void) {
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_runtime_config runtime_config = trm_runtime_config_default();
  trm_model_config model = trm_model_config_default();
  trm_train_config train = trm_train_config_default();
  trm_train_result result;
  model.hidden_size = 32;
  model.num_heads = 4;
  model.L_layers = 1;
  model.L_cycles = 2;
  model.H_cycles = 1;
  model.damping = 0.125;
  model.forward_dtype = TRM_FLOAT32;
  strcpy(train.data, "mine");
  strcpy(train.run, "run");
  train.batch = 2;
  train.micro_batch = 2;
  train.steps = 2;
  train.log_every = 1;
  train.lr = 0.00125;
  strcpy(train.cycles_schedule, "0:1x1,0.5:2x1");
  runtime_config.threads = 1;
  CHECK_OK(trm_runtime_open(&runtime, &runtime_config, &err), err);
  CHECK_OK(trm_train_start(runtime, &model, &train, NULL, NULL, &result, &err), err);
  const char *const overrides[] = {"max_minutes", "2.5"};
  CHECK_OK(trm_train_resume(runtime, "run", overrides, 1, NULL, NULL, &result, &err), err); /* reads what was written */
  trm_runtime_close(&runtime);
}

static void work_files(void) {
  trm_error err = {0};
  trm_model *model = NULL;
  const char *const runs[] = {"run"};
  trm_model_conversion what = trm_model_conversion_default();
  what.weights = TRM_WEIGHTS_BFLOAT16;
  what.card = "{\"accuracy\": 0.875, \"list\": [1.5, -2e-3]}";
  CHECK_OK(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "curves.svg", &err), err);
  CHECK_OK(trm_model_open(&model, "run/last.safetensors", &err), err);
  assert_true(trm_model_get_config(model)->damping == 0.125);
  CHECK_OK(trm_model_convert(model, "bf16.safetensors", &what, &err), err);
  trm_model_close(&model);
  CHECK_OK(trm_model_open(&model, "bf16.safetensors", &err), err);
  trm_model_close(&model);
}

/* A locale's message would be of another language than the sentence around it. */
static void work_error(void) {
  trm_error err = {0};
  trm_model *model = NULL;
  CHECK_FAILS(trm_model_open(&model, "absent", &err), TRM_E_IO, err, "No such file or directory");
}

/* Under one path each time, because config.json names the data by its whole path; then moved to folder. */
static void work(const char *folder) {
  char before[PATH_MAX];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(mkdir("now", 0777), 0);
  assert_int_equal(chdir("now"), 0);
  work_options();
  work_import();
  work_train();
  work_files();
  work_error();
  assert_int_equal(chdir(before), 0);
  assert_int_equal(rename("now", folder), 0);
}

/* -- comparing ------------------------------------------------------------------------------------------------------
 */

static char *file_text(const char *folder, const char *name, size_t *size) {
  trm_error err = {0};
  char *text = NULL;
  CHECK_OK(trm__file_read(check_path(folder, name), 1 << 26, &text, size, &err), err);
  return text;
}

/* The lines without what measures time, which stands at their end. */
static void cut_times(char *text) {
  char *to = text;
  for (char *line = text; *line;) {
    char *end = strchr(line, '\n'), *times = strstr(line, ", \"seconds\"");
    assert_non_null(end);
    assert_true(times && times < end);
    memmove(to, line, (size_t)(times - line));
    to += times - line;
    line = end + 1;
  }
  *to = 0;
}

static void compare(const char *folder, const char *other) {
  size_t sizes[2];
  for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
    char *a = file_text(folder, compared[i], &sizes[0]), *b = file_text(other, compared[i], &sizes[1]);
    if (sizes[0] != sizes[1] || memcmp(a, b, sizes[0]) != 0) fail_msg("%s/%s differs", other, compared[i]);
    trm__free(a);
    trm__free(b);
  }
  char *a = file_text(folder, "run/metrics.jsonl", &sizes[0]), *b = file_text(other, "run/metrics.jsonl", &sizes[1]);
  json_t *line = NULL;
  trm_error err = {0};
  CHECK_OK(trm__json_parse(&line, b, strcspn(b, "\n"), "metrics.jsonl", &err), err); /* its times too are JSON */
  json_decref(line);
  cut_times(a);
  cut_times(b);
  assert_string_equal(a, b);
  trm__free(a);
  trm__free(b);
}

static void a_locale_changes_no_file(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE", "ps_AF", "tr_TR"};
  char dir[64], before[PATH_MAX];
  int missing = 0;
  check_temp_dir(dir);
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(dir), 0);
  work("C");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!check_set_locale(".", names[i])) {
      print_message("not tested: the locale %s is not installed and localedef does not make it\n", names[i]);
      missing++;
      continue;
    }
    char folder[32];
    snprintf(folder, sizeof folder, "under-%s", names[i]);
    assert_string_not_equal(localeconv()->decimal_point, "."); /* the locale is at work */
    work(folder);
    check_plain_locale();
    compare("C", folder);
  }
  assert_int_equal(chdir(before), 0);
  check_remove(dir);
  if (missing == (int)(sizeof names / sizeof *names)) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_locale_changes_no_file)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
