/* Training on a device that is behind and whose memory the host cannot touch (device_backend.h): the same bits as on
 * the CPU, with and without recorded updates; divergence found late; whole runs, stopped and resumed. */
#include "unit/train/support.h"

#include "base/mem.h"
#include "base/os/file.h"
#include "support/device_backend.h"
#include "train/plan.h"

/* A runtime whose backend is the device over its own. */
typedef struct rig {
  trm_runtime *runtime;
  trm__backend *cpu;
  device *device; /* NULL: the CPU alone */
} rig;

enum { ON_CPU, ON_DEVICE, RECORDED, KINDS };

static void open_rig(rig *r, int kind) {
  r->runtime = tiny_runtime(2);
  r->cpu = r->runtime->backend;
  r->device = NULL;
  if (kind == ON_CPU) return;
  r->runtime->backend = device_open(r->cpu, kind == RECORDED);
  r->device = (device *)r->runtime->backend;
}

static void close_rig(rig *r) {
  if (r->device) trm__backend_close(&r->runtime->backend);
  r->runtime->backend = r->cpu;
  trm_runtime_close(&r->runtime);
}

typedef struct bench {
  rig rig;
  trm__comm *comm;
  trm__trainer trainer;
} bench;

static double damping; /* of the benches' models */

static void open_bench(bench *b, int kind, const trm_train_config *train) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  model.num_puzzle_identifiers = 3;
  model.damping = damping;
  model.activation = damping != 0 ? TRM_ACT_RMS_GATE : TRM_ACT_SILU;
  open_rig(&b->rig, kind);
  CHECK_OK(trm__comm_self(&b->comm, &err), err);
  trm__trainer_config config = {
      .runtime = b->rig.runtime, .comm = b->comm, .model = &model, .train = train, .updates = 20, .micro_batch = 4};
  CHECK_OK(trm__trainer_open(&b->trainer, &config, &err), err);
}

static void close_bench(bench *b) {
  trm__trainer_close(&b->trainer);
  trm__comm_close(&b->comm);
  close_rig(&b->rig);
}

/* A candidate for every slot, the same for the same update. */
static void offer(trm__trainer *t, int update) {
  int S = t->carry.slots.seq_len;
  for (int i = 0; i < t->carry.slots.count; i++) {
    trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, (uint64_t)(update * 1000 + i));
    for (int j = i * S; j < (i + 1) * S; j++) {
      t->offer.inputs[j] = 1 + (int32_t)trm__rng_below(&rng, 5);
      t->offer.labels[j] = j % 5 ? 2 + (int32_t)trm__rng_below(&rng, 4) : -100;
    }
    t->offer.ids[i] = (int32_t)trm__rng_below(&rng, 3);
  }
}

static void same_array(trm__trainer *a, const void *x, trm__trainer *b, const void *y, size_t bytes) {
  trm_error err = {0};
  void *one = trm__trainer_borrow(a, x, bytes, &err), *two = trm__trainer_borrow(b, y, bytes, &err);
  assert_non_null(one);
  assert_non_null(two);
  assert_memory_equal(one, two, bytes);
  trm__trainer_return(a, NULL, bytes, one, 0);
  trm__trainer_return(b, NULL, bytes, two, 0);
}

static void same_trainer(trm__trainer *a, trm__trainer *b) {
  size_t n = a->params.trained * sizeof(trm__real), slots = (size_t)a->carry.slots.count;
  size_t tokens = slots * (size_t)a->carry.slots.seq_len * sizeof(int32_t);
  same_array(a, a->weights, b, b->weights, n);
  same_array(a, a->ema, b, b->ema, n);
  same_array(a, a->optimizer.m, b, b->optimizer.m, n);
  same_array(a, a->optimizer.v, b, b->optimizer.v, n);
  same_array(a, a->puzzle, b, b->puzzle, a->params.puzzle * sizeof(trm__real));
  same_array(a, a->carry.y, b, b->carry.y, slots * a->carry.slot_bytes);
  same_array(a, a->carry.z, b, b->carry.z, (size_t)a->carry.latents * slots * a->carry.slot_bytes);
  same_array(a, a->start, b, b->start, (size_t)((1 + a->carry.latents) * a->params.dims.D) * sizeof(trm__real));
  same_array(a, a->carry.slots.inputs, b, b->carry.slots.inputs, tokens);
  same_array(a, a->carry.slots.labels, b, b->carry.slots.labels, tokens);
  same_array(a, a->carry.slots.ids, b, b->carry.slots.ids, slots * sizeof(int32_t));
  same_array(a, a->carry.slots.steps, b, b->carry.slots.steps, slots * sizeof(int32_t));
  same_array(a, a->carry.slots.halted, b, b->carry.slots.halted, slots);
  assert_int_equal(a->step, b->step);
}

