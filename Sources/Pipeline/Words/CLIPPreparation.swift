import DiTCheckpoints
import DiTImage
import DiTTensors

/// How a picture is made what CLIP's encoder of pictures reads, from its `preprocessor_config.json`: the short side to a
/// length, the middle square, and then numbers about zero.
package struct CLIPPreparation: Decodable, Sendable {
  /// Pixels of the short side before the square is cut out, and of the square.
  private let shortSide, crop: Int
  /// Of the pictures that come out.
  package var side: Int { crop }
  private let filter: Picture.Filter
  private let mean, deviation: [Float]

  private enum CodingKeys: String, CodingKey {
    case size, crop = "crop_size", resample, mean = "image_mean", deviation = "image_std", shortSide = "shortest_edge", height
  }

  /// What a file leaves out is as OpenAI's models have it. Sizes are numbers in older files.
  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func side(_ key: CodingKeys, _ inner: CodingKeys) throws -> Int {
      guard let fields = try? values.nestedContainer(keyedBy: CodingKeys.self, forKey: key) else {
        return try values.size(key, 1...4_096, default: 224)
      }
      return try fields.size(inner, 1...4_096)
    }
    shortSide = try side(.size, .shortSide)
    crop = try side(.crop, .height)
    guard crop <= shortSide else { throw values.wrong(.crop, "crop_size is \(crop), expected at most \(shortSide)") }
    let number = try values.size(.resample, 0...5, default: 3)
    guard let filter = Picture.Filter(rawValue: number) else {
      throw values.wrong(.resample, "resample is \(number), expected 3 (bicubic) or 1 (Lanczos)")
    }
    self.filter = filter
    mean = try values.decodeIfPresent([Float].self, forKey: .mean) ?? Self.usual.mean
    deviation = try values.decodeIfPresent([Float].self, forKey: .deviation) ?? Self.usual.deviation
    guard mean.count == 3, deviation.count == 3, mean.allSatisfy(\.isFinite), deviation.allSatisfy({ $0.isFinite && $0 > 0 })
    else { throw values.wrong(.mean, "image_mean and image_std are not three numbers each") }
  }

  /// As OpenAI's models have it, for pictures of another size.
  init(side: Int) {
    (shortSide, crop, filter) = (side, side, .bicubic)
    (mean, deviation) = (Self.usual.mean, Self.usual.deviation)
  }

  private static let usual: (mean: [Float], deviation: [Float]) = (
    [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
  )

  /// The square that is read, of the middle of a picture.
  /// - Throws: `ImageError`.
  package func square(of picture: Picture) throws -> Picture {
    try picture.middle(crop, ofShortSide: shortSide, filter)
  }

  /// [3, side, side].
  /// - Throws: `ImageError`, or where memory is short.
  package func pixels(of picture: Picture) throws -> Tensor {
    let square = try square(of: picture)
    let result = try Tensor([3, crop, crop])
    result.withFloats { numbers in
      for (index, byte) in square.pixels.enumerated() {
        let channel = index % 3
        numbers[channel * crop * crop + index / 3] = (Float(byte) / 255 - mean[channel]) / deviation[channel]
      }
    }
    return result
  }
}
