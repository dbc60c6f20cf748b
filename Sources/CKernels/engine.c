// The engine: CPU detection, scratch memory and the thread pool.
#include "kernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#if DK_X86
#include <cpuid.h>
#endif

// ---------------------------------------------------------------- CPU features

typedef struct {
  dk_cpu_level level;
  int bf16;      // avx512_bf16
  int vnni;      // avx512_vnni
  int avx_vnni;  // the same on 256 bits, without AVX-512
} cpu_features;

static cpu_features detect(void) {
  cpu_features found = {DK_CPU_PORTABLE, 0, 0, 0};
#if DK_X86
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return found;
  unsigned state, upper;  // which registers the operating system saves
  __asm__("xgetbv" : "=a"(state), "=d"(upper) : "c"(0));
  if ((state & 0x6) != 0x6) return found;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5)) return found;
  found.level = DK_CPU_AVX2;
  unsigned a1 = 0, b1, c1, d1;
  if (a >= 1) __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
  found.avx_vnni = (a1 >> 4) & 1;
  const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  if ((state & 0xe6) != 0xe6 || (b & (f | dq | bw | vl)) != (f | dq | bw | vl)) return found;
  found.level = DK_CPU_AVX512;
  found.vnni = (c >> 11) & 1;
  found.bf16 = (a1 >> 5) & 1;
#endif
  return found;
}

dk_cpu_level dk_cpu_best_level(void) { return detect().level; }
int dk_cpu_has_bf16(void) { return detect().bf16; }
int dk_cpu_has_vnni(void) { return detect().vnni; }

// ---------------------------------------------------------------- memory

void *dk_allocate(size_t bytes) {
  void *memory;
  return posix_memalign(&memory, 64, (bytes + 63) / 64 * 64 + 64) == 0 ? memory : NULL;
}

void *dk_scratch(dk_engine *engine, int thread, size_t bytes) {
  dk_buffer *buffer = &engine->scratch[thread];
  if (buffer->bytes < bytes || !buffer->data) {
    char *data = dk_allocate(bytes);
    if (!data) return NULL;
    free(buffer->data);
    buffer->data = data;
    buffer->bytes = bytes;
  }
  return buffer->data;
}

// ---------------------------------------------------------------- thread pool
//
// A job is open while tasks remain. A worker that sees a new job enters it (`inside`), takes tasks until none is left and
// leaves; the caller takes part, then closes the job and waits for those still inside. Workers that are late, because
// another process has their core, find the job closed and are not waited for.
// Entering and closing are sequentially consistent: either the worker sees the job closed, or the caller sees the worker.

struct dk_pool {
  _Atomic unsigned generation __attribute__((aligned(64)));
  _Atomic int open;
  _Atomic int sleepers;
  _Atomic int stop;
  void (*body)(void *, long, int);
  void *context;
  long tasks;
  _Atomic long next __attribute__((aligned(64)));
  _Atomic int inside __attribute__((aligned(64)));
  int workers;
  int spins;  // 0 where there are more threads than processors: a spinning thread would hold back a working one
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_mutex_t callers;  // one job at a time
  pthread_t *threads;
};

typedef struct {
  dk_pool *pool;
  int thread;
} worker_start;

static inline void relax(void) {
#if DK_X86
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void take_tasks(dk_pool *pool, int thread) {
  long task;
  while ((task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->tasks)
    pool->body(pool->context, task, thread);
}

static void wait_for_job(dk_pool *pool, unsigned seen) {
  const int64_t spin = 50000, yield = 100000;  // nanoseconds: the gaps between kernels are a few microseconds
  int64_t start = nanoseconds(), waited = 0;
  do {
    for (int i = 0; i < 32; i++) {
      if (atomic_load(&pool->generation) != seen) return;
      if (pool->spins && waited < spin) relax();
      else sched_yield();
    }
    waited = nanoseconds() - start;
  } while (waited < yield);
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->generation) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument) {
  worker_start start = *(worker_start *)argument;
  free(argument);
  dk_pool *pool = start.pool;
  unsigned seen = 0;
  for (;;) {
    wait_for_job(pool, seen);
    seen = atomic_load(&pool->generation);
    if (atomic_load(&pool->stop)) return NULL;
    atomic_fetch_add(&pool->inside, 1);
    if (atomic_load(&pool->open)) take_tasks(pool, start.thread);
    atomic_fetch_sub(&pool->inside, 1);
  }
}

static void announce(dk_pool *pool) {
  atomic_fetch_add(&pool->generation, 1);
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
  }
}