static void same_done(const trm__done *a, const trm__done *b) {
  assert_int_equal(a->step, b->step);
  assert_memory_equal(&a->update, &b->update, sizeof a->update);
  for (int i = 0; i < a->slots; i++) {
    assert_true(a->stats[i].lm_loss == b->stats[i].lm_loss && a->stats[i].q_halt == b->stats[i].q_halt);
    assert_int_equal(a->stats[i].right, b->stats[i].right);
    assert_int_equal(a->steps[i], b->steps[i]);
    assert_int_equal(a->halted[i], b->halted[i]);
  }
}

/* Seven updates one by one on the CPU, as 1 + 6 in the device's queue. */
static void follow(int kind, const trm_train_config *train) {
  enum { UPDATES = 7 };
  bench cpu, dev;
  trm_error err = {0};
  open_bench(&cpu, ON_CPU, train);
  open_bench(&dev, kind, train);
  same_trainer(&cpu.trainer, &dev.trainer);
  int halted = 0, count = 0;
  for (int update = 1; update <= UPDATES; update++) {
    offer(&dev.trainer, update);
    CHECK_OK(trm__update_enqueue(&dev.trainer, &err), err);
    memset(dev.trainer.offer.inputs, -1, 16); /* may be written again at once */
    if (update > 1 && update < UPDATES) continue;
    CHECK_OK(trm__update_collect(&dev.trainer, &count, &err), err);
    assert_int_equal(count, update == 1 ? 1 : UPDATES - 1);
    for (int i = 0; i < count; i++) {
      trm__update one;
      offer(&cpu.trainer, (int)cpu.trainer.step + 1);
      CHECK_OK(trm__update_run(&cpu.trainer, &one, &err), err);
      trm__done here = trm__update_done(&cpu.trainer, 0), there = trm__update_done(&dev.trainer, i);
      same_done(&here, &there);
      for (int k = 0; k < here.slots; k++) halted += here.halted[k];
    }
    same_trainer(&cpu.trainer, &dev.trainer);
  }
  assert_true(halted > 3);
  assert_int_equal(dev.rig.device->recordings, kind == RECORDED);
  assert_int_equal(dev.rig.device->replays, kind == RECORDED ? UPDATES : 0);
  close_bench(&cpu);
  close_bench(&dev);
}

static void test_same_bits(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  train.clip = 0.05;
  train.ema_from = 3;
  follow(ON_DEVICE, &train);
  follow(RECORDED, &train);
  train.optimizer = TRM_MUON;
  train.clip = 0;
  strcpy(train.frozen, "inner.embed_tokens");
  follow(RECORDED, &train);
}

/* The recipes leave the host nothing to decide either. */
static void test_recipes(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  train.start_noise = 0.5;
  train.latent_noise = 0.1;
  train.step_decay = 0.5;
  damping = 0.1;
  follow(RECORDED, &train);
  train.latents = 3;
  follow(ON_DEVICE, &train);
  follow(RECORDED, &train);
  damping = 0;
}

/* Other cycles make another recording: T = 2 after three of twenty updates. */
static void test_cycles_record_again(void **state) {
  (void)state;
  bench cpu, dev;
  trm_error err = {0};
  trm_train_config train = tiny_train(".", "none");
  strcpy(train.cycles_schedule, "0:1x1,0.15:1x2");
  open_bench(&cpu, ON_CPU, &train);
  open_bench(&dev, RECORDED, &train);
  for (int update = 1; update <= 6; update++) {
    trm__update one, two;
    int n, T;
    offer(&cpu.trainer, update);
    offer(&dev.trainer, update);
    CHECK_OK(trm__update_run(&cpu.trainer, &one, &err), err);
    CHECK_OK(trm__update_run(&dev.trainer, &two, &err), err);
    assert_memory_equal(&one, &two, sizeof one);
    trm__network_cycles(dev.trainer.net, &n, &T);
    assert_int_equal(T, update <= 3 ? 1 : 2);
  }
  assert_int_equal(dev.rig.device->recordings, 2);
  same_trainer(&cpu.trainer, &dev.trainer);
  close_bench(&cpu);
  close_bench(&dev);
}

