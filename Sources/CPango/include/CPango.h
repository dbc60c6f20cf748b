// Text in any script: shaping, right-to-left, fallback among the system's fonts and coloured emoji, by Pango. It is opened
// only when a text needs it: linking it would cost every start of the program its load time, and it may be absent.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  // Of the line, in pixels, from its left end to where the next text goes.
  int advance;
  // The pixels that are painted: relative to the left end of the baseline, y downwards.
  int x, y, width, height;
  // Characters that no font of the system has.
  int unknown;
} cpango_extents;

// Whether Pango is installed and has any font. The first call looks; any thread may call.
bool cpango_available(void);

// Measures one line of UTF-8 in the system's sans-serif, `size` pixels an em. False where Pango is not available.
bool cpango_measure(const char *text, size_t length, double size, bool bold, cpango_extents *extents);

// Draws the line onto `pixels` [height][width], which has to be zero: 0xAARRGGBB, the colours multiplied by alpha. The left
// end of the baseline is at (x, y). `rgb` is 0xRRGGBB. False where Pango is not available or memory is short.
bool cpango_draw(const char *text, size_t length, double size, bool bold, uint32_t rgb, int x, int y, uint32_t *pixels,
                 int width, int height);
