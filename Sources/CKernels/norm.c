// LayerNorm with modulation, RMSNorm and GroupNorm.
//
// Statistics are taken in two passes: the second works on x - mean and also finds how far that mean was off
// (Σ(x - mean) should be 0), so rows far from zero lose nothing.
#include "kernel_table.h"

#include <math.h>

// ---------------------------------------------------------------- reference

static void layer_norm_reference(long rows, long columns, dk_rows x, const dk_layer_norm_arguments *a, dk_rows out) {
  for (long row = 0; row < rows; row++) {
    const void *from = dk_row(x, row);
    double mean = 0, variance = 0;
    for (long i = 0; i < columns; i++) mean += dk_get(x.type, from, i);
    mean /= (double)columns;
    for (long i = 0; i < columns; i++) variance += pow(dk_get(x.type, from, i) - mean, 2);
    double scale = 1 / sqrt(variance / (double)columns + a->eps);
    long group = a->rows_per_group > 0 ? row / a->rows_per_group * a->modulation_stride : 0;
    for (long i = 0; i < columns; i++) {
      double y = (dk_get(x.type, from, i) - mean) * scale;
      if (a->weight) y *= a->weight[i];
      if (a->bias) y += a->bias[i];
      if (a->scale) y *= 1.0 + a->scale[group + i];
      if (a->shift) y += a->shift[group + i];
      dk_put(out.type, dk_row(out, row), i, (float)y);
    }
  }
}

static void rms_norm_reference(long rows, long columns, dk_rows x, const float *weight, const float *bias, float eps,
                               dk_rows out) {
  for (long row = 0; row < rows; row++) {
    double sum = 0;
    for (long i = 0; i < columns; i++) sum += pow(dk_get(x.type, dk_row(x, row), i), 2);
    double scale = 1 / sqrt(sum / (double)columns + eps);
    for (long i = 0; i < columns; i++) {
      double y = dk_get(x.type, dk_row(x, row), i) * scale * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
      dk_put(out.type, dk_row(out, row), i, (float)y);
    }
  }
}

static void group_norm_reference(long batch, long pixels, long channels, long groups, dk_rows x, const float *weight,
                                 const float *bias, float eps, dk_activation activation, dk_rows out) {
  long width = channels / groups;
  double count = (double)(pixels * width);
  for (long b = 0; b < batch; b++)
    for (long g = 0; g < groups; g++) {
      double mean = 0, variance = 0;
      for (long p = 0; p < pixels; p++)
        for (long c = g * width; c < (g + 1) * width; c++) mean += dk_get(x.type, dk_row(x, b * pixels + p), c);
      mean /= count;
      for (long p = 0; p < pixels; p++)
        for (long c = g * width; c < (g + 1) * width; c++)
          variance += pow(dk_get(x.type, dk_row(x, b * pixels + p), c) - mean, 2);
      double scale = 1 / sqrt(variance / count + eps);
      for (long p = 0; p < pixels; p++)
        for (long c = g * width; c < (g + 1) * width; c++) {
          double y = (dk_get(x.type, dk_row(x, b * pixels + p), c) - mean) * scale;
          y = y * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
          dk_put(out.type, dk_row(out, b * pixels + p), c, (float)dk_activate_exactly(activation, y));
        }
    }
}

// ---------------------------------------------------------------- rows: LayerNorm and RMSNorm

typedef struct {
  dk_engine *engine;
  long rows, columns, rows_per_task;
  dk_rows x, out;
  const dk_layer_norm_arguments *layer_norm;
  const float *rms_weight, *rms_bias;
  float rms_eps;
} row_job;

static void layer_norm_task(void *context, long task, int thread) {
  (void)thread;
  const row_job *job = context;
  const dk_layer_norm_arguments *a = job->layer_norm;
  long end = dk_min(job->rows, (task + 1) * job->rows_per_task);
  for (long row = task * job->rows_per_task; row < end; row++) {
    long group = a->rows_per_group > 0 ? row / a->rows_per_group * a->modulation_stride : 0;
    job->engine->kernels->layer_norm_row(job->columns, job->x.type, dk_row(job->x, row), a->eps, a->weight, a->bias,
                                         a->scale ? a->scale + group : NULL, a->shift ? a->shift + group : NULL,
                                         job->out.type, dk_row(job->out, row));
  }
}

static void rms_norm_task(void *context, long task, int thread) {
  (void)thread;
  const row_job *job = context;
  long end = dk_min(job->rows, (task + 1) * job->rows_per_task);
  for (long row = task * job->rows_per_task; row < end; row++)
    job->engine->kernels->rms_norm_row(job->columns, job->x.type, dk_row(job->x, row), job->rms_weight, job->rms_bias,
                                       job->rms_eps, job->out.type, dk_row(job->out, row));
}

static dk_status run_rows(row_job job, void (*task)(void *, long, int)) {
  if (job.rows <= 0 || job.columns <= 0) return DK_OK;
  job.rows_per_task = dk_max(1, 8192 / job.columns);
  return dk_parallel(job.engine, 0, dk_ceil_div(job.rows, job.rows_per_task), task, &job);
}

dk_status dk_layer_norm(dk_engine *engine, long rows, long columns, dk_rows x, const dk_layer_norm_arguments *arguments,
                        dk_rows out) {
  if (engine->backend != DK_BACKEND_REFERENCE)
    return run_rows((row_job){engine, rows, columns, 0, x, out, arguments, NULL, NULL, 0}, layer_norm_task);
  layer_norm_reference(rows, columns, x, arguments, out);
  return DK_OK;
}

