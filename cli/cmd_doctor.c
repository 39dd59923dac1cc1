/* trm doctor: what this machine offers, what is missing for building and testing, and the command that adds it. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/os/machine.h"
#include "cli/cli.h"

static struct {
  char device[CLI_DEVICE];
  int json;
  int64_t threads;
  int color;
} opt;

static const trm_option doctor_options[] = {
    CLI_JSON_OPTION(.group = "Doctor", .help = "print one JSON object"),
    CLI_COLOR_OPTION,
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads to report on; 0: all cores"),
};

static size_t doctor_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){doctor_options, sizeof doctor_options / sizeof *doctor_options, &opt};
  return 1;
}

/* -- programs and libraries ---------------------------------------------------------------------------------------- */

/* What building and testing needs beyond the program itself. command: looked for in PATH; file: looked for below
 * /usr/include. */
static const struct {
  const char *what, *command, *file, *package;
} doctor_needs[] = {
    {"C compiler", "gcc", NULL, "gcc"},
    {"CMake", "cmake", NULL, "cmake"},
    {"Ninja", "ninja", NULL, "ninja-build"},
    {"pkg-config", "pkg-config", NULL, "pkg-config"},
    {"jansson (JSON)", NULL, "jansson.h", "libjansson-dev"},
    {"cmocka (tests)", NULL, "cmocka.h", "libcmocka-dev"},
    {"clang (fuzzers)", "clang", NULL, "clang"},
    {"man", "man", NULL, "man-db"},
};
#define NEEDS (sizeof doctor_needs / sizeof *doctor_needs)

static int doctor_in_path(const char *command) {
  const char *path = cli_environment("PATH");
  char file[1024];
  while (path && *path) {
    size_t length = strcspn(path, ":");
    (void)snprintf(file, sizeof file, "%.*s/%s", (int)length, path, command);
    if (access(file, X_OK) == 0) return 1;
    path += length + (path[length] == ':');
  }
  return 0;
}

static int doctor_is_present(size_t i) {
  char file[256];
  if (doctor_needs[i].command) return doctor_in_path(doctor_needs[i].command);
  (void)snprintf(file, sizeof file, "/usr/include/%s", doctor_needs[i].file);
  if (access(file, R_OK) == 0) return 1;
  (void)snprintf(file, sizeof file, "/usr/local/include/%s", doctor_needs[i].file);
  return access(file, R_OK) == 0;
}

/* "sudo apt-get install a b", or "" when nothing is missing. */
static const char *doctor_install_command(char *text, size_t size) {
  const char *tool = doctor_in_path("apt-get") ? "apt-get install" : doctor_in_path("dnf") ? "dnf install" : "install";
  text[0] = 0;
  for (size_t i = 0; i < NEEDS; i++) {
    if (doctor_is_present(i)) continue;
    size_t used = strlen(text);
    if (!used) used = (size_t)snprintf(text, size, "%s%s", geteuid() ? "sudo " : "", tool);
    if (used < size) (void)snprintf(text + used, size - used, " %s", doctor_needs[i].package);
  }
  return text;
}

/* -- CUDA: three things that are easily taken for one another ------------------------------------------------------ */

/* Where nvcc is, which building with CUDA=1 needs and running does not; NULL when it is nowhere. */
static const char *doctor_cuda_compiler(void) {
  static const char *const places[] = {"/usr/local/cuda/bin/nvcc", "/opt/cuda/bin/nvcc"};
  const char *named = cli_environment("CUDACXX");
  if (named && access(named, X_OK) == 0) return named;
  if (doctor_in_path("nvcc")) return "nvcc";
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (access(places[i], X_OK) == 0) return places[i];
  return NULL;
}

/* -- the machine --------------------------------------------------------------------------------------------------- */

/* The value of "key: value" in a file of /proc, or "". */
static const char *doctor_proc_value(const char *path, const char *key, char *text, size_t size) {
  char line[512];
  FILE *file = fopen(path, "r");
  text[0] = 0;
  while (file && fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) != 0) continue;
    const char *value = strchr(line, ':');
    if (!value) continue;
    value += 1 + strspn(value + 1, " \t");
    (void)snprintf(text, size, "%.*s", (int)strcspn(value, "\n"), value);
    break;
  }
  if (file) (void)fclose(file);
  return text;
}

