// What sanitizers should see of the kernels: threads that make engines, convert numbers and share engines at once, and memory
// that runs out anywhere. Built and run by `run`, which knows the sanitizers; prints nothing where all is well.
#include "CKernels.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { width = 40, height = 70 };
static const dk_cpu_level levels[2] = {DK_CPU_NATIVE, DK_CPU_AMX_EMULATED};
static dk_engine *shared[2];  // by level

#define EXPECT(condition) \
  if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), exit(1)

// The gradients of an attention, of a norm and of an adapter. Their sum, or -1 where memory was short.
static double compute_gradients(dk_engine *engine, const dk_attention_arguments *attention, const float *numbers) {
  static const long stride = width;
  float dy[height * width], gradients[3][height * width], shared[2][width], h[height * 3], thin[3 * width];
  for (int i = 0; i < height * width; i++) dy[i] = numbers[height * width - 1 - i];
  memset(gradients, 0, sizeof gradients);
  memset(shared, 0, sizeof shared);
  memset(thin, 0, sizeof thin);
  dk_rows rows[3];
  for (int i = 0; i < 3; i++) rows[i] = (dk_rows){DK_F32, gradients[i], stride};
  const dk_rows out = {DK_F32, dy, stride};
  const dk_attention_gradient_arguments backwards = {*attention, out, rows[0], rows[1], rows[2]};
  const dk_layer_norm_gradient_arguments norm = {.eps = 1e-6f, .scale = numbers, .d_shift = shared[0], .d_scale = shared[1]};
  const int done = dk_attention_gradient(engine, &backwards) == DK_OK &&
                   dk_layer_norm_gradient(engine, height, width, attention->q, &norm, out, rows[0]) == DK_OK &&
                   dk_rms_norm_gradient(engine, height, width, attention->q, NULL, 1e-6f, out, rows[1], shared[0]) == DK_OK &&
                   dk_thin_project(engine, height, width, 3, attention->q, numbers, h) == DK_OK &&
                   dk_thin_expand(engine, height, width, 3, h, numbers, 0.5f, rows[2]) == DK_OK &&
                   dk_thin_gradient(engine, height, width, 3, h, attention->q, 0.5f, thin) == DK_OK;
  double sum = 0;
  for (int i = 0; i < height * width; i++) sum += gradients[0][i] + gradients[1][i] + gradients[2][i];
  for (int i = 0; i < width; i++) sum += shared[0][i] + shared[1][i] + thin[i] + thin[2 * width + i];
  return done ? sum : -1;
}

// Packs, multiplies, attends and convolves on one engine, all in bfloat16 where the weights are. The sum of all outputs, or
// -1 where memory was short.
static double compute(dk_engine *engine, dk_weight_kind kind) {
  float numbers[9 * width], x[height * width], y[height * width];
  uint16_t halves[9 * width], narrow[height * width];
  const int bf16 = kind == DK_WEIGHT_BF16;
  const dk_type type = bf16 ? DK_BF16 : DK_F32;
  memset(y, 0, sizeof y);
  for (int i = 0; i < height * width; i++) x[i] = (float)(i % 17) / 17 - 0.4f;
  dk_from_f32(DK_STORED_BF16, x, height * width, narrow);
  dk_from_f32(DK_STORED_F16, x, 9 * width, halves);
  dk_to_f32(DK_STORED_F16, halves, 9 * width, numbers);
  const dk_source source = {DK_STORED_F32, 9, numbers, NULL}, filters = {DK_STORED_F16, 2, halves, NULL};
  dk_weight *weight = dk_weight_create(engine, kind, 9, width);
  dk_convolution *convolution = dk_convolution_pack(engine, bf16 ? kind : DK_WEIGHT_F32, 2, 10, &filters);
  void *input = bf16 ? (void *)narrow : x;
  const dk_rows in = {type, input, width}, out = {type, y, width}, pixels = {type, input, 10}, none = {DK_F32, NULL, 0};
  const dk_attention_arguments attention = {.batch = 1, .heads = 2, .head_dim = 20, .queries = height, .keys = height,
                                            .scale = 0.2f, .q = in, .k = in, .v = in, .out = out};
  const dk_convolution_arguments doubled = {.batch = 1, .height = 7, .width = 9, .upsample = 2, .stride = 1};
  int done = weight && convolution && dk_attention(engine, &attention) == DK_OK &&
             dk_weight_fill(engine, weight, &source) == DK_OK && dk_linear(engine, height, in, weight, NULL, out) == DK_OK;
  double sum = 0;
  for (int i = 0; i < height * width; i++) sum += y[i];
  done = done && dk_convolve(engine, convolution, &doubled, pixels, none, (dk_rows){DK_F32, y, 2}) == DK_OK;
  for (int i = 0; i < 14 * 18 * 2; i++) sum += y[i];
  const double gradients = done ? compute_gradients(engine, &attention, x) : -1;
  dk_weight_free(weight);
  dk_convolution_free(convolution);
  return done && gradients != -1 ? sum + gradients : -1;
}

static void *hammer(void *expected) {
  for (int round = 0; round < 25; round++) {
    const int level = round % 2;
    dk_engine *own = dk_engine_create(1 + round % 3, DK_BACKEND_NATIVE, levels[level]);
    EXPECT(own && dk_cpu_has(DK_CPU_PORTABLE));
    for (int kind = 0; kind < 3; kind++) {
      const double sum = ((const double *)expected)[3 * level + kind];
      EXPECT(compute(own, kind) == sum);
      EXPECT(compute(shared[level], kind) == sum);
    }
    dk_engine_destroy(own);
  }
  return NULL;
}

static void run_out_of_memory(dk_backend backend, dk_cpu_level level, dk_weight_kind kind) {
  for (long n = 1, failed = 1; failed; n++) {
    const long before = dk_allocations();
    dk_fail_allocation(n);
    dk_engine *engine = dk_engine_create(3, backend, level);
    const double sum = engine ? compute(engine, kind) : -1;
    dk_fail_allocation(0);
    failed = dk_allocations() - before >= n;
    EXPECT((sum == -1) == failed);
    dk_engine_destroy(engine);
  }
}

int main(void) {
  pthread_t threads[3];
  double expected[6];
  for (int i = 0; i < 2; i++) shared[i] = dk_engine_create(2 + i, DK_BACKEND_NATIVE, levels[i]);
  for (int i = 0; i < 6; i++) expected[i] = compute(shared[i / 3], i % 3);
  for (int i = 0; i < 3; i++) EXPECT(pthread_create(&threads[i], NULL, hammer, expected) == 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 2; i++) dk_engine_destroy(shared[i]);

  for (dk_backend backend = DK_BACKEND_REFERENCE; backend <= DK_BACKEND_NATIVE; backend++)
    run_out_of_memory(backend, DK_CPU_NATIVE, DK_WEIGHT_INT8);
  run_out_of_memory(DK_BACKEND_NATIVE, DK_CPU_AMX_EMULATED, DK_WEIGHT_BF16);
  return 0;
}
