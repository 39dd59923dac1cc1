/* Choosing a card by name, "cuda:1,check", and saying what is wrong when it cannot be used: no card or driver, a driver
 * older than the runtime, a card older than the kernels, a number out of range. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trm/trm.h>

#include "backend/cuda/gpu.h"
#include "base/status.h"

/* The oldest card: asynchronous copies and bf16 products. */
#define OLDEST 80

/* -- names --------------------------------------------------------------------------------------------------------- */

static trm_status device_bad_name(const char *name, trm_error *err) {
  return trm__fail(
      err, TRM_E_USAGE, "device",
      "found '%s', expected cuda or cuda:N (the card's number), with options behind commas: check (wait "
      "after every kernel, to find the one that fails), sm80 (leave out code for newer cards), separate "
      "(leave out the kernel that runs whole recursion cycles), unfused (leave out the one that runs a whole mixer), "
      "chunk=MIB (intermediates of a block), cublaslt (bf16 products by NVIDIA's library)",
      name);
}

/* Up to four digits; the rest of the text, NULL without digits. */
static const char *device_read_number(const char *text, int *number) {
  size_t digits = strspn(text, "0123456789");
  if (digits < 1 || digits > 4) return NULL;
  *number = atoi(text);
  return text + digits;
}

/* One option at the beginning of the text; the rest, NULL for an unknown one. */
static const char *device_read_option(trm__gpu_choice *choice, const char *text) {
  static const struct {
    const char *name;
    size_t offset;
    int value;
  } flags[] = {{"check", offsetof(trm__gpu_choice, check), 1},
               {"sm80", offsetof(trm__gpu_choice, sm80), 1},
               {"separate", offsetof(trm__gpu_choice, separate), 1},
               {"unfused", offsetof(trm__gpu_choice, unfused), 1},
               {"cublaslt", offsetof(trm__gpu_choice, lt), ~0}};
  size_t length = strcspn(text, ",");
  if (strncmp(text, "chunk=", 6) == 0) return device_read_number(text + 6, &choice->chunk);
  if (strncmp(text, "cublaslt=", 9) == 0) return device_read_number(text + 9, &choice->lt);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (length != strlen(flags[i].name) || strncmp(text, flags[i].name, length) != 0) continue;
    memcpy((char *)choice + flags[i].offset, &flags[i].value, sizeof(int));
    return text + length;
  }
  return NULL;
}

trm_status trm__gpu_parse(trm__gpu_choice *choice, const char *name, trm_error *err) {
  *choice = (trm__gpu_choice){.chunk = -1};
  const char *rest = strncmp(name, "cuda", 4) == 0 ? name + 4 : NULL;
  if (rest && *rest == ':') rest = device_read_number(rest + 1, &choice->device);
  while (rest && *rest == ',') rest = device_read_option(choice, rest + 1);
  return rest && !*rest ? TRM_OK : device_bad_name(name, err);
}

/* -- cards --------------------------------------------------------------------------------------------------------- */

static void device_version_text(int version, char text[16]) {
  (void)snprintf(text, 16, "%d.%d", version / 1000, version % 1000 / 10);
}

/* Why there is no card at all. */
static trm_status device_no_cards(cudaError_t error, trm_error *err) {
  int driver = 0, runtime = 0;
  char has[16], wants[16];
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetLastError();
  device_version_text(driver, has);
  device_version_text(runtime, wants);
  if (error == cudaErrorNoDevice || error == cudaSuccess)
    return trm__fail(err, TRM_E_UNSUPPORTED, "device",
                     "no NVIDIA card was found; look at it with nvidia-smi, or use --device cpu");
  if (driver == 0)
    return trm__fail(err, TRM_E_UNSUPPORTED, "device",
                     "no NVIDIA driver is loaded; install one for CUDA %s or newer, or use --device cpu", wants);
  if (error == cudaErrorInsufficientDriver)
    return trm__fail(
        err, TRM_E_UNSUPPORTED, "device",
        "the NVIDIA driver is for CUDA %s and trm was built with %s; update the driver, build with an older "
        "toolkit, or use --device cpu",
        has, wants);
  return trm__fail(err, TRM_E_UNSUPPORTED, "device", "the NVIDIA driver refuses to work: %s (%s); use --device cpu",
                   cudaGetErrorString(error), cudaGetErrorName(error));
}

