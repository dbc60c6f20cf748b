import DiTCharts
import DiTImage
import Testing

/// Sizes and pixels that cannot be are errors, and do not end the process.
@Suite struct MisfitTests {
  private let picture = Picture.random(10, 6)
  static let sizes = [(0, 6), (10, 0), (-1, 6), (10, -6), (.max, 2), (.max, .max)]

  @Test(arguments: sizes) func impossibleSizes(width: Int, height: Int) throws {
    let error = ImageError.size(width: width, height: height)
    #expect(!error.description.contains("\n"))
    #expect(throws: error) { try picture.resized(width: width, height: height) }
    #expect(throws: error) { try picture.fitted(width: width, height: height) }
    #expect(throws: error) { try Mask(brightnessOf: picture).resized(width: width, height: height) }
    #expect(throws: error) { try Picture(width: width, height: height, pixels: []) }
    #expect(throws: error) { try Picture(planes: [], width: width, height: height) }
    #expect(throws: error) { try Mask(width: width, height: height, values: []) }
    if min(width, height) <= 0 { #expect(throws: error) { try picture.centerCropped(toAspect: width, height) } }
    #expect(throws: ImageError.self) { try picture.cropped(x: 0, y: 0, width: width, height: height) }
  }

  @Test func whatDoesNotFit() throws {
    for count in [0, 179, 181] {
      #expect(throws: ImageError.self) { try Picture(width: 10, height: 6, pixels: [UInt8](repeating: 0, count: count)) }
      #expect(throws: ImageError.self) { try Picture(planes: [Float](repeating: 0, count: count), width: 10, height: 6) }
      #expect(throws: ImageError.self) { try Mask(width: 10, height: 6, values: [UInt8](repeating: 0, count: count)) }
    }
    for (x, y, width, height) in [(-1, 0, 2, 2), (0, 5, 2, 2), (9, 0, 2, 2), (0, 0, 11, 6), (.max, 0, 1, 1)] {
      #expect(throws: ImageError.self) { try picture.cropped(x: x, y: y, width: width, height: height) }
    }
    let mask = try Mask(width: 10, height: 6, values: [UInt8](repeating: 9, count: 60))
    #expect(throws: ImageError.self) { try picture.blended(with: .random(6, 10), mask: mask) }
    #expect(throws: ImageError.self) { try picture.blended(with: picture, mask: mask.resized(width: 6, height: 10)) }
  }

  @Test func raggedHeatMaps() throws {
    for map in [[[1, 2], [3]], [[], [1]], [[1], []]] as [[[Float]]] {
      #expect(throws: ImageError.self) { try picture.overlayHeat(map) }
    }
    #expect(try picture.overlayHeat([[], []]) == picture)
  }
}
