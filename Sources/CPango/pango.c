#include "CPango.h"

#include <dlfcn.h>
#include <pthread.h>

// What is used of the libraries, as their headers declare it: the names of the C ABI have stood since Pango 1.22.
// clang-format off
#define FUNCTIONS(f)                                                                                                        \
  f(pangocairo, void *, pango_cairo_font_map_get_default, (void))                                                           \
  f(pangocairo, void, pango_cairo_context_set_font_options, (void *context, const void *options))                           \
  f(pangocairo, void, pango_cairo_show_layout, (void *cairo, void *layout))                                                 \
  f(pango, void *, pango_font_map_create_context, (void *map))                                                              \
  f(pango, void *, pango_layout_new, (void *context))                                                                       \
  f(pango, void, pango_layout_set_text, (void *layout, const char *text, int length))                                       \
  f(pango, void, pango_layout_set_single_paragraph_mode, (void *layout, int single))                                        \
  f(pango, void, pango_layout_set_font_description, (void *layout, const void *font))                                       \
  f(pango, int, pango_layout_get_baseline, (void *layout))                                                                  \
  f(pango, int, pango_layout_get_unknown_glyphs_count, (void *layout))                                                      \
  f(pango, void, pango_layout_get_pixel_extents, (void *layout, rectangle *ink, rectangle *logical))                        \
  f(pango, void *, pango_font_description_new, (void))                                                                      \
  f(pango, void, pango_font_description_set_family, (void *font, const char *family))                                       \
  f(pango, void, pango_font_description_set_weight, (void *font, int weight))                                               \
  f(pango, void, pango_font_description_set_absolute_size, (void *font, double size))                                       \
  f(pango, void, pango_font_description_free, (void *font))                                                                 \
  f(gobject, void, g_object_unref, (void *object))                                                                          \
  f(cairo, void *, cairo_image_surface_create_for_data, (void *pixels, int format, int width, int height, int stride))      \
  f(cairo, void, cairo_surface_flush, (void *surface))                                                                      \
  f(cairo, void, cairo_surface_destroy, (void *surface))                                                                    \
  f(cairo, void *, cairo_create, (void *surface))                                                                           \
  f(cairo, void, cairo_destroy, (void *cairo))                                                                              \
  f(cairo, int, cairo_status, (void *cairo))                                                                                \
  f(cairo, void, cairo_move_to, (void *cairo, double x, double y))                                                          \
  f(cairo, void, cairo_set_source_rgb, (void *cairo, double red, double green, double blue))                                \
  f(cairo, void *, cairo_font_options_create, (void))                                                                       \
  f(cairo, void, cairo_font_options_set_antialias, (void *options, int antialias))                                          \
  f(cairo, void, cairo_font_options_destroy, (void *options))                                                               \
  f(fontconfig, font_set *, FcConfigGetFonts, (void *config, int set))
// clang-format on

typedef struct {
  int x, y, width, height;
} rectangle;

typedef struct {
  int count, capacity;
  void **fonts;
} font_set;

enum { scale = 1024, bold_weight = 700, antialias_gray = 2, format_argb32 = 0 };

#define DECLARE(library, result, name, parameters) static result(*name) parameters;
FUNCTIONS(DECLARE)

static bool available;

static void load(void) {
  void *pangocairo = dlopen("libpangocairo-1.0.so.0", RTLD_NOW | RTLD_LOCAL);
  void *pango = dlopen("libpango-1.0.so.0", RTLD_NOW | RTLD_LOCAL);
  void *gobject = dlopen("libgobject-2.0.so.0", RTLD_NOW | RTLD_LOCAL);
  void *cairo = dlopen("libcairo.so.2", RTLD_NOW | RTLD_LOCAL);
  void *fontconfig = dlopen("libfontconfig.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!pangocairo || !pango || !gobject || !cairo || !fontconfig) return;
#define LOAD(library, result, name, parameters) \
  if (!(name = (result(*) parameters)dlsym(library, #name))) return;
  FUNCTIONS(LOAD)
  // Without any font Pango ends the process.
  font_set *fonts = FcConfigGetFonts(NULL, 0);
  available = fonts && fonts->count > 0;
}

bool cpango_available(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  return available;
}

// A line of text; to be given to g_object_unref. NULL where Pango is not available.
static void *make_layout(const char *text, size_t length, double size, bool bold) {
  if (!cpango_available() || length > 1 << 20) return NULL;
  void *context = pango_font_map_create_context(pango_cairo_font_map_get_default());
  void *options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, antialias_gray);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);

  void *layout = pango_layout_new(context);
  g_object_unref(context);
  void *font = pango_font_description_new();
  pango_font_description_set_family(font, "Sans");
  if (bold) pango_font_description_set_weight(font, bold_weight);
  pango_font_description_set_absolute_size(font, size * scale);
  pango_layout_set_font_description(layout, font);
  pango_font_description_free(font);
  pango_layout_set_single_paragraph_mode(layout, true);
  pango_layout_set_text(layout, text, (int)length);
  return layout;
}

// From the top of the line to its baseline, in whole pixels.
static int baseline(void *layout) { return (pango_layout_get_baseline(layout) + scale / 2) / scale; }

bool cpango_measure(const char *text, size_t length, double size, bool bold, cpango_extents *extents) {
  void *layout = make_layout(text, length, size, bold);
  if (!layout) return false;
  rectangle ink, logical;
  pango_layout_get_pixel_extents(layout, &ink, &logical);
  *extents = (cpango_extents){
      .advance = logical.x + logical.width,
      .x = ink.x,
      .y = ink.y - baseline(layout),
      .width = ink.width,
      .height = ink.height,
      .unknown = pango_layout_get_unknown_glyphs_count(layout),
  };
  g_object_unref(layout);
  return true;
}

bool cpango_draw(const char *text, size_t length, double size, bool bold, uint32_t rgb, int x, int y, uint32_t *pixels,
                 int width, int height) {
  void *layout = make_layout(text, length, size, bold);
  if (!layout) return false;
  void *surface = cairo_image_surface_create_for_data(pixels, format_argb32, width, height, width * (int)sizeof *pixels);
  void *cairo = cairo_create(surface);
  cairo_set_source_rgb(cairo, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0);
  cairo_move_to(cairo, x, y - baseline(layout));
  pango_cairo_show_layout(cairo, layout);
  cairo_surface_flush(surface);
  bool done = cairo_status(cairo) == 0;
  cairo_destroy(cairo);
  cairo_surface_destroy(surface);
  g_object_unref(layout);
  return done;
}
