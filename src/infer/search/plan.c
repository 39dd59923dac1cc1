/* The options of a search, checked against each other and against what is known of the task: see plan.h. */
#include "infer/search/plan.h"

#include "base/status.h"
#include "infer/values.h"
#include "model/sets.h"
#include "task/kind.h"
#include "task/puzzle.h"
#include "task/symmetry.h"

enum { SIDE = 8, STEPS = 4, GUESSES = 3 }; /* of a wave, of a chain, of a question, that did best: docs/accuracy.md */

static trm_status plan_check_ranges(const trm_solver_config *c, int voters, trm_error *err) {
  const struct {
    const char *name;
    int64_t value, least, most;
  } counts[] = {{"search", c->search, TRM_SEARCH_USUAL, TRM__VALUES_STEPS},
                {"level", c->level, TRM_LEVEL_USUAL, TRM_LEVEL_E},
                {"chains", c->chains, 0, TRM_CHAINS_MOST},
                {"chain_steps", c->chain_steps, 0, TRM__VALUES_STEPS},
                {"guesses", c->guesses, -1, TRM_CHAINS_MOST},
                {"votes", c->votes, 1, TRM_CHAINS_MOST},
                {"vote_by", c->vote_by, TRM_VOTE_FIRST, TRM_VOTE_MAJORITY},
                {"rollouts", c->rollouts, 1, TRM_CHAINS_MOST}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i].value < counts[i].least || counts[i].value > counts[i].most)
      return trm__fail(err, TRM_E_USAGE, counts[i].name, "found %lld, expected %lld to %lld",
                       (long long)counts[i].value, (long long)counts[i].least, (long long)counts[i].most);
  if (c->votes * c->rollouts * voters > TRM_CHAINS_MOST) /* all are small */
    return trm__fail(err, TRM_E_USAGE, "votes", "found %lld of %lld rollouts each%s, expected %d chains at most",
                     (long long)c->votes, (long long)c->rollouts, voters > 1 ? " by several models" : "",
                     TRM_CHAINS_MOST);
  if (voters > 1 && c->level == TRM_LEVEL_A)
    return trm__fail(err, TRM_E_USAGE, "level", "found A, one trajectory, beside %d models, which vote; leave it out",
                     voters);
  if (!(c->noise >= 0 && c->noise <= 100))
    return trm__fail(err, TRM_E_USAGE, "noise", "found %g, expected 0 to 100", c->noise);
  return TRM_OK;
}

/* What the task cannot give. */
static trm_status plan_check_task(const trm__plan *p, const trm_solver_config *c, const trm_task *task, int random,
                                  trm_error *err) {
  char title[96];
  (void)trm_task_title(task, title, sizeof title);
  if (c->level >= TRM_LEVEL_C && !trm_task_rules(task))
    return trm__fail(err, TRM_E_USAGE, "level",
                     "found one that checks answers, but no rules of a %s are known, expected A or B", title);
  if (c->level >= TRM_LEVEL_D && !trm__kind_of(task)->deduce)
    return trm__fail(err, TRM_E_USAGE, "level", "found D or E, but for a %s there is no partial check, expected A to C",
                     title);
  if (c->votes > 1 && !trm__symmetry_known(task))
    return trm__fail(
        err, TRM_E_USAGE, "votes",
        "found %lld, but no symmetries of a %s are known, expected 1, and --rollouts N --noise S in its place",
        (long long)c->votes, title);
  if (c->rollouts > 1 && !random)
    return trm__fail(err, TRM_E_USAGE, "rollouts",
                     "found %lld without noise, which would all be the same; expected --noise S",
                     (long long)c->rollouts);
  if (c->search > 0 && !p->framed && !random)
    return trm__fail(err, TRM_E_USAGE, "search",
                     "found %lld, but no symmetries of a %s are known, expected --noise S beside it, or 0",
                     (long long)c->search, title);
  return TRM_OK;
}

static trm_status plan_check_budget(const trm_solver_config *c, int64_t max_steps, int voters, trm_error *err) {
  if (c->search > 0 && c->votes * c->rollouts * voters > 1)
    return trm__fail(err, TRM_E_USAGE, "search",
                     "found %lld beside %s, which say themselves how many chains there are; leave one out",
                     (long long)c->search, voters > 1 ? "models that vote" : "votes or rollouts");
  if (c->search > 0 && c->search < max_steps)
    return trm__fail(err, TRM_E_USAGE, "search",
                     "found %lld, expected the step limit, %lld, or more, or 0 for no search", (long long)c->search,
                     (long long)max_steps);
  if (c->noise_control && c->search <= 0)
    return trm__fail(err, TRM_E_USAGE, "noise_control", "found without a budget, expected search to say the steps");
  return TRM_OK;
}

/* The steps that TRM_SEARCH_WORK allows; 0 when that is not even a second chain. */
static int64_t plan_usual_budget(int64_t max_steps, int64_t limit, double step_work) {
  double allowed = TRM_SEARCH_WORK / step_work;
  if (!(allowed >= (double)(max_steps + limit))) return 0;
  return allowed > TRM_SEARCH_MOST ? TRM_SEARCH_MOST : (int64_t)allowed;
}

