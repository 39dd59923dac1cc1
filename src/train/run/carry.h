/* carry.safetensors of a checkpoint (checkpoint.h): the slots between two supervision steps. The file has the slots of
 * all ranks in their order, so it does not depend on how many ranks there are, and any number of them reads it. */
#ifndef TRM_TRAIN_RUN_CARRY_H
#define TRM_TRAIN_RUN_CARRY_H

#include "train/trainer.h"

typedef struct trm__carry_image {
  trm__trainer *trainer;
  const trm__real *y, *z; /* host [batch][L][D], [K][batch][L][D], on rank 0; on others their own slots */
  trm__slots slots;       /* likewise */
  trm__real *starts;      /* host [(K - 1) * D]; NULL with one latent */
  trm__slots borrowed;    /* this rank's slots, to be returned */
  void *copy[16];         /* memory of the image's own */
  int copies;
} trm__carry_image;

/* The carry as it will be written: this rank's arrays as they are where that is the whole of it, otherwise collected
 * by rank 0. All ranks call it together. trm__carry_image_close after a failure too. */
trm_status trm__carry_image_open(trm__carry_image *image, trm__trainer *trainer, trm_error *err);
void trm__carry_image_close(trm__carry_image *image);
trm_status trm__carry_write(const trm__carry_image *image, const char *path, uint32_t *crc, trm_error *err);

/* This rank's slots from the file. */
trm_status trm__carry_load(trm__trainer *trainer, const char *path, trm_error *err);

#endif
