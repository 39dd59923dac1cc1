/* A real process with a real journal, killed with SIGKILL at random moments, again and again in one folder. It tells
 * its parent through a pipe before it asks for something and after it was answered; the parent, which knows nothing of
 * the journal's inside, compares what the next process finds with what was acknowledged. ROUNDS=n (20), SEED=n. A kill
 * is no power failure: that is crash.c's business. */
#include <fcntl.h>
#include <poll.h>

#include "store/jobs.h"
#include "support/check.h"

enum { AT_ONCE = 8, MOST = 200000 };

/* What a job's number was told to the parent. */
enum { ASKED = 1, ACCEPTED = 2, ENDING = 4, ENDED = 8 };

typedef struct told {
  uint32_t number;
  uint32_t what;
} told;

static unsigned char record[MOST];
static uint32_t numbers; /* jobs begun in all rounds */
static char folder[64];

/* -- the child ----------------------------------------------------------------------------------------------------- */

typedef struct slot {
  struct child *child;
  uint32_t number;
  int busy;
} slot;

typedef struct child {
  trm__journal *journal;
  int pipe;
  uint32_t next;
  slot slot[AT_ONCE];
} child;

static void child_tell(const child *c, uint32_t number, uint32_t what) {
  told t = {number, what};
  if (write(c->pipe, &t, sizeof t) != sizeof t) _exit(9);
}

static void child_ended(void *context, const trm__jobs_answer *answer) {
  slot *s = context;
  if (answer->status || answer->outcome != TRM__JOBS_CHANGED) _exit(3);
  child_tell(s->child, s->number, ENDED);
  s->busy = 0;
}

static void child_accepted(void *context, const trm__jobs_answer *answer) {
  slot *s = context;
  char result[32];
  if (answer->status || answer->outcome != TRM__JOBS_CHANGED) _exit(4);
  child_tell(s->child, s->number, ACCEPTED);
  if (s->number % 3 == 0) { /* it stays open */
    s->busy = 0;
    return;
  }
  int length = snprintf(result, sizeof result, "r%u", s->number);
  child_tell(s->child, s->number, ENDING);
  if (trm__jobs_finish(s->child->journal, answer->job[0]->id, 1, result, (size_t)length, child_ended, s, NULL))
    _exit(5);
}

static void child_submit(child *c, slot *s) {
  char text[32];
  s->child = c;
  s->number = c->next++;
  s->busy = 1;
  int length = snprintf(text, sizeof text, "n%u", s->number);
  trm__job_spec spec = {
      .kind = text, .owner = "", .key = text, .body = text, .body_size = (size_t)length, .start = s->number % 3 != 0};
  child_tell(c, s->number, ASKED);
  if (trm__jobs_submit(c->journal, &spec, child_accepted, s, NULL)) _exit(6);
}

static int child_main(int pipe_end, uint32_t first) {
  child c = {.pipe = pipe_end, .next = first};
  trm__journal_config config = trm__journal_config_default();
  config.folder = folder;
  config.open_limit = 10000000;
  config.keep_ms = (int64_t)365 * 24 * 3600 * 1000;
  if (trm__journal_open(&c.journal, &config, NULL)) return 7;
  for (;;) {
    for (int i = 0; i < AT_ONCE; i++)
      if (!c.slot[i].busy) child_submit(&c, &c.slot[i]);
    struct pollfd ready = {.fd = trm__journal_fd(c.journal), .events = POLLIN};
    poll(&ready, 1, 1000);
    trm__journal_deliver(c.journal);
  }
}

/* -- the parent ---------------------------------------------------------------------------------------------------- */

static void parent_note(int pipe_end) {
  told t;
  while (read(pipe_end, &t, sizeof t) == sizeof t) {
    if (t.number >= MOST) fail_msg("too many jobs");
    record[t.number] |= (unsigned char)t.what;
    if (t.number >= numbers) numbers = t.number + 1;
  }
}

