// Selects the tile instructions of AMX for the template that is included next: eight registers of 16 rows of 64 bytes.
// tiles_emulated.h selects the same in C, with the same results bit for bit. A template uses
//
//   T(name)                      the name of a function of this variant
//   TILE_TARGET                  what such a function needs of the compiler
//   TILE_BEGIN, TILE_END         around all that follows, in each task: the thread's tiles are configured, and given back
//   TILE_LOAD(t, from, stride)   16 rows of 64 bytes, `stride` bytes apart. Rows that begin at multiples of 64 take 9 cycles,
//                                rows across two cache lines up to 52
//   TILE_STREAM(t, from, stride) the same for what the first cache need not keep
//   TILE_STORE(t, to, stride)    the same back, 16 cycles
//   TILE_ZERO(t)
//   TILE_DOT_BF16(c, a, b)       c[16][16] floats += a[16][16 pairs] · b[16 pairs][16 columns], 16 cycles
//   TILE_DOT_I8(c, a, b)         c[16][16] int32 += a[16][16 fours] · b[16 fours][16 columns], exactly
//
// Register numbers are literals. All eight always have 16 full rows: giving them other shapes (ldtilecfg) takes 200 cycles
// and clears them, and a dot product of fewer rows is no faster.
#undef T
#undef TILE_TARGET
#undef TILE_BEGIN
#undef TILE_END
#undef TILE_LOAD
#undef TILE_STREAM
#undef TILE_STORE
#undef TILE_ZERO
#undef TILE_DOT_BF16
#undef TILE_DOT_I8
#define T(name) name##_amx
#define TILE_TARGET DK_TARGET_AMX
#define TILE_BEGIN dk_tiles_configure()
// What a thread holds in its tiles is saved at every change of thread, and keeps the core from deep sleep.
#define TILE_END _tile_release()
#define TILE_LOAD(t, from, stride) _tile_loadd(t, from, stride)
#define TILE_STREAM(t, from, stride) _tile_stream_loadd(t, from, stride)
#define TILE_STORE(t, to, stride) _tile_stored(t, to, stride)
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_DOT_BF16(c, a, b) _tile_dpbf16ps(c, a, b)
#define TILE_DOT_I8(c, a, b) _tile_dpbssd(c, a, b)

#ifndef DK_TILES_AMX
#define DK_TILES_AMX
DK_TARGET_AMX DK_INLINE void dk_tiles_configure(void) {
  static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shapes __attribute__((aligned(64))) = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&shapes);
}
#endif
