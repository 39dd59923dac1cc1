/* Several models for the same puzzles, which vote: the first has a solver as ever, and that one has a plain solver for
 * each of the others, which a search gives their chains (infer/search/entry.h). */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "infer/engine.h"
#include "model/file/model_file.h"

static const char *voters_path(const trm_model *model) {
  return model->path ? model->path : "model";
}

static trm_status voters_refuse(const trm_model *other, const trm_model *first, const char *field, const char *found,
                                const char *expected, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, voters_path(other),
                   "%s: found %s, expected %s as in %s; name models of the same puzzles, or leave one of them out",
                   field, found, expected, voters_path(first));
}

static trm_status voters_check_size(const trm_model *other, const trm_model *first, const char *field, int64_t found,
                                    int64_t expected, trm_error *err) {
  char a[32], b[32];
  if (found == expected) return TRM_OK;
  (void)trm__print(a, sizeof a, "%lld", (long long)found);
  (void)trm__print(b, sizeof b, "%lld", (long long)expected);
  return voters_refuse(other, first, field, a, b, err);
}

/* Both must take the same puzzles: their task, size and symbols are the same. */
static trm_status voters_check_fit(const trm_model *other, const trm_model *first, trm_error *err) {
  const trm_model_config *a = trm_model_get_config(other), *b = trm_model_get_config(first);
  trm_task task, of_first;
  char found[96], expected[96];
  trm_status status = trm_model_task(other, &task, err);
  if (!status) status = trm_model_task(first, &of_first, err);
  if (status) return status;
  (void)trm_task_title(&task, found, sizeof found);
  (void)trm_task_title(&of_first, expected, sizeof expected);
  if (task.kind != of_first.kind || strcmp(found, expected) != 0)
    return voters_refuse(other, first, "task", found, expected, err);
  status = voters_check_size(other, first, "seq_len", a->seq_len, b->seq_len, err);
  if (!status) status = voters_check_size(other, first, "vocab_size", a->vocab_size, b->vocab_size, err);
  if (!status) status = voters_check_size(other, first, "width", task.width, of_first.width, err);
  if (!status && strcmp(task.alphabet, of_first.alphabet) != 0) {
    (void)trm__print(found, sizeof found, "\"%.80s\"", task.alphabet);
    (void)trm__print(expected, sizeof expected, "\"%.80s\"", of_first.alphabet);
    return voters_refuse(other, first, "alphabet", found, expected, err);
  }
  return status;
}

/* The first solver alone searches; the others compute what it gives them. */
static trm_solver_config voters_plain(const trm_solver_config *config) {
  const trm_solver_config usual = trm_solver_config_default();
  trm_solver_config plain = *config;
  plain.puzzles = config->puzzles * config->votes * config->rollouts;
  plain.search = usual.search;
  plain.level = usual.level;
  plain.votes = usual.votes;
  plain.rollouts = usual.rollouts;
  plain.noise_control = usual.noise_control;
  return plain;
}

trm_status trm_solver_open_voters(trm_solver **out, trm_runtime *runtime, const trm_model *const *models, int64_t count,
                                  const trm_solver_config *config, trm_error *err) {
  trm_solver_config whole;
  trm_solver *s = NULL;
  trm_status status = trm__solver_config_read(&whole, config, err);
  if (!status && (count < 1 || count > TRM_VOTERS_MOST))
    status =
        trm__fail(err, TRM_E_USAGE, "model", "found %lld models, expected 1 to %d", (long long)count, TRM_VOTERS_MOST);
  for (int64_t i = 0; i < count && count > 1 && !status; i++)
    if (trm_model_get_config(models[i])->recursion == TRM_RECURSION_LATTICE)
      status = trm__fail(err, TRM_E_UNSUPPORTED, voters_path(models[i]), "is a lattice model, and these do not vote");
  for (int64_t i = 1; i < count && !status; i++) status = voters_check_fit(models[i], models[0], err);
  if (!status) status = trm__solver_open(&s, runtime, models[0], &whole, (int)count, err);
  if (status) return status;
  const trm_solver_config plain = voters_plain(&whole);
  if (count > 1) s->voter = trm__calloc((size_t)count - 1, sizeof *s->voter);
  if (count > 1 && !s->voter) status = trm__fail_memory(err, s->path, (size_t)count * sizeof *s->voter);
  for (int64_t i = 1; i < count && !status; i++) {
    status = trm__solver_open(&s->voter[i - 1], runtime, models[i], &plain, 1, err);
    s->voters += !status;
  }
  if (status) trm_solver_close(&s);
  else *out = s;
  return status;
}

const trm_solver *trm_solver_voter(const trm_solver *solver, int64_t index) {
  if (index < 0 || index > solver->voters) return NULL;
  return index ? solver->voter[index - 1] : solver;
}