dk_status dk_rms_norm(dk_engine *engine, long rows, long columns, dk_rows x, const float *weight, const float *bias, float eps,
                      dk_rows out) {
  if (engine->backend != DK_BACKEND_REFERENCE)
    return run_rows((row_job){engine, rows, columns, 0, x, out, NULL, weight, bias, eps}, rms_norm_task);
  rms_norm_reference(rows, columns, x, weight, bias, eps, out);
  return DK_OK;
}

// ---------------------------------------------------------------- GroupNorm

// A picture is cut into at most 32 bands of pixels, by its size alone. Each band finds mean and Σ(x - mean)² of its
// groups; they are merged in band order in double (Chan et al. 1979), and a second sweep applies them.
enum { most_bands = 32, groups_at_once = 64 };

typedef struct {
  double mean, squares;
} moments;

typedef struct {
  dk_engine *engine;
  long pixels, pixels_per_band, channels;  // channels: of the groups at hand
  long groups, width;
  dk_rows x, out;  // of one picture, from the first channel at hand
  const float *weight, *bias;
  float eps;
  dk_activation activation;
  moments band[most_bands][groups_at_once];
  moments whole[groups_at_once];
} group_job;

static moments merge(moments a, double a_count, moments b, double b_count) {
  double delta = b.mean - a.mean, count = a_count + b_count;
  return (moments){a.mean + delta * b_count / count, a.squares + b.squares + delta * delta * a_count * b_count / count};
}

static void group_moments_task(void *context, long band, int thread) {
  (void)thread;
  group_job *job = context;
  enum { lanes = 64 };
  float mean[lanes], residue[lanes], squares[lanes];
  long first = band * job->pixels_per_band, count = dk_min(job->pixels - first, job->pixels_per_band);
  dk_rows x = job->x;
  x.data = dk_row(job->x, first);
  for (long c = 0; c < job->channels; c += lanes) {
    long n = dk_min(lanes, job->channels - c);
    job->engine->kernels->channel_moments(count, c, n, x, mean, residue, squares);
    for (long i = 0; i < n; i++) {
      double off = residue[i] / (double)count;
      moments one = {mean[i] + off, fmax(0, squares[i] - off * residue[i])};
      moments *group = &job->band[band][(c + i) / job->width];
      long before = (c + i) % job->width;  // channels of the group already in
      *group = before ? merge(*group, (double)(before * count), one, (double)count) : one;
    }
  }
}

static void group_apply_task(void *context, long band, int thread) {
  (void)thread;
  const group_job *job = context;
  enum { lanes = 64 };
  float high[lanes] = {0}, low[lanes] = {0}, gain[lanes] = {0}, bias[lanes] = {0};
  long first = band * job->pixels_per_band, count = dk_min(job->pixels - first, job->pixels_per_band);
  dk_rows x = job->x, out = job->out;
  x.data = dk_row(job->x, first);
  out.data = dk_row(job->out, first);
  for (long c = 0; c < job->channels; c += lanes) {
    long n = dk_min(lanes, job->channels - c);
    for (long i = 0; i < n; i++) {
      moments group = job->whole[(c + i) / job->width];
      double scale = 1 / sqrt(group.squares / (double)(job->pixels * job->width) + job->eps);
      high[i] = (float)group.mean;
      low[i] = (float)(group.mean - high[i]);
      gain[i] = (float)(scale * (job->weight ? job->weight[c + i] : 1));
      bias[i] = job->bias ? job->bias[c + i] : 0;
    }
    job->engine->kernels->normalise_channels(count, c, n, x, high, low, gain, bias, job->activation, out);
  }
}

static dk_status group_norm_picture(group_job *job) {
  long bands = dk_ceil_div(job->pixels, job->pixels_per_band);
  const dk_status status = dk_parallel(job->engine, 0, bands, group_moments_task, job);
  if (status != DK_OK) return status;
  for (long g = 0; g < job->groups; g++) {
    double done = 0;
    for (long band = 0; band < bands; band++) {
      double count = (double)(dk_min(job->pixels - band * job->pixels_per_band, job->pixels_per_band) * job->width);
      job->whole[g] = band ? merge(job->whole[g], done, job->band[band][g], count) : job->band[band][g];
      done += count;
    }
  }
  return dk_parallel(job->engine, 0, bands, group_apply_task, job);
}

static dk_rows from_column(dk_rows rows, long row, long column) {
  rows.data = (char *)dk_row(rows, row) + column * (long)dk_type_size(rows.type);
  return rows;
}

dk_status dk_group_norm(dk_engine *engine, long batch, long pixels, long channels, long groups, dk_rows x,
                        const float *weight, const float *bias, float eps, dk_activation activation, dk_rows out) {
  if (engine->backend == DK_BACKEND_REFERENCE) {
    group_norm_reference(batch, pixels, channels, groups, x, weight, bias, eps, activation, out);
    return DK_OK;
  }
  if (pixels <= 0 || groups <= 0) return DK_OK;
  long width = channels / groups;
  group_job job = {.engine = engine, .pixels = pixels, .width = width, .eps = eps, .activation = activation};
  job.pixels_per_band = dk_max(128, dk_ceil_div(pixels, most_bands));
  for (long b = 0; b < batch; b++)
    for (long g = 0; g < groups; g += groups_at_once) {
      long c = g * width;
      job.groups = dk_min(groups_at_once, groups - g);
      job.channels = job.groups * width;
      job.x = from_column(x, b * pixels, c);
      job.out = from_column(out, b * pixels, c);
      job.weight = weight ? weight + c : NULL;
      job.bias = bias ? bias + c : NULL;
      const dk_status status = group_norm_picture(&job);
      if (status != DK_OK) return status;
    }
  return DK_OK;
}
