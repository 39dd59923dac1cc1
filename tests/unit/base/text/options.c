/* Declaration tables: fields from and to text, JSON, command lines, help, man entries and schema. */
#include "support/check.h"

#include "base/text/json.h"
#include "base/text/options.h"

struct config {
  int64_t batch, seed;
  double rate, free_real;
  int resume, colour, optimizer;
  char name[8];
};

#define FIELD(f) offsetof(struct config, f)

static const trm_option table[] = {
    {.name = "batch_size",
     .type = TRM_OPT_INT,
     .offset = FIELD(batch),
     .default_text = "768",
     .min = 1,
     .max = 100000,
     .metavar = "N",
     .group = "Training",
     .help = "examples in one update",
     .synonyms = "batch|examples_per_update"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     .offset = FIELD(seed),
     .default_text = "0",
     .help = "seed of all random numbers"},
    {.name = "learning_rate",
     .type = TRM_OPT_REAL,
     .offset = FIELD(rate),
     .default_text = "1e-4",
     .min = 0,
     .max = 1,
     .help = "learning rate after the warm-up"},
    {.name = "free_real", .type = TRM_OPT_REAL, .offset = FIELD(free_real), .help = "any number at all"},
    {.name = "optimizer",
     .type = TRM_OPT_ENUM,
     .offset = FIELD(optimizer),
     .default_text = "adam_atan2",
     .choices = "adam_atan2|adamw|muon",
     .help = "rule of the update, which is explained with its sources in the long manual page of this program"},
    {.name = "resume",
     .type = TRM_OPT_BOOL,
     .offset = FIELD(resume),
     .group = "Run",
     .help = "go on from the newest checkpoint"},
    {.name = "colour",
     .type = TRM_OPT_BOOL,
     .offset = FIELD(colour),
     .default_text = "true",
     .help = "colours on a terminal",
     .synonyms = "!grey|!plain"},
    {.name = "name",
     .type = TRM_OPT_STRING,
     .offset = FIELD(name),
     .size = 8,
     .metavar = "TEXT",
     .help = "name of the run"},
};
#define COUNT (sizeof table / sizeof table[0])

static struct config defaults(void) {
  struct config c;
  memset(&c, 255, sizeof c);
  trm_options_default(table, COUNT, &c);
  return c;
}

static void defaults_fill_all(void **state) {
  (void)state;
  struct config c = defaults();
  assert_int_equal(c.batch, 768);
  assert_int_equal(c.seed, 0);
  assert_true(c.rate == 1e-4 && c.free_real == 0);
  assert_int_equal(c.optimizer, 0);
  assert_int_equal(c.resume, 0);
  assert_int_equal(c.colour, 1);
  assert_string_equal(c.name, "");
  trm_option odd = table[0]; /* a default outside the range stands for "automatic", and is read back */
  odd.default_text = "0";
  trm_options_default(&odd, 1, &c);
  assert_int_equal(c.batch, 0);
  trm_error err = {0};
  CHECK_OK(trm_options_set(&odd, 1, &c, "batch-size", "0", &err), err);
  CHECK_FAILS(trm_options_set(&odd, 1, &c, "batch-size", "-1", &err), TRM_E_USAGE, err, "expected 1 to 100000");
}

static void expect_set(const char *name, const char *text, const char *back) {
  struct config c = defaults();
  trm_error err = {0};
  char got[64];
  CHECK_OK(trm_options_set(table, COUNT, &c, name, text, &err), err);
  assert_int_equal(trm_options_get(table, COUNT, &c, name, got, sizeof got), strlen(back));
  assert_string_equal(got, back);
}

static void good_values_are_taken(void **state) {
  (void)state;
  expect_set("batch_size", "1", "1");
  expect_set("batch-size", "100000", "100000");
  expect_set("seed", "-9223372036854775808", "-9223372036854775808");
  expect_set("seed", "+7", "7");
  expect_set("learning-rate", "0.1", "0.1");
  expect_set("learning-rate", "1", "1");
  expect_set("free-real", "-.5e3", "-500");
  expect_set("free-real", "1e300", "1e+300");
  expect_set("optimizer", "muon", "muon");
  expect_set("optimizer", "adam-atan2", "adam_atan2");
  expect_set("resume", "yes", "true");
  expect_set("resume", "0", "false");
  expect_set("name", "1234567", "1234567");
  expect_set("name", "", "");
}

