/* The hub and the children that are linked to it: they talk, also after either was killed; it asks for more, and for
 * fewer. */
#include "unit/proc/tree_of.h"

#include "proc/channel.h"

#define BUILD "test"

static void on_hup(int number) {
  (void)number;
  static const char text[] = "hub got a hangup\n";
  if (write(STDOUT_FILENO, text, sizeof text - 1) < 0) _exit(99);
}

/* An engine answers each frame with the same. */
static int role_engine(int argc, char **argv) {
  trm_error err = {0};
  trm__channel *channel = NULL;
  trm__channel_config config = trm__channel_config_default("hub", BUILD);
  (void)argc, (void)argv;
  if (trm__role_open(&err) || trm__channel_open(&channel, TRM__ROLE_CHANNEL, &config, &err)) return 91;
  trm__role_ready();
  for (;;) {
    trm__frame frame;
    int got = 1;
    struct pollfd p = {.fd = TRM__ROLE_CHANNEL, .events = (short)trm__channel_wants(channel)};
    poll(p.events ? &p : NULL, p.events ? 1 : 0, 20);
    while (!trm__channel_read(channel, &frame, &got, &err) && got) trm__channel_send(channel, &frame, &err);
    trm__channel_flush(channel, &err);
    trm__role_beat();
  }
}

enum { LINKS = 64 };
static struct hub_link {
  trm__channel *channel;
  uint64_t id;
} hub_link[LINKS];

static void hub_hear_root(void) {
  trm__role_message m;
  trm_error err = {0};
  int got;
  while ((got = trm__role_next(&m)) > 0) {
    if (m.refused) {
      say_line("hub is refused %d", m.node);
      continue;
    }
    int k = 0;
    while (hub_link[k].channel) k++;
    trm__channel_config config = trm__channel_config_default("engine", BUILD);
    trm__frame frame = {.type = TRM__FRAME_FREE, .request = m.id};
    if (trm__channel_open(&hub_link[k].channel, m.channel, &config, &err)) _exit(92);
    if (trm__channel_send(hub_link[k].channel, &frame, &err)) _exit(93);
    hub_link[k].id = m.id;
  }
  if (got < 0) _exit(94);
}

static void hub_hear_engine(struct hub_link *link) {
  trm__frame frame;
  trm_error err = {0};
  int got = 0;
  trm_status status = trm__channel_read(link->channel, &frame, &got, &err);
  if (got && frame.request == link->id)
    say_line("hub talks to serial=%ld start=%ld", (long)(link->id >> 32), (long)(link->id & 0xffffffff));
  if (!status) return;
  say_line("hub lost serial=%ld: %s", (long)(link->id >> 32), trm_status_name(status));
  trm__channel_close(&link->channel);
}

/* hub [add NODE | retire]...: asks for these at its start, retire for each child it is linked to first */
static int role_hub(int argc, char **argv) {
  trm_error err = {0};
  signal(SIGHUP, on_hup);
  if (trm__role_open(&err)) return 90;
  trm__role_ready();
  for (int i = 1; i + 1 < argc && !strcmp(argv[i], "add"); i += 2) trm__role_add((int)strtol(argv[i + 1], NULL, 10));
  int retire = argc > 1 && !strcmp(argv[argc - 1], "retire");
  for (;;) {
    sleep_ms(10);
    trm__role_beat();
    hub_hear_root();
    for (int k = 0; k < LINKS; k++)
      if (hub_link[k].channel) hub_hear_engine(&hub_link[k]);
    if (!retire || !hub_link[0].channel || !trm__channel_met(hub_link[0].channel)) continue;
    trm__role_retire(hub_link[0].id);
    trm__role_retire(hub_link[0].id); /* once more is no harm */
    retire = 0;
  }
}

static const test_role roles[] = {{"hub", role_hub}, {"engine", role_engine}};

/* The hub talks to engines, to their successors, and to those that it asks for. */
static void test_links(void **state) {
  (void)state;
  trm__node engine = role("engine", 1, LIVELY, ARGV(SELF, "engine"));
  engine.linked = 1;
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 5), group("engines", 0, TRM__ONE_FOR_ONE, 5), engine, engine,
           role("hub", 0, LIVELY, ARGV(SELF, "hub", "add", "2", "add", "4", "add", "0", "add", "99")));
  config.hub = 4;
  tree_begin(config);
  pid_t first = (pid_t)tree_await("engine is started", "process ");
  tree_await("hub is refused 4", NULL); /* the hub itself */
  tree_await("hub is refused 0", NULL); /* a group */
  tree_await("hub is refused 99", NULL);
  while (tree_count("hub talks to") < 3) assert_true(tree_listen(50));
  kill(first, SIGKILL);
  tree_await("hub lost", NULL);
  while (tree_count("hub talks to") < 4) assert_true(tree_listen(50));
  assert_int_equal(tree_count("start=2"), 1);
  kill(root_pid, SIGHUP);
  tree_await("hub got a hangup", NULL);
  tree_stop(TRM__EXIT_OK);
  assert_int_equal(tree_count("engine is started"), 4);
}

/* A hub that is started again finds other engines: the group above starts all anew, and those that were added are gone.
 */
static void test_hub_killed(void **state) {
  (void)state;
  trm__node engine = role("engine", 1, LIVELY, ARGV(SELF, "engine"));
  engine.linked = 1;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 5), group("engines", 0, TRM__ONE_FOR_ONE, 0),
                                 engine, role("hub", 0, LIVELY, ARGV(SELF, "hub", "add", "2")));
  config.hub = 3;
  tree_begin(config);
  pid_t hub = (pid_t)tree_await("hub is started", "process ");
  while (tree_count("hub talks to") < 2) assert_true(tree_listen(50));
  kill(hub, SIGKILL);
  while (tree_count("hub talks to") < 4) assert_true(tree_listen(50));
  tree_stop(TRM__EXIT_OK);
  assert_int_equal(tree_count("hub is started"), 2);
  assert_int_equal(tree_count("engine is started"), 4);
  assert_int_equal(tree_count("given up"), 0);
}

static void test_retired(void **state) {
  (void)state;
  trm__node engine = role("engine", 1, LIVELY, ARGV(SELF, "engine"));
  engine.linked = 1;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 5), group("engines", 0, TRM__ONE_FOR_ONE, 0),
                                 engine, role("hub", 0, LIVELY, ARGV(SELF, "hub", "add", "2", "retire")));
  config.hub = 3;
  tree_begin(config);
  tree_await("engine is told to end: it is retired", NULL);
  tree_await("hub lost serial=", NULL);
  sleep_ms(200);
  tree_stop(TRM__EXIT_OK);
  assert_int_equal(tree_count("it is retired"), 1);
  assert_int_equal(tree_count("engine is started"), 2);
}

int main(int argc, char **argv) {
  int status = run_role(roles, sizeof roles / sizeof *roles, argc, argv);
  if (status >= 0) return status;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_links), cmocka_unit_test(test_hub_killed),
                                     cmocka_unit_test(test_retired)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
