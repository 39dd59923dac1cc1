/* Checking data: every question against its task's rules, every answer against its question, those that
 * want a single solution also for that, and the splits for puzzles that are the same. Copies of a puzzle inside its
 * group are not duplicates; of these only the first is solved, because its images have as many solutions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "data/dataset.h"
#include "task/hash.h"
#include "task/keys.h"

enum { TRAIN, TEST, SPLITS };
enum { BOUND = 1000000 }; /* guesses that one question is worth */
static const char *const split_names[SPLITS] = {"train", "test"};

/* Where puzzles of one class were met. */
typedef struct met {
  int64_t group; /* the last one */
  uint8_t split; /* the last one's */
  uint8_t first_split;
} met;

/* The first example of a question. */
typedef struct asked {
  int64_t example;
  int split;
} asked;

typedef struct checker {
  const char *path;
  int is_directory;
  trm_dataset *dataset[SPLITS]; /* NULL: absent */
  trm__classes classes;         /* of puzzles that are the same */
  met *met;                     /* [classes] */
  trm__classes questions;       /* that are the same to the last cell, with the same identifier */
  asked *asked;                 /* [questions] */
  int64_t first_shared;         /* example of the test split, when report.shared is not 0 */
  int32_t *tokens;              /* [4][seq_len] */
  trm_check_report report;
  double guesses, ratings;
  int64_t solved, rated, done, total;
  trm_progress_fn progress;
  void *context;
  trm_error *err;
} checker;

static trm_status checker_open_split(checker *c, int split) {
  char *folder = trm__format("%s/%s", c->path, split_names[split]);
  if (!folder) return trm__fail_memory(c->err, c->path, strlen(c->path) + 32);
  trm__path_kind kind = split == TRAIN ? TRM__PATH_FILE : TRM__PATH_ABSENT;
  trm_status status = c->is_directory ? trm__path_find(&kind, folder, c->err) : TRM_OK;
  trm__free(folder);
  if (status || kind == TRM__PATH_ABSENT) return status;
  return trm_dataset_open(&c->dataset[split], c->path, split_names[split], NULL, c->err);
}

static trm_status checker_open(checker *c) {
  size_t examples = 0, cells = 0;
  c->is_directory = trm__path_is_dir(c->path);
  for (int s = 0; s < SPLITS; s++) {
    trm_status status = checker_open_split(c, s);
    if (status) return status;
    if (!c->dataset[s]) continue;
    const trm_dataset_info *info = &c->dataset[s]->info;
    examples += (size_t)info->examples;
    if ((size_t)info->seq_len > cells) cells = (size_t)info->seq_len;
    c->report.examples += info->examples;
    c->report.puzzles += info->puzzles;
    c->report.groups += info->groups;
    c->report.rules = trm_task_rules(&info->task);
    if (strlen(c->report.notes) + strlen(info->notes) < TRM_NOTES) strcat(c->report.notes, info->notes);
  }
  c->total = (int64_t)examples;
  if (examples == 0)
    return trm__fail(c->err, TRM_E_INPUT, c->path, "neither train/ nor test/ in it, expected a dataset directory");
  if (c->dataset[TRAIN] && c->dataset[TEST] &&
      (c->dataset[TRAIN]->info.seq_len != c->dataset[TEST]->info.seq_len ||
       c->dataset[TRAIN]->info.vocab_size != c->dataset[TEST]->info.vocab_size))
    return trm__fail(c->err, TRM_E_INPUT, c->path,
                     "train and test differ in seq_len or vocab_size, expected equal ones");
  c->met = trm__calloc(examples, sizeof *c->met);
  c->asked = trm__calloc(examples, sizeof *c->asked);
  c->tokens = trm__calloc(4 * cells, sizeof *c->tokens);
  if (!c->met || !c->asked || !c->tokens) return trm__fail_memory(c->err, c->path, examples * sizeof *c->met);
  trm_status status = trm__classes_open(&c->classes, examples, c->err);
  return status ? status : trm__classes_open(&c->questions, examples, c->err);
}

static void checker_note(checker *c, int split, int64_t example, const char *where, const char *message) {
  if (c->report.first_problem[0] != '\0') return;
  snprintf(c->report.first_problem, sizeof c->report.first_problem, "%s%sexample %lld: %.60s%s%.120s",
           c->is_directory ? split_names[split] : "", c->is_directory ? ", " : "", (long long)example + 1, where,
           where[0] != '\0' ? ": " : "", message);
}

/* Whether question and answer keep the rules. */
static int checker_judge(checker *c, int split, int64_t example, const int32_t *question, const int32_t *answer) {
  const trm_task *task = &c->dataset[split]->info.task;
  trm_error problem = {0};
  trm_status status = trm_task_check_question(task, question, &problem);
  if (status) {
    c->report.bad_questions++;
    checker_note(c, split, example, problem.where, problem.message);
  }
  trm_task_verdict verdict = trm_task_judge(task, question, answer);
  if (verdict.keeps_rules < 0) c->report.unjudged++;
  if (!verdict.keeps_clues || !verdict.keeps_rules) {
    c->report.bad_answers++;
    checker_note(c, split, example, "",
                 verdict.keeps_clues ? "the answer breaks the rules" : "the answer changes a clue");
  }
  return !status;
}

/* How many solutions a question has, of a kind that wants one. A search that was given up proves nothing but the
 * solutions that it found. */