static void expect_refused(const char *name, const char *text, const char *message) {
  struct config c = defaults(), before = c;
  trm_error err;
  CHECK_FAILS(trm_options_set(table, COUNT, &c, name, text, &err), TRM_E_USAGE, err, message);
  assert_memory_equal(&c, &before, sizeof c);
}

static void bad_values_are_refused(void **state) {
  (void)state;
  const char *const not_whole[] = {"", " 1", "1 ", "1.5", "x", "0x10", "-", "1e3", "99999999999999999999"};
  for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++)
    expect_refused("seed", not_whole[i], "expected a whole number");
  expect_refused("batch-size", "0", "found 0, expected 1 to 100000");
  expect_refused("batch-size", "100001", "100000");
  const char *const not_real[] = {"", " 1", "1,5", "nan", "inf", "-infinity", "0x1p3", "1e", "e5", "1e5x", "."};
  for (size_t i = 0; i < sizeof not_real / sizeof not_real[0]; i++)
    expect_refused("free-real", not_real[i], "expected a number");
  expect_refused("free-real", "1e999", "finite");
  expect_refused("learning-rate", "1.0000001", "expected 0 to 1");
  expect_refused("learning-rate", "-1e-9", "expected 0 to 1");
  expect_refused("optimizer", "adam", "expected one of: adam_atan2, adamw, muon");
  expect_refused("optimizer", "", "expected one of");
  expect_refused("resume", "maybe", "true or false");
  expect_refused("name", "12345678", "at most 7");
}

static void unknown_names_get_the_nearest(void **state) {
  (void)state;
  expect_refused("learing-rate", "1", "did you mean \"learning_rate\"");
  expect_refused("bacth_size", "1", "did you mean \"batch_size\"");
  expect_refused("sede", "1", "did you mean \"seed\"");
  expect_refused("temperature", "1", "unknown option \"temperature\"");
  expect_refused("bacth", "1", "did you mean \"batch\"");
  expect_refused("plian", "1", "did you mean \"plain\"");
  assert_ptr_equal(trm__option_find(table, COUNT, "free-real"), &table[3]);
  assert_null(trm__option_find(table, COUNT, "see"));
  assert_null(trm__option_find(table, COUNT, "seeds"));
}

static void reals_come_back_to_the_same_bits(void **state) {
  (void)state;
  const double values[] = {0.1,  1.0 / 3, 1e-4, 0.95, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789,
                           1e22, 1e23};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    struct config c = defaults(), d = c;
    trm_error err = {0};
    char text[64];
    c.free_real = values[i];
    assert_in_range(trm_options_get(table, COUNT, &c, "free_real", text, sizeof text), 1, 24);
    CHECK_OK(trm_options_set(table, COUNT, &d, "free_real", text, &err), err);
    assert_memory_equal(&c.free_real, &d.free_real, sizeof(double));
  }
}

static void get_cuts_as_snprintf(void **state) {
  (void)state;
  struct config c = defaults();
  char text[4] = "xyz";
  assert_int_equal(trm_options_get(table, COUNT, &c, "optimizer", text, sizeof text), 10);
  assert_string_equal(text, "ada");
  assert_int_equal(trm_options_get(table, COUNT, &c, "optimizer", NULL, 0), 10);
  assert_int_equal(trm_options_get(table, COUNT, &c, "learning_rate", text, sizeof text), 6);
  assert_string_equal(text, "0.0");
  assert_int_equal(trm_options_get(table, COUNT, &c, "absent", text, sizeof text), -1);
  c.optimizer = 3;
  assert_int_equal(trm_options_get(table, COUNT, &c, "optimizer", text, sizeof text), -1);
}

/* --- synonyms --- */

