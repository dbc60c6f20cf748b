/// The layers of a network by every name that adapters have for them.
///
/// Names with `_` for `.` cannot be taken apart (`to_out_0`, `net_0_proj`): they are made from the network's own.
package struct LoRATargets: Sendable {
  /// Rows of a parameter of the network: all, or those of q, k or v where they are one matrix.
  struct Target: Equatable, Sendable {
    let parameter: Parameter
    let rows: Range<Int>
  }

  private var targets: [String: Target] = [:]
  private var ambiguous: Set<String> = []
  /// Where the checkpoint keeps a parameter.
  let stored: ParameterNames

  /// - Parameters:
  ///   - parameters: of the network.
  ///   - namings: all that its layers are called in any program.
  ///   - stored: those of the checkpoint that is changed.
  package init(_ parameters: [Parameter], namings: [ParameterNames], stored: ParameterNames) {
    self.stored = stored
    let ending = ".weight"
    for parameter in parameters where parameter.shape.count >= 2 && parameter.name.hasSuffix(ending) {
      for naming in namings {
        let names = naming.stored(parameter.name)
        let rows = parameter.rows / names.count
        for (index, name) in names.enumerated() {
          let layer = String(name.dropLast(ending.count))
          let target = Target(parameter: parameter, rows: index * rows..<(index + 1) * rows)
          for spelling in Set([layer, layer.replacing(".", with: "_")]) { add(spelling, target) }
        }
      }
    }
  }

  private mutating func add(_ name: String, _ target: Target) {
    if let known = targets.updateValue(target, forKey: name), known != target { ambiguous.insert(name) }
  }

  /// The layer of a name without its prefix.
  func target(_ name: String) -> Target? { ambiguous.contains(name) ? nil : targets[name] }
}

extension LoRAFile {
  /// What it changes in a network.
  /// - Throws: ``LoRAError`` naming a layer that the network does not have, has in another shape, or that two parts of the
  ///   file change.
  func changes(in targets: LoRATargets) throws -> [(layer: LoRALayer, target: LoRATargets.Target)] {
    var taken: [String: [(rows: Range<Int>, layer: LoRALayer)]] = [:]
    return try layers.map { layer in
      guard let target = targets.target(layer.name) else {
        throw LoRAError(location, "the model has no layer \(printable(layer.storedName))")
      }
      let wanted = Array(target.parameter.shape.dropFirst())
      guard layer.outputs == target.rows.count, LoRAFile.fit(layer.inputs, wanted) else {
        throw LoRAError(
          location,
          "layer \(printable(layer.storedName)) is \(brief([layer.outputs] + layer.inputs)), the model's \(brief([target.rows.count] + wanted))")
      }
      if let other = taken[target.parameter.name]?.first(where: { $0.rows.overlaps(target.rows) })?.layer {
        throw LoRAError(
          location, "\(printable(other.storedName)) and \(printable(layer.storedName)) are the same layer")
      }
      taken[target.parameter.name, default: []].append((target.rows, layer))
      return (layer, target)
    }
  }

  /// Whether it changes layers that the network has.
  /// - Throws: as ``Checkpoint/merging(_:into:)``.
  package func check(_ targets: LoRATargets) throws { _ = try changes(in: targets) }

  /// [in, 1, 1] is [in]; a convolution's [in, h, w] may be stored as one row.
  private static func fit(_ a: [Int], _ b: [Int]) -> Bool {
    func trimmed(_ shape: [Int]) -> [Int] { shape.dropFirst().allSatisfy { $0 == 1 } ? Array(shape.prefix(1)) : shape }
    let (a, b) = (trimmed(a), trimmed(b))
    return a == b || (min(a.count, b.count) == 1 && a.reduce(1, *) == b.reduce(1, *))
  }
}
