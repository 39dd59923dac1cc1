/* The declaration table of trm_train_config. Defaults are the published common values (SPEC.md, Configurations) where
 * there are some. */
#include <stddef.h>
#include <trm/train.h>

#define FIELD(name) .offset = offsetof(trm_train_config, name)
#define TEXT(name) .offset = offsetof(trm_train_config, name), sizeof((trm_train_config *)0)->name
#define MANY 9e15 /* whole numbers that a double holds exactly */

/* name, type, offset, size, default, min, max, choices, metavar, group, help */
static const trm_option table[] = {
    {"data", TRM_OPT_STRING, TEXT(data), NULL, 0, 0, NULL, "PATH", "Files",
     "training data: dataset directory, .csv or .jsonl"},
    {"valid", TRM_OPT_STRING, TEXT(valid), NULL, 0, 0, NULL, "PATH", NULL,
     "validation data; of a directory, its test split"},
    {"run", TRM_OPT_STRING, TEXT(run), NULL, 0, 0, NULL, "DIR", NULL, "run directory"},
    {"init_from", TRM_OPT_STRING, TEXT(init_from), NULL, 0, 0, NULL, "MODEL", NULL, "model file to start from"},
    {"frozen", TRM_OPT_STRING, TEXT(frozen), NULL, 0, 0, NULL, "NAMES", NULL,
     "tensor name prefixes, separated by commas, that are not trained"},
    {"seed", TRM_OPT_INT, FIELD(seed), 0, "0", 0, MANY, NULL, NULL, "Run", "seed of every random number"},
    {"batch", TRM_OPT_INT, FIELD(batch), 0, "768", 1, 1 << 20, NULL, NULL, NULL, "examples an update"},
    {"micro_batch", TRM_OPT_INT, FIELD(micro_batch), 0, "0", 0, 1 << 20, NULL, NULL, NULL,
     "examples computed at once; 0: from memory"},
    {"memory", TRM_OPT_INT, FIELD(memory), 0, "0", 0, 1 << 30, NULL, "MIB", NULL,
     "memory to plan for, in MiB; 0: from the machine"},
    {"recompute", TRM_OPT_BOOL, FIELD(recompute), 0, "0", 0, 1, NULL, NULL, NULL,
     "save memory: recompute inside blocks in the backward pass"},
    {"steps", TRM_OPT_INT, FIELD(steps), 0, "0", 0, MANY, NULL, NULL, NULL, "updates; 0: from epochs"},
    {"epochs", TRM_OPT_INT, FIELD(epochs), 0, "1000", 1, MANY, NULL, NULL, NULL, "passes over the groups of the data"},
    {"max_minutes", TRM_OPT_REAL, FIELD(max_minutes), 0, "0", 0, 1e9, NULL, NULL, NULL,
     "stop after so long, saved and resumable; 0: no limit"},
    {"augment", TRM_OPT_BOOL, FIELD(augment), 0, "0", 0, 1, NULL, NULL, NULL,
     "transform examples by the puzzle's symmetries on the fly"},
    {"optimizer", TRM_OPT_ENUM, FIELD(optimizer), 0, "adam_atan2", 0, 0, "adam_atan2|adamw|muon", NULL, "Optimizer",
     "optimizer; muon: on the layers' matrices, adamw on the rest"},
    {"lr", TRM_OPT_REAL, FIELD(lr), 0, "1e-4", 0, 10, NULL, NULL, NULL, "learning rate"},
    {"lr_min_ratio", TRM_OPT_REAL, FIELD(lr_min_ratio), 0, "1", 0, 1, NULL, NULL, NULL,
     "final part of the rate after cosine decay; 1: constant"},
    {"beta1", TRM_OPT_REAL, FIELD(beta1), 0, "0.9", 0, 0.999999, NULL, NULL, NULL, "decay of the first moment"},
    {"beta2", TRM_OPT_REAL, FIELD(beta2), 0, "0.95", 0, 0.999999, NULL, NULL, NULL, "decay of the second moment"},
    {"weight_decay", TRM_OPT_REAL, FIELD(weight_decay), 0, "1.0", 0, 1e4, NULL, NULL, NULL, "decoupled weight decay"},
    {"lr_warmup_steps", TRM_OPT_INT, FIELD(lr_warmup_steps), 0, "2000", 0, MANY, NULL, NULL, NULL,
     "updates of linear warm-up"},
    {"muon_lr", TRM_OPT_REAL, FIELD(muon_lr), 0, "0.02", 0, 10, NULL, NULL, NULL, "learning rate of muon's matrices"},
    {"muon_momentum", TRM_OPT_REAL, FIELD(muon_momentum), 0, "0.95", 0, 0.999999, NULL, NULL, NULL, "muon's momentum"},
    {"muon_weight_decay", TRM_OPT_REAL, FIELD(muon_weight_decay), 0, "0.005", 0, 1e4, NULL, NULL, NULL,
     "weight decay of muon's matrices"},
    {"puzzle_emb_lr", TRM_OPT_REAL, FIELD(puzzle_emb_lr), 0, "1e-4", 0, 10, NULL, NULL, NULL,
     "learning rate of the puzzle embedding (sign-SGD)"},
    {"puzzle_emb_weight_decay", TRM_OPT_REAL, FIELD(puzzle_emb_weight_decay), 0, "1.0", 0, 1e4, NULL, NULL, NULL,
     "weight decay of the puzzle embedding"},
    {"ema_decay", TRM_OPT_REAL, FIELD(ema_decay), 0, "0.999", 0, 1, NULL, NULL, NULL, "decay of the averaged weights"},
    {"ema_from", TRM_OPT_INT, FIELD(ema_from), 0, "0", 0, MANY, NULL, NULL, NULL,
     "update at which averaging starts from the weights"},
    {"clip", TRM_OPT_REAL, FIELD(clip), 0, "0", 0, 1e12, NULL, NULL, NULL, "largest gradient norm; 0: no clipping"},
    {"loss", TRM_OPT_ENUM, FIELD(loss), 0, "stablemax", 0, 0, "stablemax|softmax", NULL, "Loss", "token loss"},
    {"label_smoothing", TRM_OPT_REAL, FIELD(label_smoothing), 0, "0", 0, 0.999, NULL, NULL, NULL,
     "part of the label spread over the vocabulary"},
    {"halt_weight", TRM_OPT_REAL, FIELD(halt_weight), 0, "0.5", 0, 1e3, NULL, NULL, NULL, "weight of the halting loss"},
    {"step_decay", TRM_OPT_REAL, FIELD(step_decay), 0, "1", 0.001, 1, NULL, NULL, NULL,
     "an example that has had k supervision steps weighs this to the power k; 1: all alike"},
    {"max_loss", TRM_OPT_REAL, FIELD(max_loss), 0, "1000", 0, 1e12, NULL, NULL, NULL,
     "a mean loss over this stops the run as diverged"},
    {"latents", TRM_OPT_INT, FIELD(latents), 0, "1", 1, 64, NULL, "K", "Recursion",
     "latents a puzzle from different starts, of which the best learns (winner takes all)"},
    {"cycles_schedule", TRM_OPT_STRING, TEXT(cycles_schedule), NULL, 0, 0, NULL, "PHASES", NULL,
     "latent and recursion cycles by progress, such as 0:2x1,0.3:4x2,0.6:6x3; none: the model's"},
    {"start_noise", TRM_OPT_REAL, FIELD(start_noise), 0, "0", 0, 100, NULL, NULL, NULL,
     "deviation of the noise on a latent's start"},
    {"latent_noise", TRM_OPT_REAL, FIELD(latent_noise), 0, "0", 0, 100, NULL, NULL, NULL,
     "deviation of the noise on the latent after each latent cycle"},
    {"eval_every", TRM_OPT_INT, FIELD(eval_every), 0, "0", 0, MANY, NULL, NULL, "Evaluation",
     "updates between evaluations; 0: at the end only"},
    {"eval_limit", TRM_OPT_INT, FIELD(eval_limit), 0, "0", 0, MANY, NULL, NULL, NULL, "puzzles an evaluation; 0: all"},
    {"patience", TRM_OPT_INT, FIELD(patience), 0, "0", 0, MANY, NULL, NULL, NULL,
     "evaluations without a better one before stopping; 0: never"},
    {"stop_at", TRM_OPT_REAL, FIELD(stop_at), 0, "0", 0, 1, NULL, NULL, NULL,
     "stop at this exact accuracy on the validation data; 0: never"},
    {"save_every", TRM_OPT_INT, FIELD(save_every), 0, "1000", 1, MANY, NULL, NULL, "Records",
     "updates between checkpoints"},
    {"keep", TRM_OPT_INT, FIELD(keep), 0, "2", 1, MANY, NULL, NULL, NULL, "checkpoints kept"},
    {"log_every", TRM_OPT_INT, FIELD(log_every), 0, "1", 1, MANY, NULL, NULL, NULL,
     "updates between lines of metrics.jsonl"},
};

const trm_option *trm_train_options(size_t *count) {
  *count = sizeof table / sizeof *table;
  return table;
}

trm_train_config trm_train_config_default(void) {
  trm_train_config config = {0};
  trm_options_default(table, sizeof table / sizeof *table, &config);
  return config;
}