static void parent_kill_one(unsigned ms) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  fflush(stdout);
  pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    _exit(child_main(ends[1], numbers));
  }
  assert_true(process > 0);
  close(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  for (unsigned waited = 0; waited < ms; waited++) { /* the pipe is emptied all the time, or the child would wait */
    usleep(1000);
    parent_note(ends[0]);
  }
  kill(process, SIGKILL);
  int status = 0;
  assert_int_equal(waitpid(process, &status, 0), process);
  if (!WIFSIGNALED(status)) fail_msg("the process ended by itself with %d", WEXITSTATUS(status));
  parent_note(ends[0]);
  close(ends[0]);
}

typedef struct found {
  unsigned char *state; /* of each number; 0: absent */
  uint32_t count;
} found;

/* The file as SQLite alone sees it: one row a number, whose result is its own. */
static void parent_read(found *f) {
  sqlite3 *db;
  sqlite3_stmt *row;
  assert_int_equal(sqlite3_open(check_path(folder, "journal.db"), &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT kind, state, result, body FROM jobs", -1, &row, NULL), SQLITE_OK);
  int code;
  while ((code = sqlite3_step(row)) == SQLITE_ROW) {
    uint32_t number = (uint32_t)strtoul((const char *)sqlite3_column_text(row, 0) + 1, NULL, 10);
    int state = sqlite3_column_int(row, 1);
    char result[32];
    if (number >= numbers) fail_msg("a job that nobody asked for: %u", number);
    if (f->state[number]) fail_msg("job %u twice", number);
    f->state[number] = (unsigned char)state;
    f->count++;
    snprintf(result, sizeof result, "r%u", number);
    const char *text = (const char *)sqlite3_column_text(row, 2);
    if (state == TRM__JOB_DONE && (!text || strcmp(text, result))) fail_msg("job %u has the result of another", number);
    if (state == TRM__JOB_SUBMITTED && !sqlite3_column_bytes(row, 3)) fail_msg("job %u has lost its body", number);
  }
  assert_int_equal(code, SQLITE_DONE);
  sqlite3_finalize(row);
  sqlite3_close(db);
}

static void parent_check(void) {
  trm__journal *journal = NULL;
  trm__journal_config config = trm__journal_config_default();
  trm_error err = {0};
  config.folder = folder;
  CHECK_OK(trm__journal_open(&journal, &config, &err), err); /* a new process recovers */
  trm__journal_close(&journal);
  found f = {.state = calloc(1, MOST)};
  parent_read(&f);
  for (uint32_t i = 0; i < numbers; i++) {
    unsigned char was = record[i], is = f.state[i];
    if (was & ACCEPTED && !is) fail_msg("job %u was accepted and is gone", i);
    if (was & ENDED && is != TRM__JOB_DONE) fail_msg("job %u had ended and is in state %d", i, is);
    if (is && !(was & ASKED)) fail_msg("job %u was never asked for", i);
    if (is == TRM__JOB_DONE && !(was & ENDING)) fail_msg("job %u ended by itself", i);
    if (is && is != TRM__JOB_DONE && is != TRM__JOB_SUBMITTED) fail_msg("job %u is in state %d", i, is);
  }
  free(f.state);
}

static void nothing_acknowledged_is_lost(void **state) {
  (void)state;
  const char *rounds = getenv("ROUNDS"), *seed = getenv("SEED");
  int count = rounds ? atoi(rounds) : 20;
  unsigned random = seed ? (unsigned)atoi(seed) : 1;
  check_temp_dir(folder);
  for (int round = 0; round < count && numbers < MOST / 2; round++) {
    random = random * 1103515245u + 12345u;
    parent_kill_one(20 + (random >> 16) % 150);
    parent_check();
  }
  uint32_t accepted = 0, ended = 0;
  for (uint32_t i = 0; i < numbers; i++) {
    accepted += (record[i] & ACCEPTED) != 0;
    ended += (record[i] & ENDED) != 0;
  }
  print_message("%d kills: %u jobs asked for, %u accepted, %u ended\n", count, numbers, accepted, ended);
  assert_true(accepted > (unsigned)count && ended > 0);
  check_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_acknowledged_is_lost)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