/* Chains with guesses are short. Without, they get what the plain trajectory has. */
static int64_t plan_limit(const trm_solver_config *c, int guesses, int64_t max_steps) {
  if (c->chain_steps) return c->chain_steps;
  return guesses && max_steps > STEPS ? STEPS : max_steps;
}

/* All chains of votes and rollouts are one wave. */
static void plan_vote(trm__plan *p, const trm_solver_config *c, int64_t max_steps) {
  p->votes = 1;
  p->share = (int)(c->votes * c->rollouts);
  p->first = p->share * p->voters;
  p->repeats = (int)c->rollouts;
  p->limit = max_steps;
  p->budget = p->first * max_steps;
}

trm_status trm__plan_make(trm__plan *plan, const trm_solver_config *c, const trm_task *task, int64_t max_steps,
                          double step_work, int voters, trm_error *err) {
  int rules = trm_task_rules(task) != NULL, random = c->noise > 0 || c->start_noise > 0 || c->latent_noise > 0;
  int guesses = !trm__task_blank(task) ? 0 : c->guesses < 0 ? GUESSES : (int)c->guesses;
  trm__plan p = {.start = max_steps,
                 .limit = plan_limit(c, guesses, max_steps),
                 .side = c->chains ? (int)c->chains : SIDE,
                 .first = 1,
                 .voters = voters,
                 .share = 1,
                 .repeats = 1,
                 .by = c->vote_by,
                 .level = c->level ? c->level
                          : rules  ? TRM_LEVEL_C
                                   : TRM_LEVEL_B,
                 .guesses = guesses,
                 .framed = trm__symmetry_known(task),
                 .noise = c->noise,
                 .control = c->noise_control};
  trm_status status = plan_check_ranges(c, voters, err);
  if (!status) status = plan_check_task(&p, c, task, random, err);
  if (!status) status = plan_check_budget(c, max_steps, voters, err);
  if (status) return status;
  p.judged = p.level >= TRM_LEVEL_C;
  p.budget = c->search > 0 ? c->search : 0;
  if (c->search == TRM_SEARCH_USUAL && p.framed && rules) p.budget = plan_usual_budget(max_steps, p.limit, step_work);
  if (c->votes * c->rollouts * voters > 1) plan_vote(&p, c, max_steps);
  p.on = p.budget > 0 && p.level > TRM_LEVEL_A;
  *plan = p;
  return TRM_OK;
}

int trm__lattice_fits(const trm_task *task) {
  return trm__task_blank(task) == TRM__SETS_TOKEN - 1 && trm__kind_of(task)->deduce && trm__symmetry_known(task);
}

/* Options that mean nothing to a lattice model. */
static trm_status plan_check_lattice(const trm_solver_config *c, const trm_task *task, trm_error *err) {
  const struct {
    const char *name;
    int given;
  } unused[] = {{"votes", c->votes > 1},
                {"rollouts", c->rollouts > 1},
                {"guesses", c->guesses >= 0},
                {"noise", c->noise > 0},
                {"start_noise", c->start_noise > 0},
                {"latent_noise", c->latent_noise > 0},
                {"damping", c->damping >= 0},
                {"fixed_point", c->fixed_point > 0},
                {"keep", c->keep != TRM_KEEP_LAST},
                {"stop_hopeless", c->stop_hopeless},
                {"parallel_latents", c->parallel_latents > 1},
                {"H_cycles", c->H_cycles > 1},
                {"dtype", c->dtype != TRM_SOLVE_MODEL && c->dtype != TRM_SOLVE_FLOAT32}};
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
    if (unused[i].given)
      return trm__fail(err, TRM_E_USAGE, unused[i].name, "is not for a lattice model, which has passes and no latent");
  if (trm__lattice_fits(task)) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, "task", "a lattice model solves Sudoku, and its file names another task");
}

trm_status trm__plan_make_lattice(trm__plan *plan, const trm_solver_config *c, const trm_task *task, int64_t max_steps,
                                  trm_error *err) {
  int level = c->level ? c->level : TRM_LEVEL_C, alone = !c->search || level == TRM_LEVEL_A;
  trm__plan p = {.on = 1,
                 .voters = 1,
                 .share = 1,
                 .repeats = 1,
                 .by = c->vote_by,
                 .level = level,
                 .judged = level >= TRM_LEVEL_C,
                 .framed = 1,
                 .control = c->noise_control};
  trm_status status = plan_check_ranges(c, 1, err);
  if (!status) status = plan_check_lattice(c, task, err);
  if (!status) status = plan_check_budget(c, max_steps, 1, err);
  if (status) return status;
  p.budget = alone ? max_steps : c->search > 0 ? c->search : TRM_SEARCH_MOST;
  p.side = alone ? 1 : c->chains ? (int)c->chains : SIDE;
  if (p.side > p.budget) p.side = (int)p.budget;
  p.limit = c->chain_steps && !alone ? c->chain_steps : p.budget / p.side;
  if (p.limit * p.side > p.budget) p.limit = p.budget / p.side;
  p.first = p.side;
  p.start = p.limit;
  *plan = p;
  return TRM_OK;
}

int trm__plan_most(const trm__plan *plan) {
  return plan->first > plan->side ? plan->first : plan->side;
}
