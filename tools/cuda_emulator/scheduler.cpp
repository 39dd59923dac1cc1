/* Runs the blocks of an emulated launch: coroutines for their threads, barriers, and operations that a warp does
 * together. One thread of the host runs all; which coroutine goes on next is drawn from a seed, by one of three manners
 * that a block keeps: any, the last that became ready (a warp runs far ahead of the others), or the first. */
#include "scheduler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <vector>

#include "emulate_control.h"
#include "switch.h"

namespace trm {

thread *self;

namespace {

enum { stack_bytes = TRM_ASAN ? 256 * 1024 : 64 * 1024, page = 4096, guard_bytes = 1024, barriers = 16 };

struct pending_copy {
  void *to;
  const void *from;
  int bytes; /* the rest zeros */
  unsigned group;
};

struct coroutine : thread {
  void *at;             /* its stack pointer while it does not run */
  unsigned char *stack; /* stack_bytes, a page below which nothing may go */
  void *fake_stack;     /* of AddressSanitizer */
  std::vector<pending_copy> copies;
  unsigned groups; /* committed */
  bool done;
  const char *waits; /* for what; NULL: ready */
  unsigned *polled, poll_value;
};

/* Threads that gather for one operation. */
struct gathering {
  int come;
  void (*function)(void **, int);
  const char *name;
  void *payload[128];
};

struct meeting {
  int expected;
  std::vector<coroutine *> come;
};

uint64_t random_state;
uint64_t next_random() { /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1dull;
}
unsigned below(unsigned n) {
  return (unsigned)((next_random() >> 32) * n >> 32);
}

} /* namespace */

struct block {
  std::vector<coroutine *> threads;
  std::vector<gathering> warps, groups;
  meeting at[barriers];
  std::vector<unsigned char> memory; /* guard, shared, guard */
  unsigned char *shared;
  size_t shared_bytes;
  dim3 index;
  int alive;
};

namespace {

struct grid {
  const char *name = "";
  dim3 size;
  int threads = 0;
  size_t shared = 0;
  std::function<void()> *body = nullptr;
  std::vector<coroutine *> ready; /* a ring of a power of two */
  size_t first = 0, count = 0;
  std::vector<coroutine *> polls; /* wait for a word of memory */
  enum { any, last, oldest } manner = any;
  coroutine main;
} run;

/* Never destroyed, so that what they hold can still be reached when a sanitizer looks for leaks at exit. */
std::vector<coroutine *> &pool = *new std::vector<coroutine *>; /* of stacks */
std::vector<block *> &blocks = *new std::vector<block *>;
bool running;

} /* namespace */

void fail(const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fflush(stdout);
  fprintf(stderr, "emulated kernel %s", run.name);
  if (self) {
    const thread *t = self;
    fprintf(stderr, ", block (%u, %u, %u), thread %d", t->block_index.x, t->block_index.y, t->block_index.z, t->number);
  }
  fprintf(stderr, ": %s\n", text);
  fflush(stderr);
  abort();
}

/* -- the order of threads ------------------------------------------------------------------------------------------ */

namespace {

coroutine *current() {
  return static_cast<coroutine *>(self);
}

void make_ready(coroutine *t) {
  t->waits = nullptr;
  run.ready[(run.first + run.count++) & (run.ready.size() - 1)] = t;
}

coroutine *next_ready() {
  size_t mask = run.ready.size() - 1, end = (run.first + --run.count) & mask;
  if (run.manner == grid::last) return run.ready[end];
  if (run.manner == grid::oldest) return run.ready[run.first++ & mask];
  size_t chosen = (run.first + below((unsigned)run.count + 1)) & mask;
  coroutine *t = run.ready[chosen];
  run.ready[chosen] = run.ready[end];
  return t;
}

#if TRM_ASAN
coroutine *ran_last;
size_t main_bytes;

/* On another stack; fake: what it had when it was left. Where the host's own was left, says where that is. */
void arrive(void *fake) {
  const void *bottom;
  size_t bytes;
  __sanitizer_finish_switch_fiber(fake, &bottom, &bytes);
  if (ran_last != &run.main) return;
  run.main.stack = (unsigned char *)const_cast<void *>(bottom);
  main_bytes = bytes;
}
#endif

void switch_to(coroutine *to) {
  coroutine *from = current();
  self = to == &run.main ? nullptr : to;
  coroutine *mine = from ? from : &run.main;
  if (to == mine) return;
#if TRM_ASAN
  ran_last = mine;
  __sanitizer_start_switch_fiber(mine->done ? nullptr : &mine->fake_stack, to->stack,
                                 to == &run.main ? main_bytes : (size_t)stack_bytes);
  trm_switch(&mine->at, to->at);
  arrive(mine->fake_stack);
#else
  trm_switch(&mine->at, to->at);
#endif
}

[[noreturn]] void deadlock() {
  int shown = 0, left = 0;
  char text[800] = "";
  size_t used = 0;
  for (block *b : blocks)
    for (coroutine *t : b->threads)
      if (!t->done) {
        left++;
        if (shown++ < 6)
          used += (size_t)snprintf(text + used, sizeof text - used, "%s block (%u, %u, %u) thread %d at %s",
                                   shown > 1 ? ";" : "", b->index.x, b->index.y, b->index.z, t->number,
                                   t->waits ? t->waits : "nothing");
      }
  self = nullptr;
  fail("deadlock: %d threads wait and none can go on:%s%s", left, text, shown > 6 ? "; ..." : "");
}

void go_on() {
  if (run.count == 0) deadlock();
  switch_to(next_ready());
}

void wait_for(const char *what) {
  current()->waits = what;
  go_on();
}

void enter() {
#if TRM_ASAN
  arrive(nullptr);
#endif
  (*run.body)();
  coroutine *t = current();
  t->done = true;
  t->home->alive--;
  if (run.count) go_on();
  for (block *b : blocks)
    if (b->alive) deadlock();
  switch_to(&run.main);
  abort();
}

} /* namespace */

void yield() {
  make_ready(current());
  wait_for(nullptr);
}

/* -- meeting ------------------------------------------------------------------------------------------------------- */

namespace {

void release(std::vector<coroutine *> &come) {
  for (size_t i = come.size(); i > 1; i--) std::swap(come[i - 1], come[below((unsigned)i)]);
  for (coroutine *t : come) make_ready(t);
  come.clear();
}

const char *barrier_name(int id) {
  static const char *const names[barriers] = {
      "__syncthreads", "barrier 1", "barrier 2",  "barrier 3",  "barrier 4",  "barrier 5",  "barrier 6",  "barrier 7",
      "barrier 8",     "barrier 9", "barrier 10", "barrier 11", "barrier 12", "barrier 13", "barrier 14", "barrier 15"};
  return names[id];
}

} /* namespace */

void barrier(int id, int threads) {
  coroutine *t = current();
  meeting &m = t->home->at[id];
  if (id && (threads <= 0 || threads % 32 || threads > run.threads))
    fail("barrier %d for %d threads of a block of %d", id, threads, run.threads);
  if (m.come.empty()) m.expected = threads;
  if (m.expected != threads)
    fail("barrier %d for %d threads, but for %d by an earlier thread", id, threads, m.expected);
  m.come.push_back(t);
  if ((int)m.come.size() == threads) {
    release(m.come);
    t->waits = nullptr;
    go_on();
  } else {
    wait_for(barrier_name(id));
  }
}

void collect_any(int threads, void *payload, void (*function)(void **, int), const char *name) {
  coroutine *t = current();
  if (threads != 32 && threads != 128) fail("%s gathers %d threads: only 32 or 128", name, threads);
  int place = t->number & (threads - 1), base = t->number - place;
  int count = run.threads - base < threads ? run.threads - base : threads;
  gathering &g = threads == 32 ? t->home->warps[(size_t)(t->number / 32)] : t->home->groups[(size_t)(t->number / 128)];
  if (g.come == 0) {
    g.function = function;
    g.name = name;
  }
  if (g.function != function) fail("%s, while others of its %d threads are at %s", name, threads, g.name);
  g.payload[place] = payload;
  if (++g.come < count) {
    wait_for(name);
    return;
  }
  g.come = 0;
  if (function) function(g.payload, count);
  coroutine **group = &t->home->threads[(size_t)base];
  int start = (int)below((unsigned)count);
  for (int i = start; i < count; i++) make_ready(group[i]);
  for (int i = 0; i < start; i++) make_ready(group[i]);
  go_on();
}

unsigned grid_arrive(unsigned *count) {
  unsigned all = run.size.x * run.size.y * run.size.z, ticket = (*count)++;
  for (size_t i = run.polls.size(); i-- > 0;) {
    coroutine *p = run.polls[i];
    if (p->polled != count || *count < p->poll_value) continue;
    run.polls[i] = run.polls.back();
    run.polls.pop_back();
    make_ready(p);
  }
  return (ticket / all + 1) * all;
}

void grid_wait(unsigned *count, unsigned target) {
  if (*count >= target) return yield();
  coroutine *t = current();
  t->polled = count;
  t->poll_value = target;
  run.polls.push_back(t);
  wait_for("trm_grid_barrier");
}

/* -- copies -------------------------------------------------------------------------------------------------------- */

void check_shared(const void *at, size_t bytes, size_t alignment, const char *what) {
  const thread *t = self;
  uintptr_t from = (uintptr_t)t->shared, a = (uintptr_t)at;
  if (a < from || a + bytes > from + t->shared_bytes)
    fail("%s of %zu bytes at offset %td of %zu bytes of shared memory", what, bytes,
         (const unsigned char *)at - t->shared, t->shared_bytes);
  if (a % alignment)
    fail("%s at offset %td of shared memory, not a multiple of %zu", what, (const unsigned char *)at - t->shared,
         alignment);
}

void copy16(void *shared, const void *from, int bytes) {
  coroutine *t = current();
  check_shared(shared, 16, 16, "trm_copy16");
  if ((uintptr_t)from % 16) fail("trm_copy16 from %p, not aligned to 16 bytes", from);
  if (bytes < 0 || bytes > 16) fail("trm_copy16_first of %d bytes", bytes);
  memset(shared, 0xff, 16);
  t->copies.push_back({shared, from, bytes, t->groups});
}

void copy_commit() {
  current()->groups++;
}

void copy_wait(int groups) {
  coroutine *t = current();
  size_t kept = 0;
  for (pending_copy &c : t->copies) {
    if (t->groups - c.group <= (unsigned)groups || c.group == t->groups) {
      t->copies[kept++] = c;
    } else {
      memset(c.to, 0, 16);
      memcpy(c.to, c.from, (size_t)c.bytes);
    }
  }
  t->copies.resize(kept);
}

/* -- a launch ------------------------------------------------------------------------------------------------------ */

namespace {

void seed_once() {
  if (random_state) return;
  const char *text = getenv("TRM_EMULATE_SEED");
  emulate_seed(text ? strtoull(text, nullptr, 10) : 1);
}

coroutine *take(size_t i) {
  while (i >= pool.size()) {
    coroutine *t = new coroutine();
    void *at = mmap(nullptr, (size_t)stack_bytes + page, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || mprotect(at, page, PROT_NONE)) fail("no memory for the stack of thread %zu", i);
    t->stack = (unsigned char *)at + page;
    pool.push_back(t);
  }
  return pool[i];
}

/* Block `place` of those that run at once becomes block `index` of the grid. */
void prepare(size_t place, dim3 index) {
  while (place >= blocks.size()) blocks.push_back(new block());
  block *b = blocks[place];
  int n = run.threads;
  b->index = index;
  b->alive = n;
  b->shared_bytes = run.shared;
  ASAN_UNPOISON_MEMORY_REGION(b->memory.data(), b->memory.size());
  b->memory.resize(run.shared + 2 * guard_bytes + 1024);
  uintptr_t at = ((uintptr_t)b->memory.data() + guard_bytes + 1023) & ~(uintptr_t)1023;
  b->shared = (unsigned char *)at;
  fill_guard(b->shared - guard_bytes, guard_bytes);
  memset(b->shared, 0xff, run.shared);
  fill_guard(b->shared + run.shared, guard_bytes);
  b->warps.assign((size_t)(n + 31) / 32, gathering());
  b->groups.assign((size_t)(n + 127) / 128, gathering());
  for (meeting &m : b->at) m.come.clear();
  b->threads.resize((size_t)n);
  for (int i = 0; i < n; i++) {
    coroutine *t = b->threads[(size_t)i] = take(place * (size_t)n + (size_t)i);
    t->index = dim3((unsigned)i, 0, 0);
    t->number = i;
    t->home = b;
    t->block_index = index;
    t->block_size = dim3((unsigned)n);
    t->grid_size = run.size;
    t->shared = b->shared;
    t->shared_bytes = run.shared;
    t->copies.clear();
    t->groups = 0;
    t->done = false;
    t->fake_stack = nullptr;
#if TRM_ASAN
    __asan_unpoison_memory_region(t->stack, stack_bytes);
#endif
    t->at = trm_fresh_stack(t->stack + stack_bytes, enter);
  }
}

void check_guards(const block *b) {
  for (int side = 0; side < 2; side++) {
    const unsigned char *found =
        broken_guard(side ? b->shared + b->shared_bytes : b->shared - guard_bytes, guard_bytes);
    if (found)
      fail("block (%u, %u, %u) wrote at offset %td of %zu bytes of shared memory", b->index.x, b->index.y, b->index.z,
           found - b->shared, b->shared_bytes);
  }
}

/* Runs blocks [0, count) of `blocks` together. */
void run_blocks(size_t count) {
  size_t all = count * (size_t)run.threads, room = 1;
  while (room < all) room *= 2;
  if (run.ready.size() < room) run.ready.resize(room);
  run.first = run.count = 0;
  run.polls.clear();
  run.manner = next_random() % 4 < 2 ? grid::any : next_random() % 2 ? grid::last : grid::oldest;
  std::vector<coroutine *> order;
  order.reserve(all);
  for (size_t i = 0; i < count; i++) order.insert(order.end(), blocks[i]->threads.begin(), blocks[i]->threads.end());
  release(order);
  self = nullptr;
  switch_to(next_ready());
  for (size_t i = 0; i < count; i++) {
    for (const meeting &m : blocks[i]->at)
      if (!m.come.empty()) fail("threads ended while others waited at a barrier");
    check_guards(blocks[i]);
  }
}

} /* namespace */

uint64_t random_number() {
  seed_once();
  return next_random();
}

/* Called with the device's lock held, so by one thread of the host at a time. */
void run_grid(const char *name, dim3 size, int threads, size_t shared, bool cooperative, std::function<void()> &body) {
  seed_once();
  if (running) fail("a launch from within a kernel");
  running = true;
  run.name = name;
  run.size = size;
  run.threads = threads;
  run.shared = shared;
  run.body = &body;
  size_t count = (size_t)size.x * size.y * size.z;
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; i++) order[i] = i;
  for (size_t i = count; i > 1; i--) std::swap(order[i - 1], order[below((unsigned)i)]);
  size_t together = cooperative ? count : 1;
  while (blocks.size() > together) {
    std::vector<unsigned char> &memory = blocks.back()->memory;
    ASAN_UNPOISON_MEMORY_REGION(memory.data(), memory.size());
    (void)memory;
    delete blocks.back();
    blocks.pop_back();
  }
  for (size_t i = 0; i < count; i++) {
    size_t n = order[i];
    dim3 index((unsigned)(n % size.x), (unsigned)(n / size.x % size.y), (unsigned)(n / size.x / size.y));
    prepare(cooperative ? i : 0, index);
    if (!cooperative) run_blocks(1);
  }
  if (cooperative) run_blocks(count);
  running = false;
  run.name = "(none)";
}

} /* namespace trm */

void emulate_seed(uint64_t seed) {
  trm::random_state = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
  for (int i = 0; i < 8; i++) trm::next_random();
}
