import DiTImage

/// A thing without its ground: of a picture that is transparent around it, or whose ground is plain.
package struct CutOut: Sendable {
  /// As it lies over ``ground``.
  let picture: Picture
  /// How much of a pixel the thing is.
  let alpha: Mask
  let ground: Color

  /// Where a picture is transparent enough to have a shape; nil where it is not.
  /// - Throws: ``TeachingError/transparent(path:)`` where it is so everywhere.
  init?(transparent contents: PictureContents, path: String) throws {
    guard let alpha = contents.alpha else { return nil }
    let seen = alpha.values.count { $0 >= 128 }
    guard seen > 0 else { throw TeachingError.transparent(path: path) }
    guard Double(alpha.values.count - seen) >= Self.leastGround * Double(alpha.values.count) else { return nil }
    let (width, height) = Self.reduced(contents.picture)
    self.init(
      try contents.picture.resized(width: width, height: height), try alpha.resized(width: width, height: height), ground: .white)
  }

  /// Where a picture's edges are of one colour, and what of that is joined with them is neither next to nothing nor nearly all.
  init?(plain picture: Picture) throws {
    let (width, height) = Self.reduced(picture)
    let small = try picture.resized(width: width, height: height)
    guard let ground = Self.edgeColor(small) else { return nil }
    let flooded = Self.flood(small, ground)
    let share = Double(flooded.count { $0 }) / Double(flooded.count)
    guard share >= Self.leastGround, share <= 1 - Self.leastThing else { return nil }
    let alpha = try Mask(
      width: small.width, height: small.height, values: Self.softened(flooded, small.width, small.height))
    self.init(small, alpha, ground: ground)
  }

  private static let (side, leastGround, leastThing) = (512, 0.05, 0.01)

  /// A flood through a photo's pixels finds no more than through so many, nor is more of them seen.
  private static func reduced(_ picture: Picture) -> (width: Int, height: Int) {
    let scale = min(1, Double(side) / Double(max(picture.width, picture.height)))
    return (max(1, Int(Double(picture.width) * scale)), max(1, Int(Double(picture.height) * scale)))
  }

  /// - Returns: nil where nothing is left of it.
  private init?(_ picture: Picture, _ alpha: Mask, ground: Color) {
    let (width, height) = (picture.width, picture.height)
    var (left, right, top, bottom) = (width, -1, height, -1)
    for y in 0..<height {
      for x in 0..<width where alpha.values[y * width + x] >= 32 {
        (left, right) = (min(left, x), max(right, x))
        (top, bottom) = (min(top, y), max(bottom, y))
      }
    }
    guard right - left >= 3, bottom - top >= 3 else { return nil }
    let (columns, rows) = (right - left + 1, bottom - top + 1)
    let values = (top...bottom).flatMap { alpha.values[$0 * width + left...$0 * width + right] }
    guard let part = try? picture.cropped(x: left, y: top, width: columns, height: rows),
      let mask = try? Mask(width: columns, height: rows, values: values)
    else { return nil }
    (self.picture, self.alpha, self.ground) = (part, mask, ground)
  }

  // MARK: finding a plain ground

  /// How far a channel may be from the ground's to belong to it: JPEG and soft shadows move it so much.
  private static let tolerance = 28

  private static func isNear(_ a: Color, _ b: Color) -> Bool {
    abs(Int(a.red) - Int(b.red)) <= tolerance && abs(Int(a.green) - Int(b.green)) <= tolerance
      && abs(Int(a.blue) - Int(b.blue)) <= tolerance
  }

  /// Of all pixels at the edges the middle value of each channel; nil where too many are of another colour. A thing may touch
  /// one edge.
  private static func edgeColor(_ picture: Picture) -> Color? {
    let (width, height) = (picture.width, picture.height)
    let edge = (0..<width).flatMap { [picture[$0, 0], picture[$0, height - 1]] }
      + (0..<height).flatMap { [picture[0, $0], picture[width - 1, $0]] }
    func middle(_ values: [UInt8]) -> UInt8 { values.sorted()[values.count / 2] }
    let color = Color(middle(edge.map(\.red)), middle(edge.map(\.green)), middle(edge.map(\.blue)))
    return edge.count { isNear($0, color) } * 5 >= edge.count * 4 ? color : nil
  }

  /// Pixels of the ground's colour that are joined with the edges by such.
  private static func flood(_ picture: Picture, _ ground: Color) -> [Bool] {
    let (width, height) = (picture.width, picture.height)
    var flooded = [Bool](repeating: false, count: width * height)
    var waiting: [Int] = []
    func visit(_ x: Int, _ y: Int) {
      guard x >= 0, y >= 0, x < width, y < height, !flooded[y * width + x], isNear(picture[x, y], ground) else { return }
      flooded[y * width + x] = true
      waiting.append(y * width + x)
    }
    for x in 0..<width {
      visit(x, 0)
      visit(x, height - 1)
    }
    for y in 0..<height {
      visit(0, y)
      visit(width - 1, y)
    }
    while let place = waiting.popLast() {
      let (x, y) = (place % width, place / width)
      visit(x - 1, y)
      visit(x + 1, y)
      visit(x, y - 1)
      visit(x, y + 1)
    }
    return flooded
  }

  /// How much of each pixel is no ground, by those around it: the thing fades out over its edge.
  private static func softened(_ flooded: [Bool], _ width: Int, _ height: Int) -> [UInt8] {
    flooded.indices.map { place in
      if flooded[place] { return 0 }
      let (x, y) = (place % width, place / width)
      var (count, free) = (0, 0)
      for row in max(0, y - 1)...min(height - 1, y + 1) {
        for column in max(0, x - 1)...min(width - 1, x + 1) {
          count += 1
          if !flooded[row * width + column] { free += 1 }
        }
      }
      return UInt8(255 * free / count)
    }
  }

  // MARK: on another ground

  /// Draws the thing onto a plain ground.
  /// - Parameters:
  ///   - scale: of its longer side, as a share of the ground's shorter one.
  ///   - shift: from the middle, as a share of what is free on either side, -1 to 1.
  func draw(
    onto result: inout Picture, of color: Color, scale: Double, shift: (x: Double, y: Double), isMirrored: Bool
  ) throws {
    let (width, height) = (result.width, result.height)
    let factor = scale * Double(min(width, height)) / Double(max(picture.width, picture.height))
    let columns = min(width, max(1, Int((Double(picture.width) * factor).rounded())))
    let rows = min(height, max(1, Int((Double(picture.height) * factor).rounded())))
    var (thing, opacity) = (try picture.resized(width: columns, height: rows), try alpha.resized(width: columns, height: rows))
    if isMirrored { (thing, opacity) = (thing.turned(.mirrored), opacity.turned(.mirrored)) }
    let left = Int((Double(width - columns) / 2 * (1 + shift.x)).rounded())
    let top = Int((Double(height - rows) / 2 * (1 + shift.y)).rounded())
    for y in 0..<rows {
      for x in 0..<columns {
        let share = 255 - Int(opacity.values[y * columns + x])
        guard share < 255 else { continue }
        // What is seen of the old ground is taken away, and as much of the new one added.
        func mixed(_ value: UInt8, _ old: UInt8, _ new: UInt8) -> UInt8 {
          UInt8(min(255, max(0, Int(value) + (Int(new) - Int(old)) * share / 255)))
        }
        let seen = thing[x, y]
        result[left + x, top + y] = Color(
          mixed(seen.red, ground.red, color.red), mixed(seen.green, ground.green, color.green),
          mixed(seen.blue, ground.blue, color.blue))
      }
    }
  }
}