static void checker_solve(checker *c, int split, int64_t example, const int32_t *question) {
  const trm_task *task = &c->dataset[split]->info.task;
  trm_task_solutions found = trm_task_unique(task, question, BOUND);
  if (!found.single) return;
  c->report.single = 1;
  if (found.count > 1) {
    c->report.not_unique++;
    checker_note(c, split, example, "", "the question has more than one solution");
  } else if (found.count == TRM_SOLUTIONS_UNDECIDED) {
    c->report.undecided++;
    checker_note(c, split, example, "",
                 "not decided whether the question has one solution: the exact solver gave up after a million guesses");
  } else if (found.count == 0) {
    c->report.bad_questions++;
    checker_note(c, split, example, "", "the question has no solution");
  }
  if (!isfinite(found.effort)) return;
  c->guesses += found.effort;
  c->solved++;
}

/* Counts a puzzle that is the same as one of an earlier group. Groups come in order, those of the training split first.
 * Returns 1 for the first of its class in its group. */
static int checker_compare(checker *c, int split, int64_t group, int64_t example, uint64_t key) {
  uint32_t before = c->classes.count, class = trm__classes_add(&c->classes, key);
  met *m = &c->met[class];
  if (class == before) {
    *m = (met){.group = group, .split = (uint8_t)split, .first_split = (uint8_t)split};
    return 1;
  }
  if (m->split == split && m->group == group) return 0;
  if (m->split == split) c->report.duplicates++;
  if (split == TEST && m->first_split == TRAIN) {
    if (c->report.shared++ == 0) c->first_shared = example;
  }
  m->group = group;
  m->split = (uint8_t)split;
  return 1;
}

/* Whether the same question stood before with another answer: in a cell that is scored in both. */
static void checker_ask(checker *c, int split, int64_t example, int32_t identifier, const int32_t *question,
                        const int32_t *answer) {
  size_t cells = (size_t)c->dataset[split]->info.seq_len;
  int32_t *before = c->tokens + 2 * cells, *answered = before + cells, its = 0;
  uint64_t hash = trm__hash_token(TRM__HASH_START, identifier);
  for (size_t i = 0; i < cells; i++) hash = trm__hash_token(hash, question[i]);
  uint32_t known = c->questions.count, class = trm__classes_add(&c->questions, trm__hash_finish(hash));
  asked *first = &c->asked[class];
  if (class == known) {
    *first = (asked){example, split};
    return;
  }
  trm_dataset_example(c->dataset[first->split], first->example, before, answered, &its, NULL);
  if (its != identifier || memcmp(before, question, cells * sizeof *before) != 0) return;
  for (size_t i = 0; i < cells; i++)
    if (answer[i] != answered[i] && answer[i] != -100 && answered[i] != -100) {
      char message[120];
      snprintf(message, sizeof message, "its question has another answer in %s%sexample %lld",
               c->is_directory ? split_names[first->split] : "", c->is_directory ? ", " : "",
               (long long)first->example + 1);
      c->report.conflicts++;
      checker_note(c, split, example, "", message);
      return;
    }
}

static void checker_add_example(checker *c, int split, int64_t group, int64_t example) {
  const trm_dataset *d = c->dataset[split];
  size_t cells = (size_t)d->info.seq_len;
  int32_t *question = c->tokens, *answer = c->tokens + cells;
  int32_t identifier;
  double rating;
  trm_dataset_example(d, example, question, answer, &identifier, &rating);
  checker_ask(c, split, example, identifier, question, answer);
  if (d->info.has_ratings && isfinite(rating)) c->ratings += rating, c->rated++;
  for (size_t i = 0; i < cells; i++)
    if (answer[i] == -100) answer[i] = 0;
  int good = checker_judge(c, split, example, question, answer);
  int first = checker_compare(c, split, group, example, trm__question_key(&d->info.task, question, cells));
  if (first && good) checker_solve(c, split, example, question);
}

static trm_status checker_add_split(checker *c, int split) {
  const trm_dataset *d = c->dataset[split];
  for (int64_t g = 0; g < d->info.groups; g++) {
    int64_t begin = d->puzzle_indices[d->group_indices[g]], end = d->puzzle_indices[d->group_indices[g + 1]];
    for (int64_t i = begin; i < end; i++, c->done++) {
      if (c->progress && c->done % 256 == 0 &&
          c->progress(c->context, (double)c->done / (double)c->total, "checking puzzles") != 0)
        return trm__fail(c->err, TRM_E_STOPPED, c->path, "stopped after %lld of %lld examples", (long long)c->done,
                         (long long)c->total);
      checker_add_example(c, split, g, i);
    }
  }
  return TRM_OK;
}

trm_status trm_data_check(const char *path, trm_check_report *report, trm_progress_fn progress, void *context,
                          trm_error *err) {
  checker c = {.path = path, .progress = progress, .context = context, .err = err};
  trm_status status = checker_open(&c);
  for (int s = 0; s < SPLITS && !status; s++)
    if (c.dataset[s]) status = checker_add_split(&c, s);
  if (!status) {
    if (c.report.shared > 0) checker_note(&c, TEST, c.first_shared, "", "is equivalent to a training puzzle");
    c.report.mean_guesses = c.solved > 0 ? c.guesses / (double)c.solved : (double)NAN;
    c.report.mean_rating = c.rated > 0 ? c.ratings / (double)c.rated : (double)NAN;
    *report = c.report;
    if (progress) (void)progress(context, 1, "done");
  }
  for (int s = 0; s < SPLITS; s++) trm_dataset_close(&c.dataset[s]);
  trm__classes_close(&c.classes);
  trm__classes_close(&c.questions);
  trm__free(c.met);
  trm__free(c.asked);
  trm__free(c.tokens);
  return status;
}
