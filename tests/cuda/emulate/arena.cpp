/* Where device memory lies: with malloc's, or, when the host must not touch it, in a range of its own that is opened
 * while the device works. */
#include "device.h"

#include <stdlib.h>
#include <sys/mman.h>

namespace trm {

namespace {

const size_t page = 4096, range = (size_t)1 << 36;
const size_t dry_range = (size_t)1 << 40;
unsigned char *dry_start;
size_t dry_used; /* never given back */
bool protect, asked;
int open_count;
unsigned char *start, *end, *highest;      /* the range; what was ever taken */
std::map<unsigned char *, size_t> free_at; /* pieces below highest */

size_t whole_pages(size_t bytes) {
  return (bytes + page - 1) / page * page;
}

void set_access(int rights) {
  if (highest > start && mprotect(start, (size_t)(highest - start), rights)) fail("mprotect of device memory failed");
}

unsigned char *reserve() {
  void *at = mmap(nullptr, range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  end = (unsigned char *)at + range;
  return highest = start = (unsigned char *)at;
}

} /* namespace */

touching::touching() {
  if (protect && open_count++ == 0 && !device.dry) set_access(PROT_READ | PROT_WRITE);
}

touching::~touching() {
  if (protect && --open_count == 0 && !device.dry) set_access(PROT_NONE);
}

/* Addresses without memory. */
static unsigned char *dry_take(size_t bytes) {
  if (!dry_start) {
    void *at = mmap(nullptr, dry_range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    dry_start = (unsigned char *)at;
  }
  if (dry_range - dry_used < whole_pages(bytes)) return nullptr;
  unsigned char *at = dry_start + dry_used;
  dry_used += whole_pages(bytes);
  return at;
}

/* Within a `touching`; the first piece that is large enough. */
unsigned char *arena_take(size_t bytes) {
  if (device.dry) return dry_take(bytes);
  if (!protect) return (unsigned char *)aligned_alloc(512, (bytes + 511) / 512 * 512);
  size_t size = whole_pages(bytes);
  for (auto f = free_at.begin(); f != free_at.end(); ++f) {
    if (f->second < size) continue;
    unsigned char *at = f->first;
    size_t left = f->second - size;
    free_at.erase(f);
    if (left) free_at[at + size] = left;
    return at;
  }
  if ((!start && !reserve()) || (size_t)(end - highest) < size) return nullptr;
  unsigned char *at = highest;
  highest += size;
  set_access(PROT_READ | PROT_WRITE);
  return at;
}

void arena_give(unsigned char *at, size_t bytes) {
  if (device.dry) return;
  if (!protect) return free(at);
  size_t size = whole_pages(bytes);
  madvise(at, size, MADV_DONTNEED);
  auto next = free_at.lower_bound(at);
  if (next != free_at.end() && next->first == at + size) {
    size += next->second;
    next = free_at.erase(next);
  }
  if (next != free_at.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == at) {
      before->second += size;
      return;
    }
  }
  free_at[at] = size;
}

void protect_as_environment_says() {
  if (asked) return;
  asked = true;
  const char *text = getenv("TRM_EMULATE_PROTECT");
  protect = text && *text && *text != '0';
}

} /* namespace trm */

void emulate_dry(int on) {
  if (trm::device.used || trm::open_count) trm::fail("emulate_dry while there is device memory");
  trm::device.dry = on;
  trm::dry_used = 0;
}

void emulate_protect(int on) {
  if (trm::device.used || trm::open_count) trm::fail("emulate_protect while there is device memory");
  trm::asked = true;
  trm::protect = on;
}
