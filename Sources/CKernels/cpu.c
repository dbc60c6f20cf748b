// Which instruction sets there are, and which of them this processor has.
#include "kernel_table.h"

#include <pthread.h>

#if DK_X86
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif DK_ARM64 && defined(__APPLE__)
#include <sys/sysctl.h>
#elif DK_ARM64 && defined(__linux__)
#include <sys/auxv.h>
#endif

// From the least to the best: the last one that the processor has is `native`. A new one is its file and its line here.
static const dk_kernels *const tables[DK_CPU_LEVELS] = {
  [DK_CPU_PORTABLE] = &dk_kernels_portable,
#if DK_ARM64
  [DK_CPU_NEON] = &dk_kernels_neon,
  [DK_CPU_NEON_DOT] = &dk_kernels_neon_dot,
  [DK_CPU_NEON_BF16] = &dk_kernels_neon_bf16,
#endif
#if DK_X86
  [DK_CPU_AVX2] = &dk_kernels_avx2,
  [DK_CPU_AVX2_VNNI] = &dk_kernels_avx2_vnni,
  [DK_CPU_AVX512] = &dk_kernels_avx512,
  [DK_CPU_AVX512_VNNI] = &dk_kernels_avx512_vnni,
  [DK_CPU_AVX512_BF16] = &dk_kernels_avx512_bf16,
  [DK_CPU_AVX512_AMX] = &dk_kernels_avx512_amx,
#endif
  [DK_CPU_AMX_EMULATED] = &dk_kernels_amx_emulated,
};

#if DK_ARM64 && defined(__APPLE__)
static int says(const char *name) {
  int yes = 0;
  size_t size = sizeof yes;
  return sysctlbyname(name, &yes, &size, NULL, 0) == 0 && yes;
}
#endif

#if DK_X86
// Linux gives the 8 kB of tiles to a process that asks: once, for all its threads. Not before 5.16, nor where a thread has
// an alternative signal stack too small for them.
static int may_use_tiles(void) {
#if defined(__linux__)
  enum { get_permitted = 0x1022, ask_permission = 0x1023, tile_data = 18 };
  unsigned long permitted = 0;
  if (syscall(SYS_arch_prctl, ask_permission, tile_data) != 0) return 0;
  return syscall(SYS_arch_prctl, get_permitted, &permitted) == 0 && (permitted >> tile_data & 1);
#else
  return 0;
#endif
}
#endif

static unsigned look(void) {
  unsigned found = 0;
#if DK_X86
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return found;
  unsigned state, upper;  // which registers the operating system saves
  __asm__("xgetbv" : "=a"(state), "=d"(upper) : "c"(0));
  if ((state & 0x6) != 0x6) return found;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5)) return found;
  found |= DK_HAS_AVX2;
  unsigned a1 = 0, b1, c1, d1;
  if (a >= 1) __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
  if (a1 & 1u << 4) found |= DK_HAS_AVX_VNNI;
  const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  if ((state & 0xe6) != 0xe6 || (b & (f | dq | bw | vl)) != (f | dq | bw | vl)) return found;
  found |= DK_HAS_AVX512;
  if (c & 1u << 11) found |= DK_HAS_AVX512_VNNI;
  if (a1 & 1u << 5) found |= DK_HAS_AVX512_BF16;
  const unsigned tiles = 1u << 22 | 1u << 24 | 1u << 25, tile_state = 3u << 17;  // amx_bf16, amx_tile, amx_int8
  if ((d & tiles) == tiles && (state & tile_state) == tile_state && may_use_tiles()) found |= DK_HAS_AMX;
#elif DK_ARM64 && defined(__APPLE__)
  if (says("hw.optional.arm.FEAT_DotProd")) found |= DK_HAS_DOTPROD;
  if (says("hw.optional.arm.FEAT_BF16")) found |= DK_HAS_BF16;
  if (says("hw.optional.arm.FEAT_I8MM")) found |= DK_HAS_I8MM;
