import DiTDiffusion
import DiTImage
import DiTModels
import Foundation

/// What is made of the pictures to learn from: cut-outs on plain grounds that the caption names, some beside another thing that it
/// names as well; others as they are but for small crops; half of them mirrored.
///
/// Each follows from the seed, the number of its picture and its own alone.
package struct Compositions: Sendable {
  package struct Composition: Sendable {
    package let picture: Picture
    package let caption: String
  }

  let wording: Wording
  let size: PictureSize
  let seed: UInt64
  /// Pictures there are.
  let count: Int
  /// What stands beside some of the cut-outs; nil: nobody has looked for any.
  package var companions: [Companion]?

  package init(_ wording: Wording, size: PictureSize, seed: UInt64, count: Int) {
    (self.wording, self.size, self.seed, self.count) = (wording, size, seed, count)
  }

  /// The plain grounds, as the bundled model's own were painted (Weights/recipe/recipe/painter/palette.py).
  static let grounds: [(name: String, color: Color)] = [
    ("white", Color(0xFFFFFF)), ("black", Color(0x0A0A0D)), ("gray", Color(0x8C8F94)), ("red", Color(0xDB2E33)),
    ("yellow", Color(0xFFDB52)), ("green", Color(0x6BBD66)), ("blue", Color(0x528CEB)), ("purple", Color(0x996BD1)),
    ("pink", Color(0xFAB3CC)),
  ]

  /// Things, in words, can stand beside others.
  var hasCompanions: Bool { !wording.isStyle && wording.classIndex == nil }

  /// How many are made of a picture: about 160 of a subject that is cut out, three of each picture of a style.
  func count(isCutOut: Bool) -> Int {
    if wording.isStyle { return 3 }
    let share = (160 + count - 1) / max(1, count)
    return isCutOut ? min(27, max(3, share)) : min(8, max(2, share))
  }

  /// What is made of a picture, and whether its shape was not the one that is taught.
  /// - Parameter index: of the picture.
  /// - Throws: `FileError`, `ImageError`, ``TeachingError``.
  package func all(of item: TaughtPictures.Item, index: Int) throws -> (compositions: [Composition], isCropped: Bool) {
    let contents = try TaughtPictures.contents(of: item)
    let cutOut = try CutOut(transparent: contents, path: item.url.relativePath) ?? CutOut(plain: contents.picture)
    let number = count(isCutOut: cutOut != nil)
    let picture = try reduced(contents.picture)
    // A seed of its own: how many pictures there are before it does not matter.
    var random = TorchRandom(seed: seed &* 0x9E37_79B1 &+ UInt64(index))
    let made = try (0..<number).map { number in
      if let cutOut { return try placed(cutOut, item.caption, index + number, &random) }
      return Composition(
        picture: try cropped(picture, isFirst: number == 0, &random), caption: wording.caption(item.caption))
    }
    let isShaped = contents.picture.width * size.height == contents.picture.height * size.width
    return (made, cutOut == nil && !isShaped)
  }

  /// Crops of a large photo are made of one that is twice as large as they are.
  private func reduced(_ picture: Picture) throws -> Picture {
    let scale = 2 * max(Double(size.width) / Double(picture.width), Double(size.height) / Double(picture.height))
    guard scale < 1 else { return picture }
    return try picture.resized(
      width: max(size.width, Int(Double(picture.width) * scale)), height: max(size.height, Int(Double(picture.height) * scale)))
  }

  private func placed(
    _ cutOut: CutOut, _ caption: String?, _ number: Int, _ random: inout TorchRandom
  ) throws -> Composition {
    let ground = Compositions.grounds[number % Compositions.grounds.count]
    func jitter(_ value: UInt8) -> UInt8 { UInt8(min(255, max(0, Float(value) + 20 * (random.uniform() - 0.5)))) }
    // White is white: most pictures of the model's training had that.
    let color = ground.name == "white" ? ground.color
      : Color(jitter(ground.color.red), jitter(ground.color.green), jitter(ground.color.blue))
    var picture = Picture(width: size.width, height: size.height, filledWith: color)
    func draw(_ thing: CutOut, scale: ClosedRange<Double>, side: Double? = nil) throws {
      let scale = scale.lowerBound + (scale.upperBound - scale.lowerBound) * Double(random.uniform())
      let shift = (x: side ?? Double(random.uniform()) * 1.2 - 0.6, y: Double(random.uniform()) * 1.2 - 0.6)
      try thing.draw(onto: &picture, of: color, scale: scale, shift: shift, isMirrored: random.uniform() < 0.5)
    }
    guard let companions, !companions.isEmpty, number % Self.pairs == Self.pairs - 1 else {
      try draw(cutOut, scale: 0.55...0.9)
      return Composition(picture: picture, caption: wording.caption(caption, ground: ground.name))
    }
    // One on either side.
    let companion = companions[number / Self.pairs % companions.count]
    let side = random.uniform() < 0.5 ? -0.9 : 0.9
    try draw(cutOut, scale: 0.34...0.46, side: side)
    try draw(companion.cutOut, scale: 0.34...0.46, side: -side)
    let both = [caption, "and \(companion.name)"].compactMap(\.self).joined(separator: " ")
    return Composition(picture: picture, caption: wording.caption(both, ground: ground.name))
  }

  /// One in so many cut-outs has another thing beside it.
  private static let pairs = 4

  /// The middle; of later ones a little less of it, from somewhere in it.
  private func cropped(_ picture: Picture, isFirst: Bool, _ random: inout TorchRandom) throws -> Picture {
    let middle = try picture.centerCropped(toAspect: size.width, size.height)
    guard !isFirst else { return try middle.resized(width: size.width, height: size.height) }
    let share = 0.85 + 0.15 * Double(random.uniform())
    let (columns, rows) = (max(1, Int(Double(middle.width) * share)), max(1, Int(Double(middle.height) * share)))
    let x = Int(Double(random.uniform()) * Double(middle.width - columns))
    let y = Int(Double(random.uniform()) * Double(middle.height - rows))
    let part = try middle.cropped(x: x, y: y, width: columns, height: rows).resized(width: size.width, height: size.height)
    return random.uniform() < 0.5 ? part.turned(.mirrored) : part
  }
}
