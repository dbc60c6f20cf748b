// Packs the weights of 3x3 convolutions for the engine they are made for.
#include "kernel_table.h"

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

// Where weight (n, tap, channel) lies among the units, and in which half of a pair.
static unit *place(const dk_convolution *w, unit *packed, int taps, long n, long tap, long unit_of_channel) {
  long panel = n / 16, start = 0;
  while (start + dk_convolution_group(w, start) <= panel) start += dk_convolution_group(w, start);
  long width = dk_convolution_group(w, start) * 16;
  return packed + (start * taps * w->units * 16) + (tap * w->units + unit_of_channel) * width + (n - start * 16);
}

static void put_weight(const dk_convolution *w, unit *at, long channel, float value) {
  if (!w->by->pairs) memcpy(at, &value, 4);
  else if (channel & 1) *at = (*at & 0xffff) | (unit)dk_f32_to_bf16(value) << 16;
  else *at = (*at & 0xffff0000) | dk_f32_to_bf16(value);
}

static float get_weight(const dk_convolution *w, const unit *at, long channel) {
  float value;
  memcpy(&value, at, 4);
  return w->by->pairs ? dk_bf16_to_f32((uint16_t)(channel & 1 ? *at >> 16 : *at)) : value;
}

static dk_convolution *create(const dk_convolver *by, dk_weight_kind kind, long outputs, long inputs) {
  dk_convolution *w = dk_allocate_zeroed(sizeof *w);
  if (!w) return NULL;
  w->kind = kind;
  w->outputs = outputs;
  w->inputs = inputs;
  w->by = by;
  if (by) w->units = dk_ceil_div(inputs, 1 + by->pairs);
  w->panels = dk_ceil_div(outputs, 16);
  return w;
}

// dense [outputs][9][inputs]. With by_tap the outputs of `w` are [9][outputs], each a 1x1 convolution.
static dk_status pack(dk_convolution *w, const float *dense, int by_tap) {
  int taps = by_tap ? 1 : 9;
  w->packed = dk_allocate_zeroed((size_t)dk_convolution_units(w, taps) * sizeof(unit));
  if (!w->packed) return DK_OUT_OF_MEMORY;
  long outputs = by_tap ? w->outputs / 9 : w->outputs;
  for (long n = 0; n < outputs; n++)
    for (long tap = 0; tap < 9; tap++)
      for (long c = 0; c < w->inputs; c++) {
        long row = by_tap ? tap * outputs + n : n;
        unit *at = place(w, w->packed, taps, row, by_tap ? 0 : tap, c >> w->by->pairs);
        put_weight(w, at, c, dense[(n * 9 + tap) * w->inputs + c]);
      }
  return DK_OK;
}

dk_status dk_convolution_pack_panels(dk_convolution *w, const float *dense) {
  const dk_status status = pack(w, dense, 0);
  if (status != DK_OK || w->outputs > few_outputs) return status;
  w->taps = create(w->by, w->kind, 9 * w->outputs, w->inputs);
  return w->taps ? pack(w->taps, dense, 1) : DK_OUT_OF_MEMORY;
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

void dk_convolution_free(dk_convolution *w) {
  if (!w) return;
  dk_free(w->dense);
  dk_free(w->packed);
  dk_free(atomic_load(&w->phases));
  dk_convolution_free(w->taps);
  dk_free(w);
}

// ---------------------------------------------------------------- after doubling

// Output row 2y + phase sees rows y - 1 + phase + (0, 1) of the picture before doubling. Of the three rows of weights
//   phase 0: the first meets row y - 1, the others row y;  phase 1: the first two meet row y, the last row y + 1.
static int meets(int phase, int kernel_row) { return phase == 0 ? kernel_row > 0 : kernel_row > 1; }

static unit *make_phases(const dk_convolution *w) {
  long each = dk_convolution_units(w, 4);
  unit *phases = dk_allocate_zeroed((size_t)each * 4 * sizeof(unit));
  if (!phases) return NULL;
  for (int phase = 0; phase < 4; phase++)
    for (long n = 0; n < w->outputs; n++)
      for (long c = 0; c < w->inputs; c++) {
        float sum[4] = {0};
        for (int tap = 0; tap < 9; tap++) {
          const unit *from = place(w, w->packed, 9, n, tap, c >> w->by->pairs);
          sum[2 * meets(phase / 2, tap / 3) + meets(phase % 2, tap % 3)] += get_weight(w, from, c);
        }
        for (int tap = 0; tap < 4; tap++) put_weight(w, place(w, phases + phase * each, 4, n, tap, c >> w->by->pairs), c, sum[tap]);
      }
  return phases;
}

const unit *dk_convolution_phases(const dk_convolution *w) {
  static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
  _Atomic(unit *) *slot = (_Atomic(unit *) *)&w->phases;  // a cache: the convolution stays the same to its owner
  unit *phases = atomic_load(slot);
  if (phases) return phases;
  pthread_mutex_lock(&making);
  phases = atomic_load(slot);
  if (!phases) {
    phases = make_phases(w);
    atomic_store(slot, phases);
  }
  pthread_mutex_unlock(&making);
  return phases;
}
