import Foundation

/// What a line of a prompt file asks for.
public struct PictureOrder: Sendable {
  public var line: Int
  /// Its seed is not looked at.
  public var request: GenerationRequest
  /// Nil: from the number of the line.
  public var seed: UInt64?
  public var count: Int

  public init(line: Int, request: GenerationRequest, seed: UInt64? = nil, count: Int = 1) {
    (self.line, self.request, self.seed, self.count) = (line, request, seed, count)
  }
}

/// One picture of a prompt file.
public struct PictureJob: Sendable {
  public var line: Int
  public var request: GenerationRequest
  /// The file's name within the folder; no two jobs share one.
  public var file: String

  /// More would be a file that nobody meant.
  public static let limit = 1_000_000

  /// The pictures of all lines, in order. Everything follows from the lines alone, so that every shard and every later
  /// run finds the same names and seeds.
  /// - Parameters:
  ///   - baseSeed: a line without a seed has `baseSeed` + its number. Seeds of one line count up.
  ///   - name: the words of a file's name.
  public static func jobs(
    _ orders: [PictureOrder], baseSeed: UInt64, name: (GenerationRequest) -> String
  ) -> [PictureJob] {
    orders.flatMap { order in
      let stem = String(format: "%04d-", order.line) + name(order.request)
      return (0..<order.count).map { index in
        var request = order.request
        request.seed = (order.seed ?? baseSeed &+ UInt64(order.line)) &+ UInt64(index)
        return PictureJob(
          line: order.line, request: request, file: stem + (order.count > 1 ? "-\(index + 1)" : "") + ".png")
      }
    }
  }
}
