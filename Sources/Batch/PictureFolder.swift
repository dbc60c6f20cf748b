import DiTCheckpoints
import DiTFiles
import Foundation

/// The folder a job draws into: which pictures are there already, and who may write.
///
/// A run without shards has the folder to itself. Shards share it: each holds `manifest-I-of-N.jsonl`, and all of them
/// keep a run without shards out. What any manifest in the folder records is finished for all.
package final class PictureFolder {
  package let url: URL
  let manifest: Manifest
  /// By file; of several lines on one file the last.
  private var finished: [String: ManifestEntry] = [:]

  /// Where a picture stands.
  package enum State: Sendable {
    case missing
    /// Drawn from another line, with other options or by another model.
    case changed
    /// Recorded, but the file is not there or not what was recorded.
    case lost
    case finished(ManifestEntry)
  }

  /// Makes the folder if need be, takes its lock and removes what a killed run left.
  /// - Throws: ``BatchError``.
  package init(_ url: URL, shard: Shard? = nil) throws {
    self.url = url
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw BatchError.unwritable(path: url.path, reason: "the folder cannot be made")
    }
    isOurs = try !PictureFolder.manifests(in: url).isEmpty
    manifest = try Manifest(url.appendingPathComponent(PictureFolder.manifestName(shard)))
    // First hold one's own, then look at the others: of two that start at once, at least one gives way.
    let others = try PictureFolder.manifests(in: url).filter { $0.lastPathComponent != manifest.url.lastPathComponent }
    for other in others where shard == nil || other.lastPathComponent == PictureFolder.manifestName(nil) {
      guard !Manifest.isLocked(other) else { throw BatchError.locked(path: other.path) }
    }
    for one in others + [manifest.url] {
      for entry in try Manifest.entries(of: one) { finished[entry.file] = entry }
    }
    TemporaryFiles.sweep(url.path)
  }

  static func manifestName(_ shard: Shard?) -> String {
    shard.map { "manifest-\($0.index)-of-\($0.count).jsonl" } ?? "manifest.jsonl"
  }

  /// The manifests in a folder, by name: files, not links or pipes.
  static func manifests(in folder: URL) throws -> [URL] {
    try names(in: folder).filter { $0.wholeMatch(of: /manifest(-[0-9]+-of-[0-9]+)?\.jsonl/) != nil }
      .map { folder.appendingPathComponent($0) }
      .filter {
        var status = stat()
        return lstat($0.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      }
  }

  /// - Parameter checking: reads the file and compares its hash, rather than its length alone.
  package func state(of file: String, fingerprint: String, checking: Bool = false) throws -> State {
    let path = url.appendingPathComponent(file)
    var status = stat()
    let exists = stat(path.path, &status) == 0
    guard let entry = finished[file] else {
      // Without a line of any run in the manifests, a file of this name is somebody else's.
      guard !exists || isOurs else { throw BatchError.foreign(path: path.path) }
      return .missing
    }
    guard entry.fingerprint == fingerprint else { return .changed }
    guard exists, Int(status.st_size) == entry.bytes else { return .lost }
    if checking, try sha256(readFile(path)) != entry.sha256 { return .lost }
    return .finished(entry)
  }

  /// Whether a run of ours has begun here before; a killed one may have left a picture that no manifest records.
  private let isOurs: Bool

  /// Writes a picture and then its line.
  /// - Throws: `FileError` or ``BatchError``; then neither the picture nor the line is there in part.
  func add(_ bytes: [UInt8], _ entry: ManifestEntry) throws {
    try AtomicFile.write(bytes, to: url.appendingPathComponent(entry.file), followingLinks: false)
    try manifest.append(entry)
  }
}
