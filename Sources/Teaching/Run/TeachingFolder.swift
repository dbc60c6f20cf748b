import DiTFiles
import Foundation

/// `NAME.teaching` beside the result: what a run that was ended goes on from. One run at a time has it.
package final class TeachingFolder {
  package let url: URL
  private let lock: Int32
  /// Decided by the settings, or after the first steps by the time.
  private(set) var samples: Int?
  private let settings: TeachingSettings

  private struct Record: Codable {
    let settings: TeachingSettings
    let samples: Int?
  }

  private var record: URL { url.appendingPathComponent("run.json") }
  /// Where the learner is kept, the losses of its steps, and its adapters for pictures to look at.
  var state: URL { url.appendingPathComponent("state.safetensors") }
  var preview: URL { url.appendingPathComponent("preview.safetensors") }
  private var losses: URL { url.appendingPathComponent("losses.txt") }

  /// Beside the result.
  package static func place(of target: URL) -> URL {
    target.deletingPathExtension().appendingPathExtension("teaching")
  }

  /// Makes the folder or goes on with it.
  /// - Throws: ``TeachingError/locked(path:)``, ``TeachingError/otherSettings(path:changed:)``,
  ///   ``TeachingError/foreign(path:)``; `FileError`.
  package init(_ url: URL, _ settings: TeachingSettings) throws {
    (self.url, self.settings) = (url, settings)
    if !FileManager.default.fileExists(atPath: url.path) {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    lock = try Self.hold(url)
    TemporaryFiles.sweep(url.path)
    samples = settings.samples
    guard FileManager.default.fileExists(atPath: record.path) else {
      try write()
      return
    }
    guard let known = try? JSONDecoder().decode(Record.self, from: Data(readFile(record, limit: 1 << 20))) else {
      throw TeachingError.damaged(path: url.relativePath, reason: "run.json is not readable")
    }
    let changed = try settings.differences(from: known.settings)
    guard changed.isEmpty else { throw TeachingError.otherSettings(path: url.relativePath, changed: changed) }
    samples = known.samples
  }

  deinit { close(lock) }

  private func write() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try AtomicFile.write(Array(encoder.encode(Record(settings: settings, samples: samples))), to: record)
  }

  /// Remembers how many samples there will be.
  func plan(samples: Int) throws {
    self.samples = samples
    try write()
  }

  /// Whether an earlier run has learnt anything.
  package var isBegun: Bool { FileManager.default.fileExists(atPath: state.path) }

  // MARK: losses

  /// Those of the first steps, as many as there were when the state was kept.
  func losses(steps: Int = .max) throws -> [Float] {
    guard FileManager.default.fileExists(atPath: losses.path) else { return [] }
    return try String(decoding: readFile(losses, limit: 64 << 20), as: UTF8.self).split(separator: "\n").prefix(steps)
      .map { Float($0) ?? .nan }
  }

  func keep(losses: [Float]) throws {
    try AtomicFile.write(Array(losses.map { "\($0)\n" }.joined().utf8), to: self.losses)
  }

  /// Removes it with all that is in it, when the result is there.
  func remove() throws { try FileManager.default.removeItem(at: url) }

  /// Removes what an earlier run has left, if anything.
  /// - Throws: ``TeachingError/locked(path:)``, ``TeachingError/foreign(path:)``; `FileError`.
  package static func remove(_ url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    let lock = try hold(url)
    defer { close(lock) }
    try FileManager.default.removeItem(at: url)
  }

  /// Against other runs, until it is closed.
  private static func hold(_ url: URL) throws -> Int32 {
    let place = url.appendingPathComponent("lock")
    // A folder that somebody else has filled is not to be removed in the end.
    guard isFolder(url), try FileManager.default.fileExists(atPath: place.path) || names(in: url).isEmpty else {
      throw TeachingError.foreign(path: url.relativePath)
    }
    do {
      return try openLocked(place)
    } catch .held {
      throw TeachingError.locked(path: url.relativePath)
    } catch .refused(let reason) {
      throw FileError.unwritable(path: place.relativePath, reason: reason)
    }
  }
}
