/// The sizes PixArt and SANA were trained at, by height : width (their "aspect ratio bins").
///
/// A model draws at the bin closest to the wanted aspect; the picture is then scaled until it covers the wanted size, and
/// cut to it about its middle.
package enum AspectBins {
  /// Heights and widths at 1024 pixels in 64ths, with the ratio each bin goes by; 512 and 256 are a half and a quarter.
  private static let table: [(ratio: Double, height: Int, width: Int)] = [
    (0.25, 8, 32), (0.28, 8, 29), (0.32, 9, 28), (0.33, 9, 27), (0.35, 9, 26), (0.4, 10, 25), (0.42, 10, 24),
    (0.48, 11, 23), (0.5, 11, 22), (0.52, 11, 21), (0.57, 12, 21), (0.6, 12, 20), (0.68, 13, 19), (0.72, 13, 18),
    (0.78, 14, 18), (0.82, 14, 17), (0.88, 15, 17), (0.94, 15, 16), (1.0, 16, 16), (1.07, 16, 15), (1.13, 17, 15),
    (1.21, 17, 14), (1.29, 18, 14), (1.38, 18, 13), (1.46, 19, 13), (1.67, 20, 12), (1.75, 21, 12), (2.0, 22, 11),
    (2.09, 23, 11), (2.4, 24, 10), (2.5, 25, 10), (3.0, 27, 9), (4.0, 32, 8),
  ]

  /// Those of 2048 pixels, which are twice as large, and some more.
  private static let largeTable = (table + [
    (0.26, 8, 31), (0.27, 8, 30), (2.89, 26, 9), (3.11, 28, 9), (3.62, 29, 8), (3.75, 30, 8), (3.88, 31, 8),
  ]).sorted { $0.ratio < $1.ratio }

  /// The size to draw at.
  /// - Parameter native: the model's own side in pixels; other than 256, 512, 1024 and 2048 there are no bins, and the size
  ///   stays.
  package static func size(for size: PictureSize, native: Int) -> PictureSize {
    guard [256, 512, 1024, 2048].contains(native) else { return size }
    let table = native == 2048 ? largeTable : table
    let ratio = Double(size.height) / Double(size.width)
    let unit = native / 16
    let best = table.min { abs($0.ratio - ratio) < abs($1.ratio - ratio) }
    return best.map { PictureSize(width: $0.width * unit, height: $0.height * unit) } ?? size
  }
}
