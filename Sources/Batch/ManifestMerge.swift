import DiTCheckpoints
import DiTFiles
import Foundation

/// Makes one manifest of those that shards have written: `manifest.jsonl`, in the order of the prompt file.
package enum ManifestMerge {
  /// - Returns: all entries.
  /// - Throws: ``BatchError/incomplete(folder:reason:)`` where a shard or a picture is missing; then nothing is written.
  package static func merge(_ url: URL) throws -> [ManifestEntry] {
    guard isFolder(url) else {
      throw BatchError.unreadable(path: url.path, reason: "no such folder")
    }
    let manifests = try PictureFolder.manifests(in: url)
    guard !manifests.isEmpty else { throw BatchError.incomplete(folder: url.path, reason: "no manifest here") }
    try checkShards(manifests, in: url)
    // Keeps other runs away until the new manifest is in place.
    let folder = try PictureFolder(url)
    defer { withExtendedLifetime(folder) {} }
    var byFile: [String: [ManifestEntry]] = [:]
    for manifest in manifests {
      let last = try Manifest.entries(of: manifest).reduce(into: [:]) { $0[$1.file] = $1 }
      for (file, entry) in last { byFile[file, default: []].append(entry) }
    }
    let entries = try byFile.values.map { try valid($0, in: url) }
      .sorted { ($0.line, $0.seed, $0.file) < ($1.line, $1.seed, $1.file) }
    try AtomicFile.write(Array(entries.map(\.jsonLine).joined().utf8), to: folder.manifest.url, followingLinks: false)
    return entries
  }

  /// Of the entries on one file the one that the file agrees with.
  private static func valid(_ entries: [ManifestEntry], in folder: URL) throws -> ManifestEntry {
    let file = entries[0].file
    func incomplete(_ reason: String) -> BatchError { .incomplete(folder: folder.path, reason: "\(file) \(reason)") }
    guard !file.contains("/"), let bytes = try? readFile(folder.appendingPathComponent(file)) else {
      throw incomplete("is in the manifest, but not in the folder; run the job again")
    }
    let hash = sha256(bytes)
    guard let entry = entries.first(where: { $0.sha256 == hash }) else {
      throw incomplete("is not what the manifest recorded; run the job again with --check")
    }
    return entry
  }

  /// A shard that has not begun is known by the names that its neighbours have. Where a run without shards has drawn
  /// too, it may have done their part.
  private static func checkShards(_ manifests: [URL], in folder: URL) throws {
    let names = Set(manifests.map(\.lastPathComponent))
    let whole = folder.appendingPathComponent(PictureFolder.manifestName(nil))
    guard try !names.contains(whole.lastPathComponent) || Manifest.entries(of: whole).isEmpty else { return }
    let counts = Set(names.compactMap { $0.firstMatch(of: /-of-([0-9]+)/).flatMap { Int($0.1) } })
    guard counts.count == 1, let count = counts.first, count <= 10_000 else { return }
    for index in 1...max(1, count) {
      guard try names.contains(PictureFolder.manifestName(Shard(index: index, of: count))) else {
        throw BatchError.incomplete(folder: folder.path, reason: "shard \(index) of \(count) has drawn nothing yet")
      }
    }
  }
}
