import DiTCharts
import DiTImage
import Foundation
import Testing

@Suite struct ResizingTests {
  /// Lanczos-3 as its formula says, all of it at once in double precision.
  func reference(_ picture: Picture, _ width: Int, _ height: Int) -> [UInt8] {
    func weights(_ i: Int, _ from: Int, _ to: Int) -> [Double] {
      let scale = Double(from) / Double(to)
      let spread = max(1, scale)
      let center = (Double(i) + 0.5) * scale
      let all = (0..<from).map { j -> Double in
        let x = (Double(j) + 0.5 - center) / spread
        if x == 0 { return 1 }
        return abs(x) < 3 ? sin(.pi * x) * sin(.pi * x / 3) * 3 / (.pi * .pi * x * x) : 0
      }
      let sum = all.reduce(0, +)
      return all.map { $0 / sum }
    }
    let across = (0..<width).map { weights($0, picture.width, width) }
    let down = (0..<height).map { weights($0, picture.height, height) }
    var result: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<3 {
          var sum = 0.0
          for (v, a) in down[y].enumerated() where a != 0 {
            for (u, b) in across[x].enumerated() {
              sum += a * b * Double(picture.pixels[(v * picture.width + u) * 3 + channel])
            }
          }
          result.append(UInt8(min(255, max(0, (sum + 0.5).rounded(.down)))))
        }
      }
    }
    return result
  }

  @Test(arguments: [(7, 5, 13, 4), (32, 20, 9, 31), (5, 5, 1, 1), (1, 1, 6, 3), (40, 3, 11, 7), (16, 16, 8, 8)])
  func agreesWithTheFormula(width: Int, height: Int, toWidth: Int, toHeight: Int) throws {
    let picture = Picture.random(width, height)
    let resized = try picture.resized(width: toWidth, height: toHeight)
    #expect((resized.width, resized.height) == (toWidth, toHeight))
    let worst = zip(resized.pixels, reference(picture, toWidth, toHeight)).map { abs(Int($0) - Int($1)) }.max()
    #expect(worst == 0 || worst == 1)  // sums in float32 may fall on the other side of a half
  }

  @Test func keepsWhatItShould() throws {
    let plain = Picture(width: 9, height: 7, filledWith: Color(0x10F07F))
    #expect(try plain.resized(width: 31, height: 3) == Picture(width: 31, height: 3, filledWith: Color(0x10F07F)))
    let picture = Picture.random(9, 7)
    #expect(try picture.resized(width: 9, height: 7) == picture)
    // A fine checkerboard becomes grey, not a coarser one.
    var board = Picture(width: 64, height: 64)
    for y in 0..<64 { for x in 0..<64 where (x + y) % 2 == 0 { board[x, y] = .black } }
    let grays = try board.resized(width: 20, height: 20).pixels
    #expect(grays.allSatisfy { (118...138).contains($0) })
  }

  @Test func cropsAndFits() throws {
    let picture = Picture.random(10, 6)
    #expect(try picture.cropped(x: 2, y: 1, width: 3, height: 2)[2, 1] == picture[4, 2])
    #expect(try picture.centerCropped(toAspect: 1, 1) == picture.cropped(x: 2, y: 0, width: 6, height: 6))
    #expect(try picture.centerCropped(toAspect: 10, 2) == picture.cropped(x: 0, y: 2, width: 10, height: 2))
    #expect(try picture.fitted(width: 6, height: 6) == picture.cropped(x: 2, y: 0, width: 6, height: 6))
    #expect(try picture.fitted(width: 20, height: 12) == picture.resized(width: 20, height: 12))
    #expect(try Picture.random(300, 2).centerCropped(toAspect: 1, 1000).width == 1)
    let tall = try picture.fitted(width: 5, height: 15)
    #expect((tall.width, tall.height) == (5, 15))
  }

  @Test func blendsByTheMask() throws {
    let (a, b) = (Picture.random(3, 1, seed: 1), Picture.random(3, 1, seed: 2))
    let blended = try a.blended(with: b, mask: Mask(width: 3, height: 1, values: [0, 255, 51]))
    #expect(blended[0, 0] == a[0, 0] && blended[1, 0] == b[1, 0])
    let mixed = (Double(a[2, 0].green) * 204 + Double(b[2, 0].green) * 51) / 255
    #expect(blended[2, 0].green == UInt8(mixed.rounded()))
    let mask = try Mask(width: 2, height: 2, values: [0, 0, 255, 255]).resized(width: 2, height: 8)
    #expect(mask.values[0] < 10 && mask.values[15] > 245)
  }
}
