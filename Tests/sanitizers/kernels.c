// What sanitizers should see of the kernels: threads that make engines, convert numbers and share engines at once, and memory
// that runs out anywhere. Built and run by `run`, which knows the sanitizers; prints nothing where all is well.
#include "CKernels.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { width = 40, height = 70 };
static dk_engine *shared[2];

#define EXPECT(condition) \
  if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), exit(1)

// Packs, multiplies, attends and convolves on one engine. The sum of all outputs, or -1 where memory was short.
static double compute(dk_engine *engine, dk_weight_kind kind) {
  float numbers[9 * width], x[height * width], y[height * width];
  uint16_t halves[9 * width];
  memset(y, 0, sizeof y);
  for (int i = 0; i < height * width; i++) x[i] = (float)(i % 17) / 17 - 0.4f;
  dk_from_f32(DK_STORED_F16, x, 9 * width, halves);
  dk_to_f32(DK_STORED_F16, halves, 9 * width, numbers);
  const dk_source source = {DK_STORED_F32, 9, numbers, NULL}, filters = {DK_STORED_F16, 2, halves, NULL};
  dk_weight *weight = dk_weight_create(engine, kind, 9, width);
  dk_convolution *convolution = dk_convolution_pack(engine, DK_WEIGHT_F32, 2, 10, &filters);
  const dk_rows in = {DK_F32, x, width}, out = {DK_F32, y, width}, pixels = {DK_F32, x, 10}, none = {DK_F32, NULL, 0};
  const dk_attention_arguments attention = {.batch = 1, .heads = 2, .head_dim = 20, .queries = height, .keys = height,
                                            .scale = 0.2f, .q = in, .k = in, .v = in, .out = out};
  const dk_convolution_arguments doubled = {.batch = 1, .height = 7, .width = 9, .upsample = 2, .stride = 1};
  int done = weight && convolution && dk_attention(engine, &attention) == DK_OK &&
             dk_weight_fill(engine, weight, &source) == DK_OK && dk_linear(engine, height, in, weight, NULL, out) == DK_OK;
  double sum = 0;
  for (int i = 0; i < height * width; i++) sum += y[i];
  done = done && dk_convolve(engine, convolution, &doubled, pixels, none, (dk_rows){DK_F32, y, 2}) == DK_OK;
  for (int i = 0; i < 14 * 18 * 2; i++) sum += y[i];
  dk_weight_free(weight);
  dk_convolution_free(convolution);
  return done ? sum : -1;
}

static void *hammer(void *expected) {
  for (int round = 0; round < 25; round++) {
    dk_engine *own = dk_engine_create(1 + round % 3, DK_BACKEND_NATIVE, DK_CPU_NATIVE);
    EXPECT(own && dk_cpu_has(DK_CPU_PORTABLE));
    for (int kind = 0; kind < 3; kind++) {
      const double *sums = expected;
      EXPECT(compute(own, kind) == sums[kind]);
      EXPECT(compute(shared[round % 2], kind) == sums[kind]);
    }
    dk_engine_destroy(own);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  double expected[3];
  for (int i = 0; i < 2; i++) shared[i] = dk_engine_create(2 + i, DK_BACKEND_NATIVE, DK_CPU_NATIVE);
  for (int kind = 0; kind < 3; kind++) expected[kind] = compute(shared[0], kind);
  for (int i = 0; i < 3; i++) EXPECT(pthread_create(&threads[i], NULL, hammer, expected) == 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 2; i++) dk_engine_destroy(shared[i]);

  for (dk_backend backend = DK_BACKEND_REFERENCE; backend <= DK_BACKEND_NATIVE; backend++)
    for (long n = 1, failed = 1; failed; n++) {
      const long before = dk_allocations();
      dk_fail_allocation(n);
      dk_engine *engine = dk_engine_create(3, backend, DK_CPU_NATIVE);
      const double sum = engine ? compute(engine, DK_WEIGHT_INT8) : -1;
      dk_fail_allocation(0);
      failed = dk_allocations() - before >= n;
      EXPECT((sum == -1) == failed);
      dk_engine_destroy(engine);
    }
  return 0;
}
