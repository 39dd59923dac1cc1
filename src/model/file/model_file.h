/* Model files: a weight set and its configuration as safetensors with metadata (include/trm/model.h).
 *
 * Metadata, all strings:
 *   trm.format    "2"; files without it are of format 1, which is the same without a checksum
 *   trm.sha256    64 digits, compared when the file is opened; model/file/checksum.h says over which bytes
 *   trm.version   who wrote it
 *   trm.variant   "raw" or "ema"
 *   trm.config    JSON with the keys of trm_model_options
 *   trm.loss      "stablemax" or "softmax": what a cell's probabilities are made of; stablemax when absent
 *   trm.halt_threshold
 *                 the halting threshold chosen on validation puzzles (model/halting.h): a decimal number from -1000 to
 *                 1000
 *   trm.max_steps the steps at most that the model solves with, from 1 to 100000; halt_max_steps of trm.config is of
 *                 training. Without one of the two, its default holds (docs/solve.md)
 *   trm.hopeless  bounds on q under which more steps do not help (model/hopeless.h)
 *   trm.task, trm.card (JSON: what the model was trained on and how well it solves), trm.quantized_from, provenance:
 *                 optional
 *
 * Of trm.config those keys are required that format 1 began with:
 *   seq_len vocab_size num_puzzle_identifiers puzzle_emb_ndim puzzle_emb_len hidden_size num_heads L_layers H_cycles
 *   L_cycles expansion mlp_t pos_encodings rms_norm_eps rope_theta halt_max_steps halt_exploration_prob forward_dtype
 * A key that came later (damping, activation, recursion) may be absent, and then has its default, which for this reason
 * is what files without it mean and never changes. An unknown key is refused: it would change what is computed.
 *
 * Tensors: those of the parameter table (model/params.h) under the original's names, written as F32 or BF16, read as
 * F16 and F64 too. What else other tools put into a file, and which such files are taken, is in model/file/foreign.h.
 *
 * Int8 weights: any matrix of a layer, NAME [out][in], may be I8 with numbers from -127 to 127 instead; then there is
 * NAME_scale [out], F64 and 0 or more, and weight [i][j] is NAME[i][j] * NAME_scale[i], rounded to fp32. (F64, so that
 * 127 * scale is exactly the row's largest number, and quantizing the row again gives the same scale.) */
#ifndef TRM_MODEL_FILE_MODEL_FILE_H
#define TRM_MODEL_FILE_MODEL_FILE_H

#include <jansson.h>
#include <trm/model.h>

#include "backend/backend.h"
#include "base/sha256.h"
#include "model/file/safetensors.h"
#include "model/params.h"

/* The keys of the values that a model has beside trm.config; here alone. */
#define TRM__MODEL_HALT_THRESHOLD "trm.halt_threshold"
#define TRM__MODEL_MAX_STEPS "trm.max_steps"
#define TRM__MODEL_HOPELESS "trm.hopeless"
#define TRM__MODEL_MOST_STEPS 100000

struct trm_model {
  char *path;
  trm__safetensors st;
  trm__safetensors averaged; /* a second file that some of st's tensors are of (trm_adoption) */
  trm_model_config config;
  trm__params params;
  trm_loss_type loss;
  double halt_threshold; /* NaN: none */
  int64_t max_steps;     /* 0: none */
  trm_hopeless hopeless;
  int quantized;             /* some weights are I8 */
  char sum[TRM__SHA256_HEX]; /* of what the file holds; "": the file records none */
};

/* trm_model_open from memory, which must outlive the model; where names it in errors. */
trm_status trm__model_parse(trm_model **out, const void *data, size_t size, const char *where, trm_error *err);

/* trm_model_open of tensors and metadata that load brings together: what it leaves in model->st, and in model->averaged
 * where st points into it, is checked as a model file's. */
typedef trm_status (*trm__model_load)(trm_model *model, const void *context, trm_error *err);
trm_status trm__model_open_loaded(trm_model **out, const char *path, trm__model_load load, const void *context,
                                  trm_error *err);

/* A configuration as the text of trm.config; NULL without memory. Free with free. */
char *trm__model_config_text(const trm_model_config *config);

/* A card as it is kept in trm.card: a text that is checked to be a JSON object, without the space between its tokens.
 * Free with trm__free. TRM_E_INPUT for anything else and over 64 KiB. */
trm_status trm__card_compact(char **out, const char *text, trm_error *err);

/* Reads the file's weights into a set opened for model->params. */
void trm__model_read(const trm_model *model, trm__weight_set *set);

/* Writes config (trm.config), version, variant ("raw" or "ema"), task (trm.task: JSON text, NULL: none), loss and
 * provenance (an object of strings, NULL: none). dtype F32 or BF16. Atomic. */
typedef struct trm__model_write {
  const trm_model_config *config;
  const trm__params *params;
  const trm__weight_set *weights;
  const char *variant, *task;
  const json_t *provenance;
  trm__st_dtype dtype;
  trm_loss_type loss;
} trm__model_write;
trm_status trm__model_save(const char *path, const trm__model_write *what, uint32_t *crc, trm_error *err);

/* What every model goes through that is written: sets format and checksum in metadata, then as trm__st_write. */
trm_status trm__model_write_file(const char *path, json_t *metadata, const trm__st_source *tensors, size_t count,
                                 uint32_t *crc, trm_error *err);

#endif