#elif DK_ARM64 && defined(__linux__)
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  if (first & HWCAP_ASIMDDP) found |= DK_HAS_DOTPROD;
  if (second & HWCAP2_BF16) found |= DK_HAS_BF16;
  if (second & HWCAP2_I8MM) found |= DK_HAS_I8MM;
#endif
  return found;
}

// Products of pairs of bfloat16 come at twice the rate of float32's on AMD's processors and at half of it on Intel's, and
// CPUID does not tell. So they are timed, five microseconds at the start: the least of five each, which other programs
// cannot make smaller.
#if DK_X86
enum { chains = 12, rounds = 64, tries = 5 };
#define TIME(NAME, STEP)                                                                        \
  DK_TARGET_AVX512_BF16 __attribute__((noinline)) static uint64_t NAME(void) {                  \
    __m512 sums[chains], ones = _mm512_set1_ps(1);                                              \
    DK_UNROLL for (int i = 0; i < chains; i++) sums[i] = _mm512_setzero_ps();                   \
    const uint64_t start = __builtin_ia32_rdtsc();                                              \
    for (int round = 0; round < rounds; round++)                                                \
      DK_UNROLL for (int i = 0; i < chains; i++) {                                              \
        sums[i] = STEP(sums[i], ones);                                                          \
        __asm__ volatile("" : "+v"(sums[i])); /* stays in its register, and is not folded */    \
      }                                                                                         \
    return __builtin_ia32_rdtsc() - start;                                                      \
  }
#define STEP_F32(c, a) _mm512_fmadd_ps(a, a, c)
#define STEP_BF16(c, a) _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)a)
TIME(time_f32, STEP_F32)
TIME(time_bf16, STEP_BF16)

static float compare(void) {
  uint64_t f32 = UINT64_MAX, bf16 = UINT64_MAX;
  for (int i = 0; i < tries; i++) {
    const uint64_t a = time_f32(), b = time_bf16();
    f32 = a < f32 ? a : f32;
    bf16 = b < bf16 ? b : bf16;
  }
  return (float)bf16 / (float)f32;
}
#else
static float compare(void) { return 0; }
#endif

// Once a process: under a hypervisor each CPUID takes tens of microseconds.
static unsigned features;
static const dk_kernels *native;
static float bf16_ratio;  // what an instruction of theirs takes, by what one of float32 does; 0: not timed

static int has(const dk_kernels *table) { return table && (table->needs & ~features) == 0; }

static void look_once(void) {
  features = look();
  if (features & DK_HAS_AVX512_BF16) bf16_ratio = compare();
  for (int level = 0; level < DK_CPU_AMX_EMULATED; level++) {
    const int slow = level == DK_CPU_AVX512_BF16 && bf16_ratio > 1.6f;  // twice the products of one of float32
    if (has(tables[level]) && !slow) native = tables[level];
  }
}

float dk_cpu_bf16_ratio(void) {
  dk_native_kernels();
  return bf16_ratio;
}

const dk_kernels *dk_native_kernels(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, look_once);
  return native;
}

const dk_kernels *dk_kernels_at_most(dk_cpu_level level) {
  const dk_kernels *best = dk_native_kernels();
  if (level <= DK_CPU_NATIVE || level >= DK_CPU_LEVELS) return best;
  while (!has(tables[level])) level--;  // ends at portable, which needs nothing
  return tables[level];
}

int dk_cpu_has(dk_cpu_level level) {
  dk_native_kernels();
  return level == DK_CPU_NATIVE || (level > DK_CPU_NATIVE && level < DK_CPU_LEVELS && has(tables[level]));
}

const char *dk_cpu_level_name(dk_cpu_level level) {
  if (level == DK_CPU_NATIVE) return "native";
  return level > DK_CPU_NATIVE && level < DK_CPU_LEVELS && tables[level] ? tables[level]->name : NULL;
}

int dk_cpu_level_named(const char *name, dk_cpu_level *level) {
  for (int i = 0; i < DK_CPU_LEVELS; i++) {
    const char *known = dk_cpu_level_name((dk_cpu_level)i);
    if (!known || strcmp(known, name) != 0) continue;
    *level = (dk_cpu_level)i;
    return 1;
  }
  return 0;
}
