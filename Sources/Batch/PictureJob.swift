import DiTTextToImage
import Foundation

/// What a line of a prompt file asks for.
package struct PictureOrder: Sendable {
  package var line: Int
  /// Of the prompt among those of the file, from 1: comments and blank lines do not count.
  package var number: Int
  /// Its seed is not looked at.
  package var request: GenerationRequest
  /// None: from the number of the line; one: `count` seeds from it on; several: these.
  package var seeds: [UInt64]
  package var count: Int

  package init(line: Int, number: Int? = nil, request: GenerationRequest, seeds: [UInt64] = [], count: Int = 1) {
    (self.line, self.number, self.request) = (line, number ?? line, request)
    (self.seeds, self.count) = (seeds, max(seeds.count, count))
  }
}

/// One picture of a prompt file.
package struct PictureJob: Sendable {
  package var line: Int
  package var request: GenerationRequest
  /// The file's name within the folder; no two jobs share one.
  package var file: String

  /// A larger count is assumed to be a mistake.
  package static let limit = 1_000_000

  /// The pictures of all lines, in order. Everything follows from the lines alone, so that every shard and every later
  /// run finds the same names and seeds.
  /// - Parameters:
  ///   - baseSeed: a prompt without a seed has `baseSeed` + its line. Seeds of one line count up.
  ///   - name: the words of a file's name.
  package static func jobs(
    _ orders: [PictureOrder], baseSeed: UInt64, name: (GenerationRequest) -> String
  ) -> [PictureJob] {
    orders.flatMap { order in
      let stem = String(format: "%04d-", order.number) + name(order.request)
      return (0..<max(0, order.count)).map { index in
        var request = order.request
        let first = order.seeds.first ?? baseSeed &+ UInt64(order.line)
        request.seed = order.seeds.count > 1 ? order.seeds[index] : (first &+ UInt64(index)) & 0xFFFF_FFFF
        return PictureJob(
          line: order.line, request: request, file: stem + (order.count > 1 ? "-\(index + 1)" : "") + ".png")
      }
    }
  }
}
