/* All commands' option tables, walked: no name or synonym means two things on one command line, and what a table says
 * is well-formed. */
#include "support/check.h"

#include <trm/solve.h>

#include "cli/commands.h"

enum { MOST = 400 };

/* Names of one command in the form that is typed, with underscores. */
typedef struct names {
  char text[MOST][80];
  size_t count;
} names;

static void add_name(names *n, const cli_command *command, const char *prefix, const char *name, size_t length) {
  char *text = n->text[n->count];
  assert_true(n->count < MOST && length > 0 && length < 70);
  snprintf(text, sizeof n->text[0], "%s%.*s", prefix, (int)length, name);
  for (char *p = text; *p; p++) {
    if (*p == '-') *p = '_';
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *p))
      fail_msg("trm %s: the name \"%s\" has a letter that cannot be typed", command->name, text);
  }
  for (size_t i = 0; i < n->count; i++)
    if (strcmp(n->text[i], text) == 0) fail_msg("trm %s: --%s means two things", command->name, text);
  n->count++;
}

static void add_option(names *n, const cli_command *command, const trm_option *option) {
  const char *all[16] = {option->name};
  size_t length[16] = {strlen(option->name)}, count = 1;
  for (const char *p = option->synonyms; p && *p; p += strcspn(p, "|"), p += *p == '|') {
    int inverse = *p == '!';
    if (inverse && option->type != TRM_OPT_BOOL)
      fail_msg("trm %s: --%s is no flag and has an inverse synonym", command->name, option->name);
    all[count] = p += inverse;
    length[count] = strcspn(p, "|");
    assert_true(++count < 16);
  }
  for (size_t i = 0; i < count; i++) {
    add_name(n, command, "", all[i], length[i]);
    if (option->type == TRM_OPT_BOOL) add_name(n, command, "no_", all[i], length[i]); /* --no-NAME is accepted too */
  }
}

static void a_name_means_one_thing_in_a_command(void **state) {
  (void)state;
  size_t options = 0;
  for (const cli_command *const *c = cli_commands; *c; c++) {
    cli_table tables[CLI_TABLES];
    static names n;
    size_t count = (*c)->tables(tables);
    n.count = 0;
    assert_in_range(count, 0, CLI_TABLES); /* none: a command with --help alone */
    add_name(&n, *c, "", "help", 4);
    for (size_t t = 0; t < count; t++)
      for (size_t i = 0; i < tables[t].count; i++, options++) add_option(&n, *c, &tables[t].items[i]);
  }
  assert_true(options > 100);
}

static void names_find_their_options(void **state) {
  (void)state;
  cli_table tables[CLI_TABLES];
  size_t count = cli_train.tables(tables), found = 0;
  const char *const pairs[][2] = {{"supervision-steps", "halt_max_steps"},
                                  {"n_supervision", "halt_max_steps"},
                                  {"max-steps", "halt_max_steps"},
                                  {"recursion_cycles", "H_cycles"},
                                  {"h-cycles", "H_cycles"},
                                  {"latent-cycles", "L_cycles"},
                                  {"l_cycles", "L_cycles"},
                                  {"cycles", "L_cycles"},
                                  {"num-layers", "L_layers"},
                                  {"context_length", "seq_len"},
                                  {"use-attention", "mlp_t"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    for (size_t t = 0; t < count; t++) {
      const trm_option *option = trm__option_find(tables[t].items, tables[t].count, pairs[i][0]);
      if (!option) continue;
      assert_string_equal(option->name, pairs[i][1]);
      found++;
    }
  assert_int_equal(found, sizeof pairs / sizeof *pairs);
}

static void declarations_are_whole(void **state) {
  (void)state;
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const cli_command *command = *c;
    assert_non_null(command->name);
    assert_true(command->synopsis && command->summary && command->description && command->examples && command->run);
    assert_true(command->summary[strlen(command->summary) - 1] != '.');
    char first[40], second[40] = "", *argv[3] = {first, second, NULL};
    int used = 0, words = sscanf(command->name, "%39s %39s", first, second);
    assert_ptr_equal(cli_command_find(words, argv, &used), command);
    assert_int_equal(used, words);
  }
  assert_string_equal(cli_command_tail(&cli_data_make, "data"), "make");
  assert_string_equal(cli_command_tail(&cli_data_make, ""), "data make");
  assert_null(cli_command_tail(&cli_solve, "data"));
}

static void usual_options_exist(void **state) {
  (void)state;
  for (const cli_command *const *c = cli_commands; *c; c++) {
    cli_table tables[CLI_TABLES];
    size_t count = (*c)->tables(tables), length;
    for (const char *p = (*c)->usual; p && *p; p += length + (p[length] == ' ')) {
      char name[80];
      int found = 0;
      length = strcspn(p, " ");
      snprintf(name, sizeof name, "%.*s", (int)length, p);
      for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) found |= strcmp(tables[t].items[i].name, name) == 0;
      if (!found) fail_msg("trm %s: \"%s\" among the usual options is none", (*c)->name, name);
    }
  }
}

/* eval's own copy of the solver's table has all of it. */
static void eval_has_all_options_of_the_solver(void **state) {
  (void)state;
  cli_table tables[CLI_TABLES];
  size_t count;
  const trm_option *table = trm_solver_options(&count);
  assert_int_equal(cli_eval.tables(tables), 2);
  assert_int_equal(tables[1].count, count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(tables[1].items[i].name, table[i].name);
    assert_int_equal(tables[1].items[i].offset, table[i].offset);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_means_one_thing_in_a_command),
      cmocka_unit_test(names_find_their_options),
      cmocka_unit_test(declarations_are_whole),
      cmocka_unit_test(usual_options_exist),
      cmocka_unit_test(eval_has_all_options_of_the_solver),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
