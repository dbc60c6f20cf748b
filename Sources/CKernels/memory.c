// All memory of the kernels: one pair of functions, which a test can have fail, and the scratch memory of threads.
#include "kernels.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

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

// Large matrices in large pages: filling them costs a fraction of the page faults, reading them of the TLB misses.
void *dk_allocate_matrix(size_t bytes) {
  const size_t large = 2 << 20;
  if (bytes < large) return dk_allocate(bytes);
  void *memory = allocate(large, bytes + 4096);
#ifdef MADV_HUGEPAGE
  if (memory) madvise(memory, bytes / large * large, MADV_HUGEPAGE);
#endif
  return memory;
}

void dk_free(void *memory) { free(memory); }

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
    dk_free(block);
    block = dk_allocate_matrix(bytes + 64);
    if (!block) return NULL;
    memcpy(block, &bytes, sizeof bytes);
  }
  return block + 64;
}

void dk_give_block(dk_engine *engine, void *block) { dk_free(atomic_exchange(&engine->spare, (char *)block - 64)); }