static void synonyms_name_the_same_field(void **state) {
  (void)state;
  expect_set("batch", "12", "12");
  expect_set("examples-per-update", "13", "13");
  expect_set("grey", "true", "true"); /* the opposite of colour */
  expect_set("plain", "no", "false");
  expect_refused("grey", "maybe", "true or false");
  struct config c = defaults();
  trm_error err = {0};
  char text[8];
  CHECK_OK(trm_options_set(table, COUNT, &c, "grey", "yes", &err), err);
  assert_int_equal(c.colour, 0);
  assert_int_equal(trm_options_get(table, COUNT, &c, "colour", text, sizeof text), 5);
  assert_ptr_equal(trm__option_find(table, COUNT, "grey"), trm__option_find(table, COUNT, "colour"));
  assert_null(trm__option_find(table, COUNT, "gre"));
  assert_null(trm__option_find(table, COUNT, "!grey"));
  assert_null(trm__option_find(table, COUNT, "batch|examples_per_update"));
  trm_option clash[2] = {table[0], table[1]}; /* an option's own name goes before another's synonym */
  clash[0].synonyms = "seed";
  assert_ptr_equal(trm__option_find(clash, 2, "seed"), &clash[1]);
}

/* --- JSON --- */

static void json_goes_both_ways(void **state) {
  (void)state;
  struct config c = defaults(), d = c;
  trm_error err = {0};
  c.batch = 12, c.seed = INT64_MAX, c.rate = 1.0 / 3, c.resume = 1, c.optimizer = 2;
  strcpy(c.name, "n\xc3\xa4me");
  json_t *object = trm__options_to_json(table, COUNT, &c);
  assert_int_equal(json_object_size(object), COUNT);
  assert_string_equal(json_object_iter_key(json_object_iter(object)), "batch_size");
  CHECK_OK(trm__options_from_json(table, COUNT, &d, object, 0, "f", &err), err);
  assert_memory_equal(&c, &d, sizeof c);
  json_decref(object);
  c.optimizer = 9;
  assert_null(trm__options_to_json(table, COUNT, &c));
}

static trm_status from_text(struct config *c, const char *text, int ignore_unknown, trm_error *err) {
  json_t *object;
  trm_status status = trm__json_parse(&object, text, strlen(text), "text", err);
  if (status) return status;
  status = trm__options_from_json(table, COUNT, c, object, ignore_unknown, "config.json", err);
  json_decref(object);
  return status;
}

static void json_types_are_checked(void **state) {
  (void)state;
  struct config c = defaults();
  trm_error err = {0};
  CHECK_OK(from_text(&c, "{\"seed\": 1e6, \"learning_rate\": 1, \"resume\": 1, \"batch_size\": \"5\"}", 0, &err), err);
  assert_int_equal(c.seed, 1000000);
  assert_true(c.rate == 1);
  assert_int_equal(c.resume, 1);
  assert_int_equal(c.batch, 5);
  CHECK_OK(from_text(&c, "{\"else\": [], \"seed\": 3}", 1, &err), err);
  assert_int_equal(c.seed, 3);
  CHECK_FAILS(from_text(&c, "{\"sed\": 3}", 0, &err), TRM_E_INPUT, err, "did you mean \"seed\"");
  assert_string_equal(err.where, "config.json");
  CHECK_FAILS(from_text(&c, "{\"seed\": 1.5}", 0, &err), TRM_E_INPUT, err, "\"seed\": found a number with a fraction");
  CHECK_FAILS(from_text(&c, "{\"seed\": null}", 0, &err), TRM_E_INPUT, err, "found null");
  CHECK_FAILS(from_text(&c, "{\"seed\": true}", 0, &err), TRM_E_INPUT, err, "found true");
  CHECK_FAILS(from_text(&c, "{\"seed\": 1e300}", 0, &err), TRM_E_INPUT, err, "\"seed\"");
  CHECK_FAILS(from_text(&c, "{\"resume\": 2}", 0, &err), TRM_E_INPUT, err, "true or false");
  CHECK_FAILS(from_text(&c, "{\"learning_rate\": 7}", 0, &err), TRM_E_INPUT, err, "found 7, expected 0 to 1");
  CHECK_FAILS(from_text(&c, "{\"optimizer\": 1}", 0, &err), TRM_E_INPUT, err, "a text");
  CHECK_FAILS(from_text(&c, "{\"name\": \"12345678\"}", 0, &err), TRM_E_INPUT, err, "at most 7");
  CHECK_FAILS(from_text(&c, "[1]", 0, &err), TRM_E_INPUT, err, "found an array");
}

