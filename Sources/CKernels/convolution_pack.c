// Packs the weights of 3x3 convolutions for the engine they are made for.
#include "kernel_table.h"

#include <math.h>
#include <pthread.h>

// [outputs][inputs][3][3] as stored -> [outputs][9][inputs].
static void read_dense(const dk_source *source, long inputs, int round_to_bf16, float *row, float *dense) {
  for (long n = 0; n < source->rows; n++) {
    const char *from = (const char *)source->data + n * inputs * 9 * dk_stored_size(source->type);
    if (source->type == DK_STORED_I8) dk_i8_to_f32((const int8_t *)from, source->scales[n], inputs * 9, row);
    else dk_to_f32(source->type, from, inputs * 9, row);
    for (long c = 0; c < inputs; c++)
      for (long tap = 0; tap < 9; tap++) {
        float value = row[c * 9 + tap];
        dense[(n * 9 + tap) * inputs + c] = round_to_bf16 ? dk_bf16_to_f32(dk_f32_to_bf16(value)) : value;
      }
  }
}

// Where weight (n, tap, unit) lies among the packed ones.
static unit *place(const dk_convolution *w, unit *packed, int taps, long n, long tap, long u) {
  long start = dk_convolution_group_start(w, n / 16);
  long width = dk_convolution_group(w, start) * 16;
  return packed + (start * taps * w->units * 16) + (tap * w->units + u) * width + (n - start * 16);
}

static int in_pairs(const dk_convolution *w) { return w->by->kind != DK_F32_UNITS; }

static void put_weight(const dk_convolution *w, unit *at, long channel, float value, float scale) {
  if (!in_pairs(w)) {
    memcpy(at, &value, 4);
    return;
  }
  const int bf16 = w->by->kind == DK_BF16_UNITS;
  const unit half = bf16 ? dk_f32_to_bf16(value) : (uint16_t)(int16_t)(scale > 0 ? rintf(value / scale) : 0);
  *at = channel & 1 ? (*at & 0xffff) | half << 16 : (*at & 0xffff0000) | half;
}

static float get_weight(const dk_convolution *w, const unit *at, long channel, float scale) {
  float value;
  memcpy(&value, at, 4);
  if (!in_pairs(w)) return value;
  const uint16_t half = (uint16_t)(channel & 1 ? *at >> 16 : *at);
  return w->by->kind == DK_BF16_UNITS ? dk_bf16_to_f32(half) : (float)(int16_t)half * scale;
}

// All weights [taps][inputs] of output n.
static void put_output(const dk_convolution *w, packed_taps *packed, int taps, long n, const float *weights) {
  float largest = 0, levels, scale = 1;
  for (long i = 0; i < taps * w->inputs; i++) largest = fmaxf(largest, fabsf(weights[i]));
  if (packed->scales) {
    uint32_t bits;
    memcpy(&bits, &largest, 4);
    scale = packed->scales[n] = dk_choose_levels(bits, DK_I16_LEVELS, &levels);
  }
  for (long tap = 0; tap < taps; tap++) {
    unit *first = place(w, packed->units, taps, n, tap, 0);
    const long stride = place(w, packed->units, taps, n, tap, 1) - first;  // finding it for each would be slow
    for (long c = 0; c < w->inputs; c++)
      put_weight(w, first + (c >> in_pairs(w)) * stride, c, weights[tap * w->inputs + c], scale);
  }
}

static dk_status allocate_taps(const dk_convolution *w, packed_taps *packed, int taps) {
  packed->units = dk_allocate_zeroed((size_t)dk_convolution_units(w, taps) * sizeof(unit));
  if (!packed->units) return DK_OUT_OF_MEMORY;
  if (w->by->kind != DK_I16_UNITS) return DK_OK;
  packed->scales = dk_allocate_zeroed((size_t)w->panels * 16 * sizeof(float));
  return packed->scales ? DK_OK : DK_OUT_OF_MEMORY;
}

static dk_convolution *create(const dk_convolver *by, dk_weight_kind kind, long outputs, long inputs) {
  dk_convolution *w = dk_allocate_zeroed(sizeof *w);
  if (!w) return NULL;
  w->kind = kind;
  w->outputs = outputs;
  w->inputs = inputs;
  w->by = by;
  if (by) w->units = dk_ceil_div(inputs, 1 + in_pairs(w));
  w->panels = dk_ceil_div(outputs, 16);
  return w;
}

dk_status dk_convolution_pack_panels(dk_convolution *w, const float *dense) {
  dk_status status = allocate_taps(w, &w->packed, 9);
  for (long n = 0; status == DK_OK && n < w->outputs; n++) put_output(w, &w->packed, 9, n, dense + n * 9 * w->inputs);
  if (status != DK_OK || w->outputs > few_outputs) return status;
  // The outputs of `taps` are [9][outputs], each a 1x1 convolution.
  w->taps = create(w->by, w->kind, 9 * w->outputs, w->inputs);
  if (!w->taps) return DK_OUT_OF_MEMORY;
  status = allocate_taps(w->taps, &w->taps->packed, 1);
  for (long i = 0; status == DK_OK && i < 9 * w->outputs; i++)
    put_output(w->taps, &w->taps->packed, 1, i, dense + (i % w->outputs * 9 + i / w->outputs) * w->inputs);
  return status;
}

