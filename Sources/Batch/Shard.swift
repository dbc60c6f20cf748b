/// A machine's part of a job: every `count`th picture, beginning with the `index`th (from 1).
package struct Shard: Sendable, Equatable, CustomStringConvertible {
  package let index: Int
  package let count: Int

  package init(index: Int, of count: Int) throws {
    guard (1...10_000).contains(count), (1...count).contains(index) else {
      throw BatchError.shard("shard \(index)/\(count): expected 1/N to N/N, with N up to 10000")
    }
    (self.index, self.count) = (index, count)
  }

  package var description: String { "\(index) of \(count)" }

  /// This shard's part. Every element is in exactly one shard, and neighbours, which cost alike, are in different ones.
  package func part<Element>(of all: [Element]) -> [Element] {
    stride(from: index - 1, to: all.count, by: count).map { all[$0] }
  }

  /// - Parameters:
  ///   - option: `I/N`, or `N` where the environment gives the index; nil: all from the environment.
  ///   - environment: where Slurm's job arrays and Kubernetes' indexed Jobs say which of how many this is.
  /// - Returns: nil where there is one machine alone.
  /// - Throws: ``BatchError/shard(_:)``.
  package init?(option: String?, environment: [String: String]) throws {
    let fromEnvironment = try Shard.position(in: environment)
    guard let option else {
      guard let (index, known, source) = fromEnvironment else { return nil }
      guard let count = known else {
        throw BatchError.shard("\(source) is set, but not of how many: set JOB_COMPLETIONS or give --shard N")
      }
      try self.init(index: index + 1, of: count)
      return
    }
    let parts = option.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    switch (parts.count, parts.first ?? nil, parts.last ?? nil) {
    case (2, let index?, let count?): try self.init(index: index, of: count)
    case (1, let count?, _):
      guard let (index, known, source) = fromEnvironment else {
        throw BatchError.shard("--shard \(option) without an array index in the environment: give --shard I/N")
      }
      guard known == nil || known == count else {
        throw BatchError.shard("--shard \(option), but \(source) counts \(known ?? 0)")
      }
      try self.init(index: index + 1, of: count)
    default: throw BatchError.shard("--shard \(option): expected I/N, 2/8 for instance")
    }
  }

  /// The index from 0, the count where it is known, and the variable that says so.
  private static func position(in environment: [String: String]) throws -> (index: Int, count: Int?, source: String)? {
    func number(_ name: String) throws -> Int? {
      guard let text = environment[name], !text.isEmpty else { return nil }
      guard let value = Int(text), (0...1_000_000_000).contains(value) else {
        throw BatchError.shard("\(name)=\(text.prefix(40)): expected a number from 0 to 1000000000")
      }
      return value
    }
    if let task = try number("SLURM_ARRAY_TASK_ID") {
      let first = try number("SLURM_ARRAY_TASK_MIN") ?? 0
      let step = try number("SLURM_ARRAY_TASK_STEP").flatMap { $0 > 0 ? $0 : nil } ?? 1
      guard let count = try number("SLURM_ARRAY_TASK_COUNT") else {
        throw BatchError.shard("SLURM_ARRAY_TASK_ID is set, but SLURM_ARRAY_TASK_COUNT is not: give --shard I/N")
      }
      let index = (task - first) / step
      // An array such as 1,3,7 has holes: its members do not know which they are.
      guard task >= first, (task - first) % step == 0, index < count else {
        throw BatchError.shard("task \(task) of an array of \(count) from \(first) by \(step): give --shard I/N")
      }
      return (index, count, "SLURM_ARRAY_TASK_ID")
    }
    if let index = try number("JOB_COMPLETION_INDEX") {
      return (index, try number("JOB_COMPLETIONS"), "JOB_COMPLETION_INDEX")
    }
    return nil
  }
}