static void json_takes_synonyms_once(void **state) {
  (void)state;
  struct config c = defaults();
  trm_error err = {0};
  CHECK_OK(from_text(&c, "{\"examples_per_update\": 5, \"grey\": true}", 0, &err), err);
  assert_true(c.batch == 5 && c.colour == 0);
  CHECK_OK(from_text(&c, "{\"plain\": 0}", 1, &err), err);
  assert_int_equal(c.colour, 1);
  const char *twice = "{\"batch\": 5, \"seed\": 1, \"batch_size\": 5}";
  CHECK_FAILS(from_text(&c, twice, 1, &err), TRM_E_INPUT, err, "\"batch\" and \"batch_size\" are two names");
  CHECK_FAILS(from_text(&c, "{\"grey\": true, \"plain\": true}", 0, &err), TRM_E_INPUT, err, "\"plain\"");
  CHECK_FAILS(from_text(&c, "{\"grey\": 2}", 0, &err), TRM_E_INPUT, err, "\"grey\": found a whole number");
  CHECK_FAILS(from_text(&c, "{\"batchh\": 2}", 0, &err), TRM_E_INPUT, err, "did you mean \"batch\"");
}

static void schema_says_what_the_table_says(void **state) {
  (void)state;
  json_t *schema = trm__options_schema(table, COUNT), *properties = json_object_get(schema, "properties");
  json_t *batch = json_object_get(properties, "batch_size"), *optimizer = json_object_get(properties, "optimizer");
  assert_int_equal(json_object_size(properties), COUNT);
  assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
  assert_string_equal(json_string_value(json_object_get(batch, "type")), "integer");
  assert_int_equal(json_integer_value(json_object_get(batch, "minimum")), 1);
  assert_int_equal(json_integer_value(json_object_get(batch, "maximum")), 100000);
  assert_int_equal(json_integer_value(json_object_get(batch, "default")), 768);
  assert_null(json_object_get(json_object_get(properties, "seed"), "minimum"));
  assert_int_equal(json_array_size(json_object_get(optimizer, "enum")), 3);
  assert_string_equal(json_string_value(json_object_get(optimizer, "default")), "adam_atan2");
  assert_int_equal(json_integer_value(json_object_get(json_object_get(properties, "name"), "maxLength")), 7);
  json_decref(schema);
}

/* --- command lines --- */

static trm_status parse(struct config *c, const char *a, const char *b, int *index, const trm_option **found,
                        trm_error *err) {
  char first[64], second[64], *argv[3] = {first, second, NULL};
  snprintf(first, sizeof first, "%s", a);
  snprintf(second, sizeof second, "%s", b ? b : "");
  *index = 0;
  return trm__options_parse(table, COUNT, c, b ? 2 : 1, argv, index, found, err);
}

static void command_lines_are_consumed(void **state) {
  (void)state;
  struct config c = defaults();
  trm_error err = {0};
  int index;
  const trm_option *found;
  CHECK_OK(parse(&c, "--batch-size", "12", &index, &found, &err), err);
  assert_true(c.batch == 12 && index == 2 && found == &table[0]);
  CHECK_OK(parse(&c, "--batch_size=13", "12", &index, &found, &err), err);
  assert_true(c.batch == 13 && index == 1 && found == &table[0]);
  CHECK_OK(parse(&c, "--resume", "12", &index, &found, &err), err);
  assert_true(c.resume == 1 && index == 1);
  CHECK_OK(parse(&c, "--no-resume", NULL, &index, &found, &err), err);
  assert_true(c.resume == 0 && index == 1);
  CHECK_OK(parse(&c, "--colour=off", NULL, &index, &found, &err), err);
  assert_int_equal(c.colour, 0);
  CHECK_OK(parse(&c, "--seed", "-5", &index, &found, &err), err);
  assert_int_equal(c.seed, -5);
  CHECK_OK(parse(&c, "--name=--x", NULL, &index, &found, &err), err);
  assert_string_equal(c.name, "--x");
  CHECK_OK(parse(&c, "--name=", NULL, &index, &found, &err), err);
  assert_string_equal(c.name, "");
  CHECK_OK(parse(&c, "--examples-per-update", "14", &index, &found, &err), err);
  assert_true(c.batch == 14 && index == 2 && found == &table[0]);
  CHECK_OK(parse(&c, "--grey", NULL, &index, &found, &err), err);
  assert_true(c.colour == 0 && index == 1 && found == &table[6]);
  CHECK_OK(parse(&c, "--no-grey", NULL, &index, &found, &err), err);
  assert_int_equal(c.colour, 1);
  CHECK_OK(parse(&c, "--plain=yes", NULL, &index, &found, &err), err);
  assert_int_equal(c.colour, 0);
}

