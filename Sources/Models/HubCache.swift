import DiTFiles
import Foundation

/// The cache of the Hugging Face libraries: `models--OWNER--NAME` with `refs/main`, which names one of the folders in
/// `snapshots`, whose files are links to `blobs`.
package enum HubCache {
  /// The snapshot that a cached repository, or a cache with a single one, stands for; any other place itself.
  /// - Throws: ``ModelError/severalSnapshots(path:names:)`` where it is not clear which is meant.
  package static func resolved(_ url: URL) throws -> URL {
    if url.lastPathComponent == "snapshots" { return try snapshot(of: url.deletingLastPathComponent()) ?? url }
    if let found = try snapshot(of: url) { return found }
    guard isFolder(url), !url.lastPathComponent.hasPrefix("models--") else { return url }
    let cached = folders(in: url).filter { $0.hasPrefix("models--") && isFolder(url.appendingPathComponent("\($0)/snapshots")) }
    guard cached.count <= 1 else { throw ModelError.severalSnapshots(path: url.path, names: cached) }
    return try cached.first.flatMap { try snapshot(of: url.appendingPathComponent($0)) } ?? url
  }

  /// `main`, or the only one; nil where this is no repository of a cache.
  private static func snapshot(of repository: URL) throws -> URL? {
    let snapshots = repository.appendingPathComponent("snapshots")
    guard isFolder(snapshots) else { return nil }
    let there = folders(in: snapshots)
    let main = (try? readFile(repository.appendingPathComponent("refs/main"), limit: 256))
      .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    guard let name = there.first(where: { $0 == main }) ?? (there.count == 1 ? there[0] : nil) else {
      throw ModelError.severalSnapshots(path: snapshots.path, names: there)
    }
    return snapshots.appendingPathComponent(name)
  }

  /// What a model is called: a snapshot as its repository, anything else as its file or folder.
  package static func name(of url: URL) -> String {
    let folder = url.deletingLastPathComponent()
    return folder.lastPathComponent == "snapshots"
      ? name(ofRepository: folder.deletingLastPathComponent().lastPathComponent) : name(ofRepository: url.lastPathComponent)
  }

  /// `models--PixArt-alpha--PixArt-XL-2-512x512` → `PixArt-XL-2-512x512`.
  private static func name(ofRepository folder: String) -> String {
    let parts = folder.components(separatedBy: "--")
    return parts.count > 2 && parts[0] == "models" ? parts.dropFirst(2).joined(separator: "--") : folder
  }

  /// Names by which a place is known: its own, and that of the cached repository that it lies in.
  static func names(of url: URL) -> [String] {
    [url.lastPathComponent] + url.pathComponents.filter { $0.hasPrefix("models--") }
  }

  /// A repository `OWNER/NAME` in the user's cache.
  static func find(_ name: String) -> URL? {
    guard name.wholeMatch(of: /[\w.-]+\/[\w.-]+/) != nil, !name.hasPrefix(".") else { return nil }
    let environment = ProcessInfo.processInfo.environment
    let usual = environment["HF_HOME"] ?? (environment["XDG_CACHE_HOME"] ?? "~/.cache") + "/huggingface"
    let cache = environment["HF_HUB_CACHE"] ?? environment["HUGGINGFACE_HUB_CACHE"] ?? usual + "/hub"
    let url = URL(fileURLWithPath: NSString(string: cache).expandingTildeInPath)
      .appendingPathComponent("models--" + name.replacingOccurrences(of: "/", with: "--"))
    return isFolder(url.appendingPathComponent("snapshots")) ? url : nil
  }

  private static func folders(in url: URL) -> [String] {
    ((try? DiTFiles.names(in: url)) ?? []).filter { isFolder(url.appendingPathComponent($0)) }
  }
}