#define CARDS 16
#define ISAS 32

typedef struct machine {
  trm_runtime_info runtime;
  trm_isa_info isa[ISAS];
  int isas;
  trm_device_info card[CARDS];
  int cards;
  trm_error no_cards; /* why there is none */
  struct utsname system;
  char cpu[160], install[512];
  char cuda_driver[200]; /* as the kernel's module calls itself; "": none is loaded */
  double memory, memory_free, disk_free;
  int missing;
} machine;

static int doctor_examine(const cli_command *self, machine *m) {
  trm_runtime *runtime = NULL;
  struct statvfs disk;
  memset(m, 0, sizeof *m);
  int code = cli_runtime_open(self, &runtime, opt.device, opt.threads, 1);
  if (code != CLI_CONTINUE) return code;
  m->isas = trm_isas(m->isa, ISAS); /* before the description: it asks for permissions */
  m->runtime = trm_runtime_describe(runtime);
  trm_runtime_close(&runtime);
  m->cards = trm_devices(m->card, CARDS, &m->no_cards);
  if (m->cards > CARDS) m->cards = CARDS;
  (void)uname(&m->system);
  (void)doctor_proc_value("/proc/cpuinfo", "model name", m->cpu, sizeof m->cpu);
  (void)doctor_proc_value("/proc/driver/nvidia/version", "NVRM version", m->cuda_driver, sizeof m->cuda_driver);
  m->memory = (double)trm__memory_total();
  m->memory_free = (double)trm__memory_available();
  if (statvfs(".", &disk) == 0) m->disk_free = (double)disk.f_bavail * (double)disk.f_frsize;
  for (size_t i = 0; i < NEEDS; i++) m->missing += !doctor_is_present(i);
  (void)doctor_install_command(m->install, sizeof m->install);
  return CLI_CONTINUE;
}

static const char *doctor_compiler(void) {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

static int doctor_is_refused(const trm_isa_info *isa) {
  return isa->present && isa->why[0];
}

static void doctor_print_kernels(const machine *m) {
  printf("kernels   %s in use; this machine runs: %s\n", m->runtime.isa, m->runtime.available);
  for (int i = 0; i < m->isas; i++)
    if (doctor_is_refused(&m->isa[i])) printf("          not %s: %s\n", m->isa[i].name, m->isa[i].why);
}

static json_t *doctor_refused_json(const machine *m) {
  json_t *list = json_array();
  for (int i = 0; i < m->isas; i++)
    if (doctor_is_refused(&m->isa[i]))
      json_array_append_new(list, json_pack("{s:s, s:o}", "name", m->isa[i].name, "why", cli_path(m->isa[i].why)));
  return list;
}

static void doctor_print_cards(const machine *m) {
  char memory[32];
  if (!m->cards) printf("cards     none: %s\n", m->no_cards.message);
  for (int i = 0; i < m->cards; i++) {
    const trm_device_info *card = &m->card[i];
    printf("%s %s, %s, %s, compute capability %d.%d%s\n", i ? "         " : "cards    ", card->name, card->model,
           cli_bytes((double)card->memory, memory), card->capability / 10, card->capability % 10,
           card->usable ? "" : ": too old for trm");
  }
}

/* The driver runs the kernels, the compiler made them: neither stands in for the other. */
static void doctor_print_cuda(const machine *m) {
  const char *compiler = doctor_cuda_compiler();
  if (m->cards)
    printf("kernels   of this trm for cards: compiled with CUDA %d.%d\n", m->card[0].built / 1000,
           m->card[0].built % 1000 / 10);
  printf("driver    %s",
         m->cuda_driver[0] ? m->cuda_driver : "no NVIDIA driver is loaded: computing on a card needs one");
  if (m->cards) printf(", for CUDA up to %d.%d", m->card[0].driver / 1000, m->card[0].driver % 1000 / 10);
  printf("\nnvcc      %s: only building with 'make CUDA=1' needs it\n", compiler ? compiler : "not found");
}

static json_t *doctor_cards_json(const machine *m) {
  json_t *list = json_array();
  for (int i = 0; i < m->cards; i++) {
    const trm_device_info *card = &m->card[i];
    json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:i, s:b, s:i, s:i}", "name", cli_path(card->name), "model",
                                          cli_path(card->model), "memory_bytes", json_integer((json_int_t)card->memory),
                                          "capability", card->capability, "usable", card->usable, "cuda", card->built,
                                          "cuda_driver", card->driver));
  }
  return list;
}