static void other_words_are_left(void **state) {
  (void)state;
  struct config c = defaults(), before = c;
  trm_error err = {0};
  const char *const words[] = {"file",      "-b",    "-",    "--",        "",        "--batches",
                               "--no-such", "--no-", "--=3", "--sizes=1", "--no-no", "--!grey"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    int index;
    const trm_option *found = table;
    CHECK_OK(parse(&c, words[i], "1", &index, &found, &err), err);
    assert_true(index == 0 && !found);
  }
  int index = 0;
  const trm_option *found = table;
  CHECK_OK(trm__options_parse(table, COUNT, &c, 0, NULL, &index, &found, &err), err);
  assert_null(found);
  assert_memory_equal(&c, &before, sizeof c);
}

static void bad_command_lines_are_refused(void **state) {
  (void)state;
  struct config c = defaults();
  trm_error err = {0};
  int index;
  const trm_option *found;
  CHECK_FAILS(parse(&c, "--seed", NULL, &index, &found, &err), TRM_E_USAGE, err, "a value must follow");
  assert_string_equal(err.where, "--seed");
  CHECK_FAILS(parse(&c, "--seed", "--resume", &index, &found, &err), TRM_E_USAGE, err, "--seed=VALUE");
  CHECK_FAILS(parse(&c, "--no-seed", "1", &index, &found, &err), TRM_E_USAGE, err, "cannot be negated");
  CHECK_FAILS(parse(&c, "--no-resume=1", NULL, &index, &found, &err), TRM_E_USAGE, err, "takes no value");
  CHECK_FAILS(parse(&c, "--examples_per_update", "x", &index, &found, &err), TRM_E_USAGE, err, "found \"x\"");
  assert_string_equal(err.where, "--examples-per-update");
  CHECK_FAILS(parse(&c, "--batch_size", "x", &index, &found, &err), TRM_E_USAGE, err, "found \"x\"");
  assert_string_equal(err.where, "--batch-size");
  assert_int_equal(index, 0);
}

/* --- texts for people --- */

static void help_is_aligned_and_wrapped(void **state) {
  (void)state;
  char *text = trm__options_help(table, COUNT, 60);
  assert_non_null(text);
  const char *start = "Training:\n  --batch-size N     examples in one update (default:";
  assert_memory_equal(text, start, strlen(start));
  assert_non_null(strstr(text, "\n\nRun:\n  --resume "));
  assert_non_null(strstr(text, "--[no-]colour "));
  assert_non_null(strstr(text, "(default: on)"));
  assert_null(strstr(text, "grey")); /* synonyms are for the man page */
  size_t column = (size_t)(strstr(text, "examples") - strchr(text, '\n')) - 1;
  for (char *line = text, *end; *line; line = end + 1) {
    end = strchr(line, '\n');
    assert_non_null(end);
    assert_in_range(end - line, 0, 60);
    if (memcmp(line, "   ", 3) == 0) assert_int_equal(strspn(line, " "), column);
    if (end > line) assert_true(end[-1] != ' ');
  }
  trm__free(text);
  text = trm__options_help(table, COUNT, 300);
  assert_non_null(strstr(text, "program (adam_atan2, adamw or muon; default: adam_atan2)\n"));
  trm__free(text);
  text = trm__options_help(table, 0, 0);
  assert_string_equal(text, "");
  trm__free(text);
}

