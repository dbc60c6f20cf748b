import DiTCheckpoints
import Dispatch
import Foundation
import DiTImage
import DiTTextToImage

/// Encodes, hashes and writes pictures on a thread of its own while the next ones are drawn.
///
/// `@unchecked Sendable`: the folder, the one thing here that is not, is written to on that thread alone, and read by the
/// drawing thread once ``finish()`` has emptied that; what both threads change lies behind the lock.
final class PictureWriter: @unchecked Sendable {
  private let folder: PictureFolder
  /// Pictures that may wait; a slow disk then slows the drawing rather than fill the memory.
  private let room = DispatchSemaphore(value: 32)
  private let lock = NSLock()
  private var written: [ManifestEntry] = []
  private var failure: (any Error)?
  private var waiting: [@Sendable () -> Void] = []
  private var isWriting = false
  private let done = DispatchGroup()

  init(_ folder: PictureFolder) { self.folder = folder }

  /// - Parameter entry: all but the hash and the length, which are known when the file is.
  func write(_ picture: Picture, texts: [PNGText], _ entry: ManifestEntry) {
    room.wait()
    afterTheOthers { [self] in
      defer { room.signal() }
      guard lock.withLock({ failure == nil }) else { return }
      do {
        let bytes = try picture.encoded(texts: texts)
        var entry = entry
        entry.sha256 = sha256(bytes)
        entry.bytes = bytes.count
        try folder.add(bytes, entry)
        lock.withLock { written.append(entry) }
      } catch {
        lock.withLock { failure = error }
      }
    }
  }

  /// In order, on a thread that ends when nothing waits.
  private func afterTheOthers(_ work: @escaping @Sendable () -> Void) {
    let isFirst = lock.withLock {
      waiting.append(work)
      defer { isWriting = true }
      return !isWriting
    }
    guard isFirst else { return }
    done.enter()
    onNewThread { [self] in
      while let next = takeWaiting() { next() }
      done.leave()
    }
  }

  private func takeWaiting() -> (@Sendable () -> Void)? {
    lock.withLock {
      isWriting = !waiting.isEmpty
      return isWriting ? waiting.removeFirst() : nil
    }
  }

  /// What was written since the last call.
  /// - Throws: what stopped the writing; nothing is written after it.
  func takeWritten() throws -> [ManifestEntry] {
    try lock.withLock {
      if let failure, written.isEmpty { throw failure }
      defer { written = [] }
      return written
    }
  }

  /// Waits until everything is on disk.
  func finish() throws -> [ManifestEntry] {
    done.wait()
    let last = try takeWritten()
    if let failure = lock.withLock({ failure }) { throw failure }
    folder.manifest.synchronise()
    return last
  }
}
