/// Which symbols of a byte pair encoding become one, and in which order (Sennrich et al. 2016, arXiv 1508.07909).
struct BytePairMerges: Sendable {
  private struct Merge {
    let rank: Int
    let result: Int
  }

  private var merges: [UInt64: Merge] = [:]

  /// Of a pair that is added twice the first counts.
  mutating func add(_ left: Int, _ right: Int, to result: Int) {
    let key = Self.key(left, right)
    if merges[key] == nil { merges[key] = Merge(rank: merges.count, result: result) }
  }

  private static func key(_ left: Int, _ right: Int) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

  /// Merges neighbours until none are left to merge: always the pair that was learned first, and of equal ones the first.
  /// A word of n symbols takes n log n.
  func merged(_ word: [Int]) -> [Int] {
    guard word.count > 1 else { return word }
    var symbols = word
    // Neighbours by index; a symbol that went into the one before it is -1.
    var next = Array(1...word.count)
    var previous = Array(-1..<word.count - 1)
    var queue = MinimumQueue()
    func merge(at place: Int) -> Merge? {
      guard symbols[place] >= 0, next[place] < symbols.count else { return nil }
      return merges[Self.key(symbols[place], symbols[next[place]])]
    }
    func entry(_ place: Int) -> UInt64? { merge(at: place).map { UInt64($0.rank) << 32 | UInt64(place) } }
    for place in 0..<word.count - 1 { if let entry = entry(place) { queue.insert(entry) } }
    while let first = queue.removeFirst() {
      let place = Int(first & 0xFFFF_FFFF)
      // What was queued here before may have changed.
      guard let merge = merge(at: place), UInt64(merge.rank) == first >> 32 else { continue }
      let gone = next[place]
      symbols[place] = merge.result
      symbols[gone] = -1
      next[place] = next[gone]
      if next[place] < symbols.count { previous[next[place]] = place }
      for changed in [previous[place], place] where changed >= 0 { if let entry = entry(changed) { queue.insert(entry) } }
    }
    return symbols.filter { $0 >= 0 }
  }
}

/// Numbers that are taken out smallest first: a binary heap.
private struct MinimumQueue {
  private var heap: [UInt64] = []

  mutating func insert(_ number: UInt64) {
    heap.append(number)
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> UInt64? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while let child = [2 * parent + 1, 2 * parent + 2].filter({ $0 < heap.count }).min(by: { heap[$0] < heap[$1] }),
      heap[child] < heap[parent]
    {
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }
}