/* A queue takes as many updates as the log has places, and says so. */
static void test_full_queue(void **state) {
  (void)state;
  bench dev;
  trm_error err = {0};
  trm_train_config train = tiny_train(".", "none");
  int count = 0;
  open_bench(&dev, RECORDED, &train);
  for (int round = 0; round < 2; round++) {
    for (int i = 1; i <= TRM__QUEUE; i++) {
      assert_false(trm__update_queue_full(&dev.trainer));
      offer(&dev.trainer, i);
      CHECK_OK(trm__update_enqueue(&dev.trainer, &err), err);
    }
    assert_true(trm__update_queue_full(&dev.trainer));
    CHECK_FAILS(trm__update_enqueue(&dev.trainer, &err), TRM_E_USAGE, err, "must be collected");
    CHECK_OK(trm__update_collect(&dev.trainer, &count, &err), err);
    assert_int_equal(count, TRM__QUEUE);
    for (int i = 0; i < count; i++) {
      trm__done done = trm__update_done(&dev.trainer, i);
      assert_int_equal(done.step, round * TRM__QUEUE + i + 1);
      assert_true(isfinite(done.update.loss) && done.update.loss > 0);
    }
  }
  CHECK_OK(trm__update_collect(&dev.trainer, &count, &err), err); /* nothing is fine too */
  assert_int_equal(count, 0);
  close_bench(&dev);
}

/* The fourth update's loss is too large; six more are behind it in the queue. */
static void test_diverged_late(void **state) {
  (void)state;
  bench cpu, dev;
  trm_error err = {0};
  trm_train_config train = tiny_train(".", "none");
  open_bench(&cpu, ON_CPU, &train);
  double most = 0;
  trm__update update;
  for (int i = 1; i <= 3; i++) {
    offer(&cpu.trainer, i);
    CHECK_OK(trm__update_run(&cpu.trainer, &update, &err), err);
    most = fmax(most, update.loss);
  }
  train.max_loss = most * 1.01;
  for (int kind = ON_DEVICE; kind < KINDS; kind++) {
    int count = 0;
    open_bench(&dev, kind, &train);
    for (int i = 1; i <= 10; i++) {
      offer(&dev.trainer, i);
      for (int j = 0; i == 4 && j < 6; j++) dev.trainer.offer.ids[j] = 0;
      if (i == 4) { /* a logit far off makes the loss large; weights of the queue's place in time */
        trm__weights_view view = trm__params_view(&dev.trainer.params, dev.trainer.weights);
        trm__real wild = 1e5F;
        dev.rig.runtime->backend->copy(dev.rig.runtime->backend, view.q_bias, &wild, sizeof wild, TRM__COPY_TO_DEVICE);
        trm__trainer_prepare(&dev.trainer);
      }
      CHECK_OK(trm__update_enqueue(&dev.trainer, &err), err);
    }
    CHECK_FAILS(trm__update_collect(&dev.trainer, &count, &err), TRM_E_DIVERGED, err, "at update 4 ");
    assert_non_null(strstr(err.message, "the loss is "));
    assert_int_equal(count, 3);
    assert_int_equal(dev.trainer.step, 3);
    assert_int_equal(trm__update_done(&dev.trainer, 2).step, 3);
    size_t n = cpu.trainer.params.trained * sizeof(trm__real);
    same_array(&cpu.trainer, cpu.trainer.optimizer.m, &dev.trainer, dev.trainer.optimizer.m, n);
    same_array(&cpu.trainer, cpu.trainer.ema, &dev.trainer, dev.trainer.ema, n);
    same_array(&cpu.trainer, cpu.trainer.puzzle, &dev.trainer, dev.trainer.puzzle, 60 * sizeof(trm__real));
    close_bench(&dev);
  }
  close_bench(&cpu);
}

/* What is predicted is what is allocated (the network's prepared weights lie in the host's memory here); and slices
 * follow from the device's memory. */
static void check_memory_plan(trm_train_config train) {
  bench b;
  trm_error err = {0};
  size_t before = trm__mem_used();
  open_bench(&b, ON_DEVICE, &train);
  trm__trainer *t = &b.trainer;
  trm__plan_job job = {
      .model = &t->model, .params = &t->params, .train = &train, .backend = t->backend, .comm = b.comm};
  size_t weights = t->backend->weights_bytes(t->backend, &t->params.dims, 1, 4);
  trm__bytes predicted = trm__plan_predict(&job, 4);
  assert_true(b.rig.device->asked + weights <= predicted.device);
  assert_true(predicted.device <= b.rig.device->asked + weights + 2048);
  assert_true(predicted.host > 0 && predicted.host + weights <= trm__mem_used() - before);
  int micro = 0;
  train.micro_batch = 0;
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_int_equal(micro, 6);
  job.already = (size_t)1 << 40; /* of the host: no matter */
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_int_equal(micro, 6);
  assert_true(trm__plan_predict(&job, 4).host >= (size_t)1 << 40);
  b.rig.device->used = DEVICE_BYTES - 1000;
  CHECK_FAILS(trm__plan_micro_batch(&job, &micro, &err), TRM_E_MEMORY, err, "one example at a time");
  close_bench(&b);
}

static void test_memory_plan(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  check_memory_plan(train);
  train.latents = 3;
  train.latent_noise = 0.1;
  damping = 0.1;
  check_memory_plan(train);
  damping = 0;
}