static trm_status device_check_number(int device, int cards, trm_error *err) {
  if (device < cards) return TRM_OK;
  if (cards == 1)
    return trm__fail(err, TRM_E_USAGE, "device", "cuda:%d is not there; this machine has one card, cuda:0", device);
  return trm__fail(err, TRM_E_USAGE, "device", "cuda:%d is not there; this machine has %d cards, cuda:0 to cuda:%d",
                   device, cards, cards - 1);
}

trm_status trm__gpu_choose(trm__gpu *gpu, const trm__gpu_choice *choice, trm_error *err) {
  int cards = 0;
  struct cudaDeviceProp card;
  cudaError_t error = cudaGetDeviceCount(&cards);
  if (error != cudaSuccess || cards == 0) return device_no_cards(error, err);
  trm_status status = device_check_number(choice->device, cards, err);
  if (status) return status;
  (void)snprintf(gpu->name, sizeof gpu->name, "cuda:%d", choice->device);
  gpu->device = choice->device;
  gpu->separate = choice->separate;
  gpu->unfused = choice->unfused;
  gpu->forward_bytes = choice->chunk < 0   ? TRM__GPU_FORWARD_BYTES
                       : choice->chunk > 0 ? (size_t)choice->chunk << 20
                                           : SIZE_MAX;
  gpu->backward_bytes = TRM__GPU_BACKWARD_BYTES;
  error = cudaGetDeviceProperties(&card, choice->device);
  if (error == cudaSuccess) error = cudaSetDevice(choice->device);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    return trm__fail(err, TRM_E_UNSUPPORTED, gpu->name, "cannot be used: %s (%s); does another program hold it?",
                     cudaGetErrorString(error), cudaGetErrorName(error));
  }
  int capability = 10 * card.major + card.minor;
  if (capability < OLDEST)
    return trm__fail(err, TRM_E_UNSUPPORTED, gpu->name,
                     "%s has compute capability %d.%d; trm needs %d.%d (Ampere) or newer; use --device cpu", card.name,
                     card.major, card.minor, OLDEST / 10, OLDEST % 10);
  (void)snprintf(gpu->model, sizeof gpu->model, "%.60s", card.name);
  gpu->queue = (trm__cuda_queue){.sms = card.multiProcessorCount,
                                 .capability = choice->sm80 ? OLDEST : capability,
                                 .shared_per_block = (int)card.sharedMemPerBlockOptin,
                                 .wgmma = capability == 90 && !choice->sm80,
                                 .check = choice->check};
  return TRM_OK;
}

static void device_describe(trm_device_info *to, int device, int driver, int built) {
  struct cudaDeviceProp card;
  *to = (trm_device_info){.driver = driver, .built = built};
  (void)snprintf(to->name, sizeof to->name, "cuda:%u", (unsigned)device); /* no sign: it would not fit */
  if (cudaGetDeviceProperties(&card, device) != cudaSuccess) {
    (void)cudaGetLastError();
    (void)snprintf(to->model, sizeof to->model, "unknown");
    return;
  }
  (void)snprintf(to->model, sizeof to->model, "%.60s", card.name);
  to->memory = card.totalGlobalMem;
  to->capability = 10 * card.major + card.minor;
  to->usable = to->capability >= OLDEST;
}

int trm__cuda_devices(trm_device_info *list, int most, trm_error *why) {
  int cards = 0, driver = 0, built = 0;
  cudaError_t error = cudaGetDeviceCount(&cards);
  if (error != cudaSuccess || cards == 0) {
    device_no_cards(error, why);
    return 0;
  }
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&built);
  for (int i = 0; i < cards && i < most; i++) device_describe(&list[i], i, driver, built);
  return cards;
}
