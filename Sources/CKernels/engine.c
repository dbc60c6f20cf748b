// The engine: an instruction set's kernels, scratch memory and the thread pool.
#include "kernel_table.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

// ---------------------------------------------------------------- thread pool
//
// A job is open while tasks remain. A worker that sees a new job enters it (`inside`), takes tasks until none is left and
// leaves; the caller takes part, then closes the job and waits for those still inside. Workers that are late, because
// another process has their core, find the job closed and are not waited for.
// Entering and closing are sequentially consistent: either the worker sees the job closed, or the caller sees the worker.

typedef struct {
  pthread_t id;
  dk_pool *pool;
  int thread;
} worker;

// A thread's piece of a job: one run of neighbouring tasks.
typedef struct {
  _Atomic long next;
  long end;
  char padding[48];  // a cache line of its own
} share;

struct dk_pool {
  _Atomic unsigned generation __attribute__((aligned(64)));
  _Atomic int open;
  _Atomic int sleepers;
  _Atomic int stop;
  void (*body)(void *, long, int);
  void *context;
  share *shares;  // one a thread
  _Atomic int inside __attribute__((aligned(64)));
  int workers;
  int spins;  // 0 where there are more threads than processors: a spinning thread would hold back a working one
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_mutex_t callers;  // one job at a time
  worker *worker;
};

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

// A thread does its own share, then helps with the others'. Neighbouring tasks have neighbouring rows, so what a thread
// wrote in one job is still in its core's caches when it reads it in the next.
static void take_tasks(dk_pool *pool, int thread) {
  const int threads = pool->workers + 1;
  for (int i = 0; i < threads; i++) {
    share *from = &pool->shares[(thread + i) % threads];
    long task;
    while ((task = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed)) < from->end)
      pool->body(pool->context, task, thread);
  }
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
  const worker *self = argument;
  dk_pool *pool = self->pool;
  unsigned seen = 0;
  for (;;) {
    wait_for_job(pool, seen);
    seen = atomic_load(&pool->generation);
    if (atomic_load(&pool->stop)) return NULL;
    atomic_fetch_add(&pool->inside, 1);
    if (atomic_load(&pool->open)) take_tasks(pool, self->thread);
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

static void run(dk_pool *pool, long tasks, void (*body)(void *, long, int), void *context) {
  if (tasks == 1 || pool->workers == 0) {
    for (long task = 0; task < tasks; task++) body(context, task, 0);
    return;
  }
  pool->body = body;
  pool->context = context;
  const long threads = pool->workers + 1;
  for (long i = 0; i < threads; i++) {
    pool->shares[i].end = tasks * (i + 1) / threads;
    atomic_store_explicit(&pool->shares[i].next, tasks * i / threads, memory_order_relaxed);
  }
  atomic_store(&pool->open, 1);
  announce(pool);
  take_tasks(pool, 0);
  atomic_store(&pool->open, 0);
  for (int tries = 0; atomic_load(&pool->inside); tries++) {
    if (tries < pool->spins) relax();
    else sched_yield();
  }
}

dk_status dk_parallel(dk_engine *engine, size_t scratch, long tasks, void (*body)(void *, long, int), void *context) {
  if (tasks <= 0) return DK_OK;
  pthread_mutex_lock(&engine->pool->callers);  // also guards the scratch
  const dk_status status = scratch ? dk_reserve_scratch(engine, scratch) : DK_OK;
  if (status == DK_OK) run(engine->pool, tasks, body, context);
  pthread_mutex_unlock(&engine->pool->callers);
  return status;
}

static void pool_destroy(dk_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->stop, 1);
  announce(pool);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->worker[i].id, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->callers);
  dk_free(pool->worker);
  dk_free(pool->shares);
  dk_free(pool);
}

static dk_pool *pool_create(int threads) {
  dk_pool *pool = dk_allocate_zeroed(sizeof *pool);
  if (!pool) return NULL;
  pool->spins = threads <= sysconf(_SC_NPROCESSORS_ONLN) ? 2000 : 0;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_mutex_init(&pool->callers, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->shares = dk_allocate_zeroed((size_t)threads * sizeof *pool->shares);
  pool->worker = pool->shares ? dk_allocate((size_t)threads * sizeof *pool->worker) : NULL;
  while (pool->worker && pool->workers < threads - 1) {
    worker *next = &pool->worker[pool->workers];
    *next = (worker){.pool = pool, .thread = pool->workers + 1};
    if (dk_allocation_fails() || pthread_create(&next->id, NULL, work, next) != 0) break;
    pool->workers++;
  }
  if (pool->worker && pool->workers == threads - 1) return pool;
  pool_destroy(pool);
  return NULL;
}

// ---------------------------------------------------------------- engine

dk_engine *dk_engine_create(int threads, dk_backend backend, dk_cpu_level level) {
  if (threads < 1 || backend == DK_BACKEND_REFERENCE) threads = 1;
  dk_engine *engine = dk_allocate_zeroed(sizeof *engine);
  if (!engine) return NULL;
  engine->threads = threads;
  engine->backend = backend;
  engine->kernels = dk_kernels_at_most(level);
  engine->scratch = dk_allocate_zeroed((size_t)threads * sizeof *engine->scratch);
  engine->pool = pool_create(threads);
  if (engine->pool && engine->scratch) return engine;
  dk_engine_destroy(engine);
  return NULL;
}

void dk_engine_destroy(dk_engine *engine) {
  if (!engine) return;
  pool_destroy(engine->pool);
  for (int thread = 0; engine->scratch && thread < engine->threads; thread++) dk_free(engine->scratch[thread].data);
  dk_free(engine->scratch);
  dk_free_matrix(atomic_load(&engine->spare));
  dk_free(engine);
}

int dk_engine_threads(const dk_engine *engine) { return engine->threads; }
dk_cpu_level dk_engine_level(const dk_engine *engine) { return engine->kernels->level; }
int dk_engine_has_bf16(const dk_engine *engine) { return engine->kernels->bf16; }
int dk_engine_has_vnni(const dk_engine *engine) { return engine->kernels->vnni; }
int dk_engine_has_int12(const dk_engine *engine) { return engine->kernels->int12; }

void dk_engine_use_sgemm(dk_engine *engine, dk_sgemm sgemm) { engine->sgemm = sgemm; }
