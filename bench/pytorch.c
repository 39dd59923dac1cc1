/* The other end of bench/network.py's lines (pytorch.h). */
#include "pytorch.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/params.h"

struct pytorch {
  pid_t process;
  FILE *to, *from;
  char name[300], refusal[200], how[100];
  int on_cpu;
};

/* A line of JSON from the peer; NULL at its end. */
static json_t *read_line(pytorch *p) {
  char *line = NULL;
  size_t size = 0;
  json_t *value = getline(&line, &size, p->from) > 0 ? json_loads(line, 0, NULL) : NULL;
  free(line);
  return value;
}

static void run_child(const pytorch_start *how, int in, int out) {
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  for (int fd = STDERR_FILENO + 1; fd < 64; fd++) close(fd);
  /* Large tensors from the heap, kept when freed: mapping them anew for each product costs a third of the time. */
  setenv("MALLOC_MMAP_THRESHOLD_", "4294967296", 1);
  setenv("MALLOC_TRIM_THRESHOLD_", "17179869184", 1);
  setenv("MALLOC_TOP_PAD_", "67108864", 1);
  execlp(how->python, how->python, how->script, "--original", how->original ? how->original : "", "--device",
         how->device ? how->device : "cpu", "--compile", how->compile_ ? how->compile_ : "", (char *)NULL);
  _exit(127);
}

static int start(pytorch *p, const pytorch_start *how) {
  int down[2], up[2];
  if (pipe(down)) return 0;
  if (pipe(up)) return close(down[0]), close(down[1]), 0;
  fflush(NULL);
  p->process = fork();
  if (p->process == 0) run_child(how, down[0], up[1]);
  close(down[0]), close(up[1]);
  p->to = fdopen(down[1], "w");
  p->from = fdopen(up[0], "r");
  return p->process > 0 && p->to && p->from;
}

pytorch *pytorch_open(const pytorch_start *how, char *why, size_t size) {
  pytorch *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->on_cpu = !how->device || strcmp(how->device, "cpu") == 0;
  signal(SIGPIPE, SIG_IGN);
  json_t *hello = start(p, how) ? read_line(p) : NULL;
  const char *error = NULL, *peer, *network, *blas;
  if (hello && !json_unpack(hello, "{s:s, s:s, s:s}", "peer", &peer, "network", &network, "blas", &blas)) {
    snprintf(p->name, sizeof p->name, "%s (%s; %s)", peer, network, blas);
  } else {
    if (!hello || json_unpack(hello, "{s:s}", "error", &error)) error = "it did not start";
    snprintf(why, size, "%s", error);
    pytorch_close(&p);
  }
  json_decref(hello);
  return p;
}

void pytorch_close(pytorch **p) {
  if (!*p) return;
  if ((*p)->to) fclose((*p)->to); /* its loop ends with its input */
  if ((*p)->from) fclose((*p)->from);
  if ((*p)->process > 0) waitpid((*p)->process, NULL, 0);
  free(*p);
  *p = NULL;
}

const char *pytorch_describe(const pytorch *p) {
  return p->name;
}

int pytorch_take_refusal(pytorch *p, char *why, size_t size) {
  int refused = p->refusal[0] != 0;
  snprintf(why, size, "%s", p->refusal);
  p->refusal[0] = 0;
  return refused;
}

static json_t *request(const pytorch_case *c, int runs) {
  const trm_model_config *m = c->config;
  trm__dims d = trm__dims_from_config(m);
  json_t *r = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:i, s:i, s:f}", "seq_len", d.S, "vocab_size", d.V,
                        "prefix", d.P, "hidden_size", d.D, "heads", (int)m->num_heads, "layers", d.layers,
                        "latent_cycles", (json_int_t)m->L_cycles, "cycles", (json_int_t)m->H_cycles, "inner_d",
                        d.inner_d, "inner_l", d.inner_l, "expansion", m->expansion);
  json_object_set_new(r, "mixer", json_boolean(d.mixer));
  json_object_set_new(r, "training", json_boolean(c->training));
  json_object_set_new(r, "dtype", json_string(c->dtype));
  json_object_set_new(r, "batch", json_integer(c->batch));
  json_object_set_new(r, "threads", json_integer(c->threads));
  json_object_set_new(r, "runs", json_integer(runs));
  return r;
}

/* The seconds that the peer answers to a question, which is released; negative, with p->refusal, when it cannot. */
static double ask(pytorch *p, json_t *question) {
  json_t *answer = NULL;
  double seconds = -1;
  const char *error = "it ended", *how = "";
  int batch = 0, whole = (int)json_integer_value(json_object_get(question, "batch"));
  char *text = json_dumps(question, JSON_COMPACT);
  if (text && fprintf(p->to, "%s\n", text) > 0 && fflush(p->to) == 0) answer = read_line(p);
  if (!answer || json_unpack(answer, "{s:F, s?s, s?i}", "seconds", &seconds, "how", &how, "batch", &batch)) {
    if (answer) (void)json_unpack(answer, "{s:s}", "error", &error);
    snprintf(p->refusal, sizeof p->refusal, "%s", error);
  } else if (batch) {
    size_t used = (size_t)snprintf(p->how, sizeof p->how, "%s", p->on_cpu ? "" : how);
    if (batch < whole && used < sizeof p->how)
      snprintf(p->how + used, sizeof p->how - used, "%sin parts of %d", used ? ", " : "", batch);
  }
  free(text);
  json_decref(question), json_decref(answer);
  return seconds;
}

static double peer_seconds(void *context, int runs) {
  pytorch_case *c = context;
  return ask(c->peer, request(c, runs)) * runs;
}

static double product_seconds(void *context, int runs) {
  pytorch_case *c = context;
  return ask(c->peer, json_pack("{s:s, s:s, s:i, s:i}", "ceiling", "product", "dtype", c->dtype, "size",
                                c->peer->on_cpu ? 256 : 8192, "runs", runs)) *
         runs;
}

static double copy_seconds(void *context, int runs) {
  pytorch_case *c = context;
  return ask(c->peer, json_pack("{s:s, s:I, s:i}", "ceiling", "copy", "bytes", (json_int_t)c->bytes, "runs", runs)) *
         runs;
}

contestant pytorch_contestant(pytorch_case *c, double operations) {
  return (contestant){.seconds = peer_seconds,
                      .context = c,
                      .amount = operations,
                      .lingers = c->peer && c->peer->on_cpu && c->threads > 1};
}

contestant pytorch_product(pytorch_case *c) {
  double n = c->peer->on_cpu ? 256 : 8192;
  return (contestant){.seconds = product_seconds, .context = c, .amount = 2 * n * n * n};
}

contestant pytorch_copy(pytorch_case *c, size_t bytes) {
  c->bytes = bytes;
  return (contestant){.seconds = copy_seconds, .context = c, .amount = 2.0 * (double)bytes};
}

const char *pytorch_how(const pytorch *p) {
  return p->how;
}
