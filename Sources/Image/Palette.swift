/// Few colours for many, by median cut.
enum Palette {
  /// A cell of the colour cube: 5 bits a channel.
  private struct Cell {
    let key: Int
    var count = 0
    var sums = [0, 0, 0]
    func mean(_ channel: Int) -> Int { sums[channel] / max(1, count) }
  }

  /// At most `limit` colours, and for each pixel the index of its own.
  static func reduced(_ picture: Picture, to limit: Int) -> (colors: [Color], indices: [Int]) {
    let keys = stride(from: 0, to: picture.pixels.count, by: 3).map { i in
      Int(picture.pixels[i] >> 3) << 10 | Int(picture.pixels[i + 1] >> 3) << 5 | Int(picture.pixels[i + 2] >> 3)
    }
    var histogram: [Int: Cell] = [:]
    for (i, key) in keys.enumerated() {
      histogram[key, default: Cell(key: key)].count += 1
      for channel in 0..<3 {
        histogram[key, default: Cell(key: key)].sums[channel] += Int(picture.pixels[i * 3 + channel])
      }
    }

    // The box that is widest in a channel, weighed by its pixels, is cut at the median of that channel.
    var boxes = [histogram.values.sorted { $0.key < $1.key }]
    var widths = [widest(boxes[0])]
    while boxes.count < limit {
      let candidates = boxes.indices.compactMap { i in
        widths[i].map { (box: i, channel: $0.channel, weight: $0.weight) }
      }
      guard let best = candidates.max(by: { $0.weight < $1.weight }) else { break }
      let sorted = boxes[best.box].sorted { ($0.mean(best.channel), $0.key) < ($1.mean(best.channel), $1.key) }
      let half = sorted.reduce(0) { $0 + $1.count } / 2
      var seen = 0
      var cut = 0
      while cut < sorted.count - 1, seen < max(1, half) {
        seen += sorted[cut].count
        cut += 1
      }
      boxes[best.box] = Array(sorted[..<cut])
      boxes.append(Array(sorted[cut...]))
      widths[best.box] = widest(boxes[best.box])
      widths.append(widest(boxes[boxes.count - 1]))
    }

    var index: [Int: Int] = [:]
    let colors = boxes.enumerated().map { i, cells in
      for cell in cells { index[cell.key] = i }
      let count = max(1, cells.reduce(0) { $0 + $1.count })
      let mean = (0..<3).map { channel in UInt8(cells.reduce(0) { $0 + $1.sums[channel] } / count) }
      return Color(mean[0], mean[1], mean[2])
    }
    return (colors, keys.map { index[$0] ?? 0 })
  }

  private static func widest(_ cells: [Cell]) -> (channel: Int, weight: Double)? {
    guard cells.count > 1 else { return nil }
    let count = Double(cells.reduce(0) { $0 + $1.count }).squareRoot()
    return (0..<3).map { channel in
      let values = cells.map { $0.mean(channel) }
      return (channel, Double((values.max() ?? 0) - (values.min() ?? 0) + 1) * count)
    }.max { $0.1 < $1.1 }
  }
}
