import DiTCheckpoints
import DiTFiles
import Foundation

/// `manifest.jsonl`: a line for each finished picture, appended when its file is in place.
///
/// A line is one write(2), so that a killed process leaves whole lines; what a crash of the machine tears is dropped by
/// the next run. Lines are not synced one by one: a picture's bytes are, before it gets its name, and a picture whose
/// line is lost is merely drawn again, to the same bytes.
package final class Manifest {
  package let url: URL
  private let file: Int32

  /// Opens or creates a manifest for appending, and holds it against other processes until this object goes.
  /// - Throws: ``BatchError/locked(path:)`` or ``BatchError/unwritable(path:reason:)``.
  init(_ url: URL) throws {
    self.url = url
    do {
      file = try openLocked(url, O_APPEND)
    } catch .held {
      throw BatchError.locked(path: url.path)
    } catch .refused(let reason) {
      throw BatchError.unwritable(path: url.path, reason: reason)
    }
    try dropTornLine()
  }

  deinit { close(file) }

  /// Whether another process holds the manifest at `url`.
  static func isLocked(_ url: URL) -> Bool {
    let other = open(url.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard other >= 0 else { return false }
    defer { close(other) }
    return flock(other, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  func append(_ entry: ManifestEntry) throws {
    let end = lseek(file, 0, SEEK_END)
    let bytes = Array(entry.jsonLine.utf8)
    let written = write(file, bytes, bytes.count)
    guard written == bytes.count else {
      let reason = String(cString: strerror(written < 0 ? errno : ENOSPC))
      if written > 0 { ftruncate(file, end) }
      throw BatchError.unwritable(path: url.path, reason: reason)
    }
  }

  func synchronise() { fsync(file) }

  /// A last line without its end was being written when the machine stopped.
  private func dropTornLine() throws {
    let bytes = try readFile(url)
    guard let last = bytes.last, last != UInt8(ascii: "\n") else { return }
    let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    guard ftruncate(file, off_t(whole)) == 0 else {
      throw BatchError.unwritable(path: url.path, reason: String(cString: strerror(errno)))
    }
  }

  /// The entries of a manifest, whoever writes it; lines that are none are passed over.
  package static func entries(of url: URL) throws -> [ManifestEntry] {
    let decoder = JSONDecoder()
    return try readFile(url).split(separator: UInt8(ascii: "\n")).compactMap {
      try? decoder.decode(ManifestEntry.self, from: normalisedJSON(Data($0)))
    }
  }
}
