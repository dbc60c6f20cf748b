import DiTImage
import DiTModels
import DiTTextToImage
import DiTTransformer

/// Which pictures are drawn together.
package enum RequestGroups {
  /// Tokens of a batch, guided branches apart: enough for the matrices to be worth their packing. See docs/BATCH.md for
  /// what other sizes cost.
  package static let tokens = 256
  package static let largest = 8
  /// Up to so many tokens two pictures are still faster than one; larger ones would only take more memory.
  package static let pairTokens = 512

  /// Splits requests into batches of requests that are equal but for prompts, classes and seeds.
  /// - Parameter tokens: of the picture of a request.
  /// - Returns: indices into `requests`; batches in the order of their first pictures, those with the same adapters together,
  ///   as even as can be.
  package static func batches(_ requests: [GenerationRequest], tokens: (GenerationRequest) -> Int) -> [[Int]] {
    struct Kind: Hashable {
      var size: PictureSize
      var steps: Int
      var source: String?
      var adapters: [String]
    }
    var groups: [(first: GenerationRequest, set: Int, members: [Int])] = []
    // Requests need not be hashable; few kinds share size and steps, so that looking through those is quick.
    var known: [Kind: [Int]] = [:]
    // The first picture with a set of adapters: each set is merged once.
    var sets: [[String]: Int] = [:]
    for (index, request) in requests.enumerated() {
      let adapters = request.adapters.map { "\($0.scale) \($0.url.path)" }
      let kind = Kind(size: request.size, steps: request.steps, source: request.source?.hash, adapters: adapters)
      if sets[adapters] == nil { sets[adapters] = index }
      if let group = known[kind]?.first(where: { groups[$0].first.sharesRun(with: request) }) {
        groups[group].members.append(index)
      } else {
        known[kind, default: []].append(groups.count)
        groups.append((request, sets[adapters] ?? index, [index]))
      }
    }
    return groups.flatMap { group in
      evenly(group.members, most: size(tokens: tokens(group.first))).map { (set: group.set, members: $0) }
    }.sorted { ($0.set, $0.members[0]) < ($1.set, $1.members[0]) }.map(\.members)
  }

  /// How many pictures of so many tokens make a good batch.
  package static func size(tokens: Int) -> Int {
    max(tokens <= pairTokens ? 2 : 1, min(largest, Self.tokens / max(1, tokens)))
  }

  private static func evenly(_ members: [Int], most: Int) -> [[Int]] {
    let count = (members.count + most - 1) / most
    return (0..<count).map { Array(members[members.count * $0 / count..<members.count * ($0 + 1) / count]) }
  }
}

extension TextToImage {
  /// Indices of requests in batches that are drawn fastest.
  package func batches(_ requests: [GenerationRequest]) -> [[Int]] {
    RequestGroups.batches(requests) { folder.drawnGrid(of: $0).count }
  }
}

extension DrawingSession {
  /// Draws any requests in such batches.
  /// - Parameter progress: is told the part of the work that is done, 0 to 1, and how many pictures are; throw from it to stop.
  /// - Returns: the pictures in the order of the requests.
  package func drawAll(
    _ requests: [GenerationRequest], progress: (Double, Int) throws -> Void = { _, _ in }
  ) throws -> [GeneratedPicture] {
    var pictures = [GeneratedPicture?](repeating: nil, count: requests.count)
    var done = 0
    for batch in model.batches(requests) {
      let drawn = try draw(batch.map { requests[$0] }) { event in
        guard case .step(let step, let steps) = event else { return }
        let part = Double(batch.count) * Double(step) / Double(steps)
        try progress((Double(done) + part) / Double(requests.count), done + (step == steps ? batch.count : 0))
      }
      for (index, one) in zip(batch, drawn) { pictures[index] = one }
      done += batch.count
    }
    return pictures.compactMap { $0 }
  }
}
