/* Drawing distinct images (images.h). Two images of a task are the same when their sets of pairs are, whatever the
 * order, as in the original; they are compared by 64-bit hashes. */
#include "data/arc/images.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "task/hash.h"

enum { TRIES = 5, STEP = 32 /* tasks between two looks at stop */ };

typedef struct drawing {
  const trm__arc_tasks *tasks;
  trm__arc_images *images;
  uint64_t seed;
  size_t first;         /* task of the pool's task 0 */
  size_t pairs;         /* of the task that has most */
  uint64_t *seen, *sum; /* [threads][most + 1], [threads][pairs] */
} drawing;

static int images_compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static uint64_t images_put(uint64_t hash, uint64_t value) {
  return trm__hash_token(trm__hash_token(hash, (int32_t)(uint32_t)value), (int32_t)(uint32_t)(value >> 32));
}

/* Of the set of pairs of an image; sum [pairs] is room to sort. */
static uint64_t images_hash(const trm__arc_task *task, const trm__arc_image *image, uint64_t *sum) {
  trm__arc_grid seen;
  size_t pairs = (size_t)(task->train + task->test);
  for (size_t i = 0; i < pairs; i++) {
    trm__arc_apply(image, &task->pair[i].input, &seen);
    uint64_t hash = images_put(TRM__HASH_START, trm__arc_hash(&seen));
    trm__arc_apply(image, &task->pair[i].output, &seen);
    sum[i] = trm__hash_finish(images_put(hash, trm__arc_hash(&seen)));
  }
  qsort(sum, pairs, sizeof *sum, images_compare);
  uint64_t hash = TRM__HASH_START;
  for (size_t i = 0; i < pairs; i++) hash = images_put(hash, sum[i]);
  return trm__hash_finish(hash);
}

static int images_is_new(const uint64_t *seen, size_t count, uint64_t hash) {
  for (size_t i = 0; i < count; i++)
    if (seen[i] == hash) return 0;
  return 1;
}

static void images_of_task(void *context, int number, int worker) {
  const drawing *d = context;
  size_t at = d->first + (size_t)number, most = d->images->most, count = 0;
  const trm__arc_task *task = &d->tasks->item[at];
  trm__arc_image *item = d->images->item + at * most, none = trm__arc_image_none();
  uint64_t *seen = d->seen + (size_t)worker * (most + 1), *sum = d->sum + (size_t)worker * d->pairs;
  trm__rng rng = trm__rng_make(d->seed, TRM__RNG_IMAGE, at);
  seen[0] = images_hash(task, &none, sum);
  for (size_t tries = 0; count < most && tries < TRIES * most; tries++) {
    item[count] = trm__arc_image_draw(&rng);
    uint64_t hash = images_hash(task, &item[count], sum);
    if (images_is_new(seen, count + 1, hash)) seen[++count] = hash;
  }
  d->images->count[at] = (int32_t)count;
}

static trm_status images_draw(drawing *d, trm__pool *pool, int (*stop)(void *, double), void *context, trm_error *err) {
  size_t count = d->tasks->count;
  for (d->first = 0; d->first < count; d->first += STEP) {
    if (stop && stop(context, (double)d->first / (double)count) != 0)
      return trm__fail(err, TRM_E_STOPPED, "images", "stopped before anything was written");
    trm__pool_run(pool, (int)(count - d->first < STEP ? count - d->first : STEP), images_of_task, d);
  }
  return TRM_OK;
}

trm_status trm__arc_images_open(trm__arc_images *out, const trm__arc_tasks *tasks, size_t most, uint64_t seed,
                                trm__pool *pool, int (*stop)(void *context, double fraction), void *context,
                                trm_error *err) {
  trm__arc_images images = {.most = most};
  drawing d = {.tasks = tasks, .images = &images, .seed = seed};
  size_t threads = (size_t)trm__pool_threads(pool);
  for (size_t i = 0; i < tasks->count; i++) {
    size_t pairs = (size_t)(tasks->item[i].train + tasks->item[i].test);
    if (pairs > d.pairs) d.pairs = pairs;
  }
  images.item = trm__calloc(tasks->count * most + 1, sizeof *images.item);
  images.count = trm__calloc(tasks->count, sizeof *images.count);
  d.seen = trm__calloc(threads * (most + 1), sizeof *d.seen);
  d.sum = trm__calloc(threads * d.pairs, sizeof *d.sum);
  trm_status status = images.item && images.count && d.seen && d.sum
                          ? images_draw(&d, pool, stop, context, err)
                          : trm__fail_memory(err, "images", tasks->count * most * sizeof *images.item);
  trm__free(d.seen);
  trm__free(d.sum);
  if (status) trm__arc_images_close(&images);
  else *out = images;
  return status;
}

void trm__arc_images_close(trm__arc_images *images) {
  trm__free(images->item);
  trm__free(images->count);
  memset(images, 0, sizeof *images);
}
