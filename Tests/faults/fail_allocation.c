// Preloaded: the FAIL_ALLOCATION-th large allocation of a process fails, and no other. What counts is what this program and
// the C libraries ask for: aligned memory, mappings, and plain memory of theirs. Swift's own (arrays, strings, objects) ends
// the process by design when it fails; that is the memory of callers inside the Swift runtime, and is let pass.
//
//   cc -shared -fPIC -O1 fail_allocation.c -o fail_allocation.so -ldl
//   FAIL_ALLOCATION=7 LD_PRELOAD=./fail_allocation.so PROGRAM
//
// With FAIL_REPORT=FILE the number of allocations that counted is written there at the end; with FAIL_TRACE set, standard
// error says which one it was.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { smallest = 4096 };

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long counted;
static long failing;
static int swift_is_shared;
static _Thread_local int asking;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAIL_ALLOCATION");
  void *core = dlopen("libswiftCore.so", RTLD_NOLOAD | RTLD_LAZY);
  swift_is_shared = core != NULL;
  failing = text ? atol(text) : 0;
  atomic_store(&counted, 0);
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAIL_REPORT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&counted));
  fclose(file);
}

// Whether memory asked for from `caller` is a plain allocation of C or C++. A program that has Swift's runtime inside
// cannot be told from it.
static int is_ours(const void *caller) {
  static const char *const others[] = {"libswift", "Foundation", "libdispatch", "libBlocksRuntime", "ld-linux", "libdl"};
  Dl_info info;
  if (asking) return 0;
  asking = 1;
  int ours = dladdr(caller, &info) != 0 && info.dli_fname != NULL;
  asking = 0;
  for (size_t i = 0; ours && i < sizeof others / sizeof *others; i++) ours = !strstr(info.dli_fname, others[i]);
  return ours && (swift_is_shared || strstr(info.dli_fname, ".so"));
}

static int fails(size_t bytes) {
  if (bytes < smallest) return 0;
  const long n = atomic_fetch_add(&counted, 1) + 1;
  if (n != failing) return 0;
  if (getenv("FAIL_TRACE")) {  // where it is; addr2line names the lines
    void *frames[24];
    asking = 1;
    backtrace_symbols_fd(frames, backtrace(frames, 24), 2);
    asking = 0;
  }
  errno = ENOMEM;
  return 1;
}

#define PLAIN_FAILS(bytes) ((bytes) >= smallest && is_ours(__builtin_return_address(0)) && fails(bytes))

void *malloc(size_t bytes) { return PLAIN_FAILS(bytes) ? NULL : __libc_malloc(bytes); }

void *calloc(size_t count, size_t size) {
  const size_t bytes = size && count > (size_t)-1 / size ? (size_t)-1 : count * size;
  return PLAIN_FAILS(bytes) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes) { return PLAIN_FAILS(bytes) ? NULL : __libc_realloc(old, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (fails(bytes)) return ENOMEM;
  void *made = __libc_memalign(alignment, bytes);
  if (!made) return ENOMEM;
  *memory = made;
  return 0;
}

void *aligned_alloc(size_t alignment, size_t bytes) { return fails(bytes) ? NULL : __libc_memalign(alignment, bytes); }
void *memalign(size_t alignment, size_t bytes) { return fails(bytes) ? NULL : __libc_memalign(alignment, bytes); }

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  static void *(*real)(void *, size_t, int, int, int, off_t);
  if (!real) real = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
  if (is_ours(__builtin_return_address(0)) && fails(bytes)) return MAP_FAILED;
  return real(address, bytes, protection, flags, file, offset);
}
