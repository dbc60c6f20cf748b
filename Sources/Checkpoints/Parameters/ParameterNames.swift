/// Under which names a checkpoint holds the parameters of a network.
///
/// A network asks for the names of its own authors; a naming says where those lie in another file. One name may be several
/// matrices stacked along their outputs (q, k and v).
package struct ParameterNames: Sendable {
  package let stored: @Sendable (String) -> [String]

  package init(_ stored: @escaping @Sendable (String) -> [String]) { self.stored = stored }

  /// The one name, or the first, that an official name has in such a file.
  package func name(of official: String) -> String { stored(official).first ?? official }

  /// As the models' own authors name them.
  package static let official = ParameterNames { [$0] }
}