/* -- whole runs --------------------------------------------------------------------------------------------------- */

typedef struct seen {
  int64_t updates, stop_at;
  double loss[64], exact[64], valid[64];
} seen;

static int watch(void *context, const trm_train_progress *p) {
  seen *s = context;
  if (p->choosing) return 0;
  assert_int_equal(p->step, s->updates + 1);
  s->updates = p->step;
  s->loss[p->step] = p->loss;
  s->exact[p->step] = p->exact_accuracy;
  s->valid[p->step] = p->evaluated ? p->valid_exact : -1;
  return p->step == s->stop_at;
}

static trm_status run(int kind, const char *dir, const char *name, int64_t stop_at, seen *s, trm_error *err) {
  char path[160];
  rig r;
  trm_train_config train = tiny_train(dir, name);
  trm_model_config model = tiny_model();
  trm_train_result result;
  snprintf(train.valid, sizeof train.valid, "%s/data", dir);
  snprintf(train.init_from, sizeof train.init_from, "%s/start.safetensors", dir);
  train.steps = 15;
  train.save_every = 6;
  train.log_every = 4;
  train.eval_every = 9;
  train.keep = 9;
  s->stop_at = stop_at;
  open_rig(&r, kind);
  snprintf(path, sizeof path, "%s/%s", dir, name);
  trm_status status = s->updates ? trm_train_resume(r.runtime, path, NULL, 0, watch, s, &result, err)
                                 : trm_train_start(r.runtime, &model, &train, watch, s, &result, err);
  close_rig(&r);
  return status;
}

static void same_file(const char *dir, const char *a, const char *b, const char *file) {
  char one[200], two[200];
  char *x = NULL, *y = NULL;
  size_t n = 0, m = 0;
  trm_error err = {0};
  snprintf(one, sizeof one, "%s/%s/%s", dir, a, file);
  snprintf(two, sizeof two, "%s/%s/%s", dir, b, file);
  CHECK_OK(trm__file_read(one, (size_t)1 << 30, &x, &n, &err), err);
  CHECK_OK(trm__file_read(two, (size_t)1 << 30, &y, &m, &err), err);
  assert_int_equal(n, m);
  assert_memory_equal(x, y, n);
  trm__free(x);
  trm__free(y);
}

static void same_runs(const char *dir, const char *a, const char *b) {
  static const char *const files[] = {"last.safetensors",
                                      "best.safetensors",
                                      "checkpoints/step-15/model.safetensors",
                                      "checkpoints/step-15/optimizer.safetensors",
                                      "checkpoints/step-15/carry.safetensors",
                                      "checkpoints/step-6/carry.safetensors",
                                      "checkpoints/step-12/model.safetensors"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) same_file(dir, a, b, files[i]);
}

static void test_whole_runs(void **state) {
  (void)state;
  char dir[80], path[160];
  trm_error err = {0};
  seen cpu = {0}, queued = {0}, recorded = {0}, parts = {0};
  check_temp_dir(dir);
  tiny_data(dir);
  snprintf(path, sizeof path, "%s/start.safetensors", dir);
  tiny_start(path, 1);
  CHECK_OK(run(ON_CPU, dir, "cpu", 0, &cpu, &err), err);
  CHECK_OK(run(ON_DEVICE, dir, "device", 0, &queued, &err), err);
  CHECK_OK(run(RECORDED, dir, "recorded", 0, &recorded, &err), err);
  assert_int_equal(cpu.updates, 15);
  for (int i = 1; i <= 15; i++) {
    assert_true(cpu.loss[i] == queued.loss[i] && cpu.exact[i] == queued.exact[i] && cpu.valid[i] == queued.valid[i]);
    assert_true(cpu.loss[i] == recorded.loss[i] && cpu.valid[i] == recorded.valid[i]);
  }
  same_runs(dir, "cpu", "device");
  same_runs(dir, "cpu", "recorded");

  /* A stop asked for at update 7 is noticed at 9, where validation is due, and the rest is as if nothing had happened.
   * Update 1 is waited for, then the queue runs to 6, where a checkpoint is due. */
  assert_int_equal(run(RECORDED, dir, "parts", 7, &parts, &err), TRM_E_STOPPED);
  assert_int_equal(parts.updates, 9);
  CHECK_OK(run(ON_DEVICE, dir, "parts", 0, &parts, &err), err);
  same_runs(dir, "cpu", "parts");
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_bits),           cmocka_unit_test(test_recipes),
      cmocka_unit_test(test_cycles_record_again), cmocka_unit_test(test_full_queue),
      cmocka_unit_test(test_diverged_late),       cmocka_unit_test(test_memory_plan),
      cmocka_unit_test(test_whole_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