static void doctor_print(const machine *m) {
  char a[32], b[32];
  int color = cli_color(stdout);
  printf("trm       %s, built with %s\n", trm_version(), doctor_compiler());
  printf("system    %s %s, %s\n", m->system.sysname, m->system.release, m->system.machine);
  printf("cpu       %s\n", m->cpu[0] ? m->cpu : "unknown");
  printf("cores     %d usable, %d computing thread%s\n", m->runtime.cores, m->runtime.threads,
         m->runtime.threads == 1 ? "" : "s");
  doctor_print_kernels(m);
  printf("device    %s\n", m->runtime.device);
  doctor_print_cards(m);
  doctor_print_cuda(m);
  printf("memory    %s, %s available\n", cli_bytes(m->memory, a), cli_bytes(m->memory_free, b));
  printf("disk      %s free here\n\n", cli_bytes(m->disk_free, a));
  for (size_t i = 0; i < NEEDS; i++) {
    int present = doctor_is_present(i);
    printf("%s%s%s  %s\n", color ? present ? "\033[32m" : "\033[31m" : "", present ? "found  " : "missing",
           color ? "\033[0m" : "", doctor_needs[i].what);
  }
  if (m->missing) printf("\nSolving and training work without these; to build and test, run:\n  %s\n", m->install);
  else puts("\nNothing is missing.");
}

static void doctor_print_json(const machine *m) {
  json_t *list = json_array();
  for (size_t i = 0; i < NEEDS; i++)
    json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", doctor_needs[i].what, "package",
                                          doctor_needs[i].package, "found", doctor_is_present(i)));
  cli_json_print(
      json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}",
                "version", trm_version(), "compiler", doctor_compiler(), "system", cli_path(m->system.sysname),
                "machine", cli_path(m->system.machine), "cpu", cli_path(m->cpu), "cores", m->runtime.cores, "threads",
                m->runtime.threads, "isa", m->runtime.isa, "isa_available", m->runtime.available, "isa_refused",
                doctor_refused_json(m), "device", cli_path(m->runtime.device), "cards", doctor_cards_json(m),
                "no_cards", cli_path(m->no_cards.message), "memory_bytes", json_integer((json_int_t)m->memory),
                "memory_available_bytes", json_integer((json_int_t)m->memory_free), "disk_free_bytes",
                json_integer((json_int_t)m->disk_free), "needs", list, "install", m->install, "cuda_driver",
                m->cuda_driver[0] ? cli_path(m->cuda_driver) : json_null(), "cuda_compiler",
                doctor_cuda_compiler() ? cli_path(doctor_cuda_compiler()) : json_null()),
      0);
}

static int doctor_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  machine m;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 0, "no argument");
  cli_set_color(opt.color);
  if (code == CLI_CONTINUE) code = doctor_examine(self, &m);
  if (code == CLI_CONTINUE) {
    (opt.json ? doctor_print_json : doctor_print)(&m);
    code = CLI_OK;
  }
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_doctor = {
    .name = "doctor",
    .synopsis = "[--json]",
    .summary = "show what this machine offers and what is missing",
    .description =
        "Shows cores, kernels, cards, memory and disk as trm sees them, the compiler it was built with, and which "
        "programs and libraries for building and testing are missing, with the command that installs them. "
        "For cards it tells apart the driver, which computing there needs, and nvcc, which only building trm with "
        "CUDA=1 "
        "needs.",
    .examples = "trm doctor\nTRM_ISA=ref trm doctor --json\n",
    .tables = doctor_tables,
    .run = doctor_run,
};