static void man_entries_are_escaped(void **state) {
  (void)state;
  trm_option odd = {
      .name = "dry_run", .type = TRM_OPT_BOOL, .offset = 0, .group = "A-B", .help = ".starts with a \\ and a '"};
  char *text = trm__options_man(&odd, 1);
  assert_string_equal(text, ".SS A\\-B\n.TP\n\\fB\\-\\-dry\\-run\\fR\n\\&.starts with a \\e and a '\n");
  trm__free(text);
  text = trm__options_man(table, COUNT);
  assert_non_null(strstr(text, ".TP\n\\fB\\-\\-batch\\-size\\fR \\fIN\\fR\nexamples in one update (default: 768; also "
                               "\\-\\-batch, \\-\\-examples\\-per\\-update)\n"));
  assert_non_null(strstr(text, "(default: on; also \\-\\-no\\-grey, \\-\\-no\\-plain)\n"));
  trm__free(text);
}

static trm_status make_texts(void *context, trm_error *err) {
  (void)context;
  char *help = trm__options_help(table, COUNT, 80), *man = trm__options_man(table, COUNT);
  trm_status status = help && man ? TRM_OK : trm__fail_memory(err, "text", 0);
  trm__free(help);
  trm__free(man);
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  assert_true(check_each_allocation(make_texts, NULL) >= 2 * COUNT);
}

/* A real whose default is a word: NaN in the struct, the word everywhere else. */
static void a_word_stands_for_not_given(void **state) {
  (void)state;
  static const trm_option one[] = {
      {.name = "threshold", .type = TRM_OPT_REAL, .default_text = "model", .min = -5, .max = 5, .help = "a threshold"}};
  trm_error err = {0};
  char text[32];
  double value = 3, back = 3;
  trm_options_default(one, 1, &value);
  assert_true(isnan(value));
  assert_int_equal(trm_options_get(one, 1, &value, "threshold", text, sizeof text), 5);
  assert_string_equal(text, "model");
  json_t *json = trm__options_to_json(one, 1, &value);
  assert_string_equal(json_string_value(json_object_get(json, "threshold")), "model");
  CHECK_OK(trm__options_from_json(one, 1, &back, json, 0, "here", &err), err);
  assert_true(isnan(back));
  json_decref(json);
  CHECK_OK(trm_options_set(one, 1, &value, "threshold", "-2.5", &err), err);
  assert_true(value == -2.5);
  CHECK_OK(trm_options_set(one, 1, &value, "threshold", "model", &err), err);
  assert_true(isnan(value));
  static const char *const bad[] = {"nan", "models", "", "5.5"};
  value = 1;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_FAILS(trm_options_set(one, 1, &value, "threshold", bad[i], &err), TRM_E_USAGE, err, "threshold");
  assert_true(value == 1);
  char *help = trm__options_help(one, 1, 80);
  assert_non_null(strstr(help, "default: model"));
  trm__options_free(help);
  json_t *schema = trm__options_schema(one, 1);
  json_t *property = json_object_get(json_object_get(schema, "properties"), "threshold");
  assert_string_equal(json_string_value(json_object_get(property, "default")), "model");
  assert_int_equal(json_array_size(json_object_get(property, "type")), 2);
  json_decref(schema);
  /* One whose default is a number has no such word. */
  struct config c = defaults();
  CHECK_FAILS(trm_options_set(table, COUNT, &c, "learning_rate", "model", &err), TRM_E_USAGE, err, "a number");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_fill_all),
      cmocka_unit_test(good_values_are_taken),
      cmocka_unit_test(bad_values_are_refused),
      cmocka_unit_test(unknown_names_get_the_nearest),
      cmocka_unit_test(reals_come_back_to_the_same_bits),
      cmocka_unit_test(get_cuts_as_snprintf),
      cmocka_unit_test(synonyms_name_the_same_field),
      cmocka_unit_test(json_goes_both_ways),
      cmocka_unit_test(json_types_are_checked),
      cmocka_unit_test(json_takes_synonyms_once),
      cmocka_unit_test(schema_says_what_the_table_says),
      cmocka_unit_test(a_word_stands_for_not_given),
      cmocka_unit_test(command_lines_are_consumed),
      cmocka_unit_test(other_words_are_left),
      cmocka_unit_test(bad_command_lines_are_refused),
      cmocka_unit_test(help_is_aligned_and_wrapped),
      cmocka_unit_test(man_entries_are_escaped),
      cmocka_unit_test(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
