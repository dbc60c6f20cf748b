// All memory of the kernels: one pair of functions, which a test can have fail, and the scratch memory of threads.
#include "kernels.h"

#include <pthread.h>
#ifdef __linux__
#include <malloc.h>
#endif
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

// The caller's thread allocates, workers never do: counting by thread is exact, and tests side by side do not meet.
static _Thread_local long allocations, until_failure;

long dk_allocations(void) { return allocations; }
void dk_fail_allocation(long n) { until_failure = n; }

int dk_allocation_fails(void) {
  allocations++;
  return until_failure > 0 && --until_failure == 0;
}

static void *allocate(size_t alignment, size_t bytes) {
  void *memory;
  if (bytes > PTRDIFF_MAX - 4096 || dk_allocation_fails()) return NULL;
  return posix_memalign(&memory, alignment, (bytes + 63) / 64 * 64 + 64) == 0 ? memory : NULL;
}

void *dk_allocate(size_t bytes) { return allocate(64, bytes); }

void *dk_allocate_zeroed(size_t bytes) {
  void *memory = dk_allocate(bytes);
  return memory ? memset(memory, 0, bytes) : NULL;
}

// ---------------------------------------------------------------- matrices
//
// Packed weights fill regions of large pages, one behind the other: that costs a sixth of the page faults of small pages
// while a model is loaded, and fewer misses of the TLB whenever it is read. A region goes when its last matrix does; of
// those in between only the room of the last is used again, since a model's matrices come and go together.
//
// A virtual machine may have given the large pages that are free back to its host. To get one again takes ten times as
// long as to clear it, while small pages are at hand: so pages are made one by one here, and none after a slow one.

typedef struct {
  char *made;  // the end of its large pages
  char *top, *end;
  long matrices;
} region;

typedef struct {
  region *in;
  size_t bytes;
} matrix_header;

enum { header = 64, large_page = 2 << 20, region_bytes = 32 << 20, slow_page = 1000000 };  // the last in nanoseconds

static pthread_mutex_t regions = PTHREAD_MUTEX_INITIALIZER;
static region *filling;  // where the next matrix goes, if it fits
static int no_large_pages;

static long long processor_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void make_page(char *page) {
#ifdef MADV_HUGEPAGE
  if (no_large_pages) return;
  madvise(page, large_page, MADV_HUGEPAGE);
  const long long start = processor_time();
  *(volatile char *)page = 0;
  no_large_pages = processor_time() - start > slow_page;
#else
  (void)page;
#endif
}

static region *make_region(size_t bytes) {
  bytes = (bytes + large_page - 1) / large_page * large_page;
  void *memory;
  if (posix_memalign(&memory, large_page, bytes) != 0) return NULL;
  make_page(memory);
  region *made = memory;
  *made = (region){.made = (char *)memory + large_page, .top = (char *)memory + header, .end = (char *)memory + bytes};
  return made;
}

// A large matrix has a region of its own, a small one shares. With the lock held.
static region *region_for(size_t bytes) {
  if (bytes > region_bytes / 4) return make_region(bytes + header);
  if (!filling || (size_t)(filling->end - filling->top) < bytes) {
    region *made = make_region(region_bytes);
    if (!made) return NULL;
    filling = made;
  }
  return filling;
}

void *dk_allocate_matrix(size_t bytes) {
  if (bytes > PTRDIFF_MAX - 2 * region_bytes || dk_allocation_fails()) return NULL;
  bytes = header + (bytes + 63) / 64 * 64 + 64;
  pthread_mutex_lock(&regions);
  region *in = region_for(bytes);
  char *memory = in ? in->top : NULL;
  if (in) {
    in->top += bytes;
    in->matrices++;
    for (; in->made < in->top; in->made += large_page) make_page(in->made);
    *(matrix_header *)memory = (matrix_header){in, bytes};
  }
  pthread_mutex_unlock(&regions);
  return memory ? memory + header : NULL;
}

void dk_free_matrix(void *matrix) {
  if (!matrix) return;
  char *memory = (char *)matrix - header;
  const matrix_header h = *(matrix_header *)memory;
  pthread_mutex_lock(&regions);
  if (memory + h.bytes == h.in->top) h.in->top = memory;
  if (--h.in->matrices == 0) {
    if (filling == h.in) filling = NULL;
    free(h.in);
  }
  pthread_mutex_unlock(&regions);
}

// ---------------------------------------------------------------- everything else

void dk_free(void *memory) { free(memory); }

void dk_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

dk_status dk_reserve_scratch(dk_engine *engine, size_t bytes) {
  for (int thread = 0; thread < engine->threads; thread++) {
    dk_buffer *buffer = &engine->scratch[thread];
    if (buffer->data && buffer->bytes >= bytes) continue;
    char *data = dk_allocate(bytes);
    if (!data) return DK_OUT_OF_MEMORY;
    dk_free(buffer->data);
    *buffer = (dk_buffer){.data = data, .bytes = bytes};
  }
  return DK_OK;
}

// A block begins with its size; the caller sees what lies 64 bytes behind.
void *dk_take_block(dk_engine *engine, size_t bytes) {
  char *block = atomic_exchange(&engine->spare, NULL);
  size_t size = 0;
  if (block) memcpy(&size, block, sizeof size);
  if (size < bytes) {
    dk_free_matrix(block);
    block = dk_allocate_matrix(bytes + 64);
    if (!block) return NULL;
    memcpy(block, &bytes, sizeof bytes);
  }
  return block + 64;
}

void dk_give_block(dk_engine *engine, void *block) { dk_free_matrix(atomic_exchange(&engine->spare, (char *)block - 64)); }
