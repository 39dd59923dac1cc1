/* The table of events is well-formed, prefixes match by whole segments, and an event as JSON is what its table says. */
#include "support/locale.h"

#include "base/event.h"
#include "base/text/json.h"

static const trm_event_type *event_type(trm__event_id id) {
  size_t count;
  const trm_event_type *types = trm_telemetry_events(&count);
  assert_int_equal(count, TRM__EVENTS);
  return &types[id];
}

static void check_word(const char *word) {
  assert_true(word && *word);
  for (const char *p = word; *p; p++) assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz_", *p));
}

static void check_field(const trm_event_type *type, size_t i) {
  const trm_event_field *field = &type->field[i];
  check_word(field->name);
  assert_true(field->meaning && *field->meaning && !strchr(field->meaning, '\n'));
  assert_int_equal(field->choices != NULL, field->type == TRM_EVENT_WORD);
  if (field->unit) check_word(field->unit);
  if (field->role == TRM_EVENT_MEASUREMENT) assert_true(field->type == TRM_EVENT_INT || field->type == TRM_EVENT_REAL);
  for (size_t k = 0; k < i; k++) assert_string_not_equal(type->field[k].name, field->name);
}

static void the_table_is_well_formed(void **state) {
  (void)state;
  for (int id = 0; id < TRM__EVENTS; id++) {
    const trm_event_type *type = event_type((trm__event_id)id);
    assert_true(type->name && trm__event_matches("trm", type->name) && type->name[strlen(type->name) - 1] != '.');
    assert_true(type->meaning && *type->meaning);
    assert_true(type->fields > 0);
    for (size_t i = 0; i < type->fields; i++) check_field(type, i);
    for (int k = 0; k < id; k++) assert_string_not_equal(event_type((trm__event_id)k)->name, type->name);
  }
}

static void prefixes_are_whole_segments(void **state) {
  (void)state;
  assert_true(trm__event_matches("", "trm.inference.stop"));
  assert_true(trm__event_matches("trm", "trm.inference.stop"));
  assert_true(trm__event_matches("trm.inference", "trm.inference.stop"));
  assert_true(trm__event_matches("trm.inference.stop", "trm.inference.stop"));
  assert_false(trm__event_matches("trm.inference", "trm.inferencex"));
  assert_false(trm__event_matches("trm.inference", "trm.inferences.stop"));
  assert_false(trm__event_matches("trm.infer", "trm.inference.stop"));
  assert_false(trm__event_matches("trm.inference.", "trm.inference.stop"));
  assert_false(trm__event_matches("trm.inference.stop.now", "trm.inference.stop"));
  assert_false(trm__event_matches("inference", "trm.inference.stop"));
  assert_false(trm__event_matches(".", "trm.inference.stop"));
}

static const trm_event_value stop_values[] = {{.integer = 3}, {.integer = 41}, {.word = "solve"}, {.real = 0.25},
                                              {.integer = 7}, {.integer = 1},  {.word = "done"}};

static void values_are_found_by_name(void **state) {
  (void)state;
  trm_event event = {.type = event_type(TRM__EVENT_INFERENCE_STOP), .value = stop_values};
  assert_int_equal(trm_event_get(&event, "call")->integer, 3);
  assert_int_equal(trm_event_get(&event, "puzzle")->integer, 41);
  assert_true(trm_event_get(&event, "duration")->real == 0.25);
  assert_string_equal(trm_event_get(&event, "outcome")->word, "done");
  assert_null(trm_event_get(&event, "duration_s"));
  assert_null(trm_event_get(&event, ""));
}

static const char stop_json[] =
    "{\"ts\":\"2026-11-30T12:53:07.042Z\",\"event\":\"trm.inference.stop\",\"measurements\":{\"duration_s\":0.25},"
    "\"metadata\":{\"call\":3,\"puzzle\":41,\"action\":\"solve\",\"steps\":7,\"halted\":true,\"outcome\":\"done\"}}";

static void json_has_names_units_and_roles(void **state) {
  (void)state;
  trm_event event = {.type = event_type(TRM__EVENT_INFERENCE_STOP), .time = 1796043187.042, .value = stop_values};
  char text[1024];
  assert_int_equal(trm_event_json(&event, text, sizeof text), strlen(stop_json));
  assert_string_equal(text, stop_json);
  event.time = 951782399.9996; /* a leap day's last second, rounded up into the next day */
  (void)trm_event_json(&event, text, sizeof text);
  static const char leap_day[] = "{\"ts\":\"2000-02-29T00:00:00.000Z\"";
  assert_memory_equal(text, leap_day, sizeof leap_day - 1);
}

static void json_is_the_same_in_each_locale(void **state) {
  (void)state;
  trm_event event = {.type = event_type(TRM__EVENT_INFERENCE_STOP), .time = 1796043187.042, .value = stop_values};
  char text[1024], dir[64];
  check_temp_dir(dir);
  if (!check_comma_locale(dir)) print_message("note: no locale with a decimal comma; JSON is not tested in it\n");
  (void)trm_event_json(&event, text, sizeof text);
  check_plain_locale();
  assert_string_equal(text, stop_json);
  check_remove(dir);
}

static void json_is_cut_where_there_is_no_room(void **state) {
  (void)state;
  trm_event event = {.type = event_type(TRM__EVENT_INFERENCE_STOP), .time = 1796043187.042, .value = stop_values};
  for (size_t size = 0; size <= sizeof stop_json; size++) {
    char *text = malloc(size + 1); /* exactly so large, so that a sanitizer sees a byte too many */
    text[size] = '#';
    assert_int_equal(trm_event_json(&event, text, size), strlen(stop_json));
    assert_int_equal(text[size], '#');
    if (size) assert_int_equal(strlen(text), size < sizeof stop_json ? size - 1 : strlen(stop_json));
    if (size) assert_memory_equal(text, stop_json, strlen(text));
    free(text);
  }
}

/* Every event with the widest values, as a JSON parser sees it. */
static void json_of_each_event_is_valid(void **state) {
  (void)state;
  for (int id = 0; id < TRM__EVENTS; id++) {
    trm_event_value value[32];
    trm_event event = {.type = event_type((trm__event_id)id), .time = 253402300799.0, .value = value};
    assert_true(event.type->fields <= 32);
    for (size_t i = 0; i < event.type->fields; i++) {
      trm_event_value_type type = event.type->field[i].type;
      if (type == TRM_EVENT_WORD) value[i].word = "a_rather_long_word_for_an_outcome";
      else if (type == TRM_EVENT_REAL) value[i].real = i % 2 ? (double)NAN : -1.2345678901234567e-300;
      else value[i].integer = INT64_MIN;
    }
    char text[1024];
    trm_error err = {0};
    json_t *json = NULL;
    int length = trm_event_json(&event, text, sizeof text);
    assert_in_range(length, 1, sizeof text - 1);
    CHECK_OK(trm__json_parse(&json, text, (size_t)length, "event", &err), err);
    assert_int_equal(json_object_size(json_object_get(json, "measurements")) +
                         json_object_size(json_object_get(json, "metadata")),
                     event.type->fields);
    json_decref(json);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_is_well_formed),           cmocka_unit_test(prefixes_are_whole_segments),
      cmocka_unit_test(values_are_found_by_name),           cmocka_unit_test(json_has_names_units_and_roles),
      cmocka_unit_test(json_is_cut_where_there_is_no_room), cmocka_unit_test(json_of_each_event_is_valid),
      cmocka_unit_test(json_is_the_same_in_each_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
