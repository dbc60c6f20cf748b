import Foundation

/// The golden files in this repository, or another set of the same layout named by `DIT_T2I_FIXTURES`.
public enum Fixtures {
  public static let root: URL = {
    if let path = ProcessInfo.processInfo.environment["DIT_T2I_FIXTURES"] { return URL(fileURLWithPath: path) }
    return repository.appendingPathComponent("Tests/Fixtures")
  }()

  /// The checkout these tests were built in.
  public static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  public static func url(_ path: String) -> URL { root.appendingPathComponent(path) }
}