void dk_parallel(dk_engine *engine, long tasks, void (*body)(void *, long, int), void *context) {
  dk_pool *pool = engine->pool;
  if (tasks <= 0) return;
  pthread_mutex_lock(&pool->callers);  // also guards thread 0's scratch
  if (tasks == 1 || pool->workers == 0) {
    for (long task = 0; task < tasks; task++) body(context, task, 0);
  } else {
    pool->body = body;
    pool->context = context;
    pool->tasks = tasks;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->open, 1);
    announce(pool);
    take_tasks(pool, 0);
    atomic_store(&pool->open, 0);
    for (int tries = 0; atomic_load(&pool->inside); tries++) {
      if (tries < pool->spins) relax();
      else sched_yield();
    }
  }
  pthread_mutex_unlock(&pool->callers);
}

int dk_reserve_scratch(dk_engine *engine, size_t bytes) {
  int reserved = 1;
  pthread_mutex_lock(&engine->pool->callers);  // no job may be using it
  for (int thread = 0; thread < engine->threads; thread++)
    if (!dk_scratch(engine, thread, bytes)) reserved = 0;
  pthread_mutex_unlock(&engine->pool->callers);
  return reserved;
}

static void pool_destroy(dk_pool *pool) {
  atomic_store(&pool->stop, 1);
  announce(pool);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->callers);
  free(pool->threads);
  free(pool);
}

// As many workers as the system gives, at most threads - 1.
static dk_pool *pool_create(int threads) {
  dk_pool *pool = dk_allocate(sizeof *pool);
  if (!pool) return NULL;
  memset(pool, 0, sizeof *pool);
  pool->threads = calloc((size_t)threads, sizeof *pool->threads);
  if (!pool->threads) {
    free(pool);
    return NULL;
  }
  pool->spins = threads <= sysconf(_SC_NPROCESSORS_ONLN) ? 2000 : 0;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_mutex_init(&pool->callers, NULL);
  pthread_cond_init(&pool->wake, NULL);
  for (int i = 0; i < threads - 1; i++) {
    worker_start *start = malloc(sizeof *start);
    if (!start) break;
    *start = (worker_start){pool, i + 1};
    if (pthread_create(&pool->threads[i], NULL, work, start) != 0) {
      free(start);
      break;
    }
    pool->workers++;
  }
  return pool;
}

// ---------------------------------------------------------------- engine

dk_engine *dk_engine_create(int threads, dk_backend backend, dk_cpu_level level) {
  if (threads < 1 || backend == DK_BACKEND_REFERENCE) threads = 1;
  dk_engine *engine = calloc(1, sizeof *engine);
  if (!engine) return NULL;
  cpu_features features = detect();
  engine->backend = backend;
  engine->level = level < features.level ? level : features.level;
  engine->bf16 = engine->level == DK_CPU_AVX512 && features.bf16;
  engine->vnni = engine->level == DK_CPU_AVX512 ? features.vnni : engine->level == DK_CPU_AVX2 && features.avx_vnni;
  engine->pool = pool_create(threads);
  engine->threads = engine->pool ? engine->pool->workers + 1 : 1;
  engine->scratch = calloc((size_t)engine->threads, sizeof *engine->scratch);
  if (!engine->pool || !engine->scratch) {
    dk_engine_destroy(engine);
    return NULL;
  }
  return engine;
}

void dk_engine_destroy(dk_engine *engine) {
  if (!engine) return;
  if (engine->pool) pool_destroy(engine->pool);
  for (int thread = 0; engine->scratch && thread < engine->threads; thread++) free(engine->scratch[thread].data);
  free(engine->scratch);
  free(engine);
}

void dk_engine_avoid_dot_products(dk_engine *engine) { engine->bf16 = engine->vnni = 0; }

int dk_engine_threads(const dk_engine *engine) { return engine->threads; }

void dk_engine_use_sgemm(dk_engine *engine, dk_sgemm sgemm) { engine->sgemm = sgemm; }
