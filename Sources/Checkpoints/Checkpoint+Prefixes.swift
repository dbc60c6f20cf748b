/// Programs that train or bundle networks put their own names before those of a network's authors.
extension Checkpoint {
  /// What `torch.compile`, FSDP and activation checkpointing put between the parts of a name.
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// The tensors without what PyTorch's wrappers added to their names, at whatever place.
  /// - Throws: ``LoadError/malformed(file:tensor:reason:)`` if two tensors get one name.
  package func unwrapped() throws -> Checkpoint {
    func parts(_ name: String) -> [Substring] { name.split(separator: ".", omittingEmptySubsequences: false) }
    guard records.contains(where: { parts($0.name.string).contains(where: Self.wrappers.contains) }) else { return self }
    return try renamed { name in parts(name).filter { !Self.wrappers.contains($0) }.joined(separator: ".") }
  }

  /// The tensors below the prefix (`module.`, `model.diffusion_model.`, …) under which all of `marks` are, by the rest of
  /// their names. Of several prefixes averaged weights come first (`ema`), then the shortest.
  /// - Returns: nil where there is none; this checkpoint where the names have no prefix.
  package func below(_ marks: [String]) -> Checkpoint? {
    guard let first = marks.first else { return nil }
    if marks.allSatisfy(contains) { return self }
    let prefixes = records.compactMap { record -> String? in
      let name = record.name.string
      guard name.hasSuffix("." + first) else { return nil }
      let prefix = String(name.dropLast(first.count))
      return marks.allSatisfy { contains(prefix + $0) } ? prefix : nil
    }
    func isAveraged(_ prefix: String) -> Bool { prefix.split { !$0.isLetter }.contains("ema") }
    let best = prefixes.min {
      (isAveraged($0) ? 0 : 1, $0.utf8.count, $0) < (isAveraged($1) ? 0 : 1, $1.utf8.count, $1)
    }
    return best.map(scoped)
  }

  /// As ``below(_:)``, with the first of several sets of marks that is there.
  package func below(anyOf sets: [[String]]) -> Checkpoint? { sets.lazy.compactMap { below($0) }.first }
}