dk_convolution *dk_convolution_pack(dk_engine *engine, dk_weight_kind kind, long out_channels, long in_channels,
                                    const dk_source *source) {
  const int native = engine->backend == DK_BACKEND_NATIVE;
  dk_convolution *w = create(native ? engine->kernels->convolver[kind] : NULL, kind, out_channels, in_channels);
  float *dense = dk_allocate((size_t)(out_channels * in_channels * 9) * sizeof(float));
  float *row = dk_allocate((size_t)in_channels * 9 * sizeof(float));
  int done = w && dense && row;
  if (done) {
    read_dense(source, in_channels, kind == DK_WEIGHT_BF16, row, dense);
    if (native) done = w->by->pack(w, dense) == DK_OK;
    else w->dense = dense;
  }
  dk_free(row);
  if (!done || native) dk_free(dense);
  if (done) return w;
  dk_convolution_free(w);
  return NULL;
}

static void free_taps(packed_taps *packed, int count) {
  for (int i = 0; packed && i < count; i++) dk_free(packed[i].units), dk_free(packed[i].scales);
}

void dk_convolution_free_phases(packed_taps *phases) {
  free_taps(phases, 4);
  dk_free(phases);
}

void dk_convolution_free(dk_convolution *w) {
  if (!w) return;
  dk_free(w->dense);
  free_taps(&w->packed, 1);
  dk_convolution_free_phases(atomic_load(&w->phases));
  dk_convolution_free(w->taps);
  dk_free(w);
}

// ---------------------------------------------------------------- after doubling

// Output row 2y + phase sees rows y - 1 + phase + (0, 1) of the picture before doubling. Of the three rows of weights
//   phase 0: the first meets row y - 1, the others row y;  phase 1: the first two meet row y, the last row y + 1.
static int meets(int phase, int kernel_row) { return phase == 0 ? kernel_row > 0 : kernel_row > 1; }

void dk_convolution_phase(int phase, const float nine[9], float four[4]) {
  for (int tap = 0; tap < 4; tap++) four[tap] = 0;
  for (int tap = 0; tap < 9; tap++) four[2 * meets(phase / 2, tap / 3) + meets(phase % 2, tap % 3)] += nine[tap];
}

// All weights [9][inputs] of output n, from where put_output put them.
static void get_output(const dk_convolution *w, long n, float *weights) {
  const float scale = w->packed.scales ? w->packed.scales[n] : 1;
  for (long tap = 0; tap < 9; tap++) {
    const unit *first = place(w, w->packed.units, 9, n, tap, 0);
    const long stride = place(w, w->packed.units, 9, n, tap, 1) - first;
    for (long c = 0; c < w->inputs; c++)
      weights[tap * w->inputs + c] = get_weight(w, first + (c >> in_pairs(w)) * stride, c, scale);
  }
}

packed_taps *dk_convolution_pack_phases(const dk_convolution *w) {
  packed_taps *phases = dk_allocate_zeroed(4 * sizeof *phases);
  float *weights = dk_allocate((size_t)w->inputs * 13 * sizeof *weights);
  dk_status status = phases && weights ? DK_OK : DK_OUT_OF_MEMORY;
  for (int phase = 0; phase < 4 && status == DK_OK; phase++) status = allocate_taps(w, &phases[phase], 4);
  for (long n = 0; status == DK_OK && n < w->outputs; n++) {
    float *sums = weights + w->inputs * 9;
    get_output(w, n, weights);
    for (int phase = 0; phase < 4; phase++) {
      for (long c = 0; c < w->inputs; c++) {
        float nine[9], four[4];
        for (int tap = 0; tap < 9; tap++) nine[tap] = weights[tap * w->inputs + c];
        dk_convolution_phase(phase, nine, four);
        for (int tap = 0; tap < 4; tap++) sums[tap * w->inputs + c] = four[tap];
      }
      put_output(w, &phases[phase], 4, n, sums);
    }
  }
  dk_free(weights);
  if (status == DK_OK) return phases;
  dk_convolution_free_phases(phases);
  return NULL;
}

const packed_taps *dk_convolution_phases(const dk_convolution *w) {
  static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
  _Atomic(packed_taps *) *slot = (_Atomic(packed_taps *) *)&w->phases;  // a cache: the convolution stays the same to its owner
  packed_taps *phases = atomic_load(slot);
  if (phases) return phases;
  pthread_mutex_lock(&making);
  phases = atomic_load(slot);
  if (!phases) {
    phases = w->by->pack_phases(w);
    atomic_store(slot, phases);
  }
  pthread_mutex_unlock(&making);
  return phases;
}
