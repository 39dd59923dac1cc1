/* Options of trm train that were given and would do nothing. What somebody asked of the training either happens or is
 * refused by name. A value of the network's configuration that this network does not use is only warned of:
 * descriptions of a model list such values too. Which options have no effect follows from the others; the values alone
 * do not tell, as presets and defaults set them too. */
#include "cli/train_options.h"

#include <string.h>

typedef struct situation {
  const trm_model_config *m;
  const trm_train_config *t;
} situation;

static int without_muon(situation s) {
  return s.t->optimizer != TRM_MUON;
}

static int without_embedding(situation s) {
  return s.m->puzzle_emb_ndim == 0;
}

static int slices_are_given(situation s) {
  return s.t->micro_batch > 0 && s.t->memory > 0;
}

static int slice_is_larger(situation s) {
  return s.t->micro_batch > s.t->batch;
}

static int is_mixer(situation s) {
  return s.m->mlp_t;
}

static int is_mixer_with_rope(situation s) {
  return s.m->mlp_t && s.m->pos_encodings == TRM_POS_ROPE;
}

static int without_rope(situation s) {
  return s.m->mlp_t || s.m->pos_encodings != TRM_POS_ROPE;
}

static int has_one_step(situation s) {
  return s.m->halt_max_steps < 2;
}

static int comes_from_data(situation s) {
  (void)s;
  return 1;
}

/* Where the number of updates is known before the data is. */
static int ends_in_warmup(situation s) {
  int64_t updates = s.t->schedule_steps ? s.t->schedule_steps : s.t->steps;
  return updates > 0 && updates <= s.t->lr_warmup_steps && s.t->lr_min_ratio < 1;
}

static int without_validation(situation s) {
  return !s.t->valid[0];
}

static int length_is_given(situation s) {
  return s.t->steps > 0;
}

static const struct {
  const char *options; /* between spaces */
  int (*no_effect)(situation s);
  const char *why;
  int warn; /* 1: go on */
} rules[] = {
    {" muon_lr muon_momentum muon_weight_decay ", without_muon, "has no effect without --optimizer muon", 0},
    {" puzzle_emb_lr puzzle_emb_weight_decay ", without_embedding,
     "has no effect without a puzzle embedding (--puzzle-emb-ndim)", 0},
    {" memory ", slices_are_given, "has no effect beside --micro-batch, which says what is computed at once", 0},
    {" micro_batch ", slice_is_larger, "is more than --batch, and no more than that is computed at once", 0},
    {" num_heads ", is_mixer, "has no effect on a mixer; --no-mlp-t makes attention layers", 1},
    {" pos_encodings ", is_mixer_with_rope, "rope has no effect on a mixer; --no-mlp-t makes attention layers", 1},
    {" rope_theta ", without_rope, "has no effect without rotary positions (--no-mlp-t --pos-encodings rope)", 1},
    {" step_decay halt_exploration_prob ", has_one_step, "has no effect where --halt-max-steps is 1", 0},
    {" lr_min_ratio ", ends_in_warmup, "has no effect: the schedule ends before --lr-warmup-steps are over", 0},
    {" choose_threshold ", without_validation, "has no effect without validation data; name some with --valid", 0},
    {" epochs ", length_is_given, "has no effect beside --steps; give one of them", 0},
    {" seq_len vocab_size num_puzzle_identifiers ", comes_from_data,
     "comes from the data; what is given here has no effect", 1},
};

static int is_named(const char *options, const char *name) {
  char word[80];
  (void)snprintf(word, sizeof word, " %.70s ", name);
  return strstr(options, word) != NULL;
}

static int was_given(const cli_arguments *a, const char *name) {
  for (size_t i = 0; i < a->givens; i++)
    if (a->given[i].option && !strcmp(a->given[i].option->name, name)) return 1;
  return 0;
}

static void train_options_warn(const cli_command *self, const char *name, const char *why) {
  char shown[80];
  (void)snprintf(shown, sizeof shown, "--%.70s", name);
  for (char *c = shown; *c; c++) *c = *c == '_' ? '-' : *c;
  cli_note_ahead("trm %s: warning: %s: %s", self->name, shown, why); /* nothing is told of a run that is refused */
}

int cli_train_options(const cli_command *self, const cli_arguments *a, const trm_model_config *model,
                      trm_train_config *train) {
  situation s = {model, train};
  if (was_given(a, "epochs") && !was_given(a, "steps")) train->steps = 0; /* the preset's */
  for (size_t i = 0; i < a->givens; i++) {
    const trm_option *option = a->given[i].option;
    for (size_t k = 0; option && k < sizeof rules / sizeof *rules; k++) {
      if (!is_named(rules[k].options, option->name) || !rules[k].no_effect(s)) continue;
      if (rules[k].warn) {
        train_options_warn(self, option->name, rules[k].why);
        continue;
      }
      trm_error error = {.code = TRM_E_USAGE};
      (void)snprintf(error.where, sizeof error.where, "%s", option->name);
      (void)snprintf(error.message, sizeof error.message, "%s", rules[k].why);
      return cli_error(self, &error);
    }
  }
  return CLI_CONTINUE;
}
