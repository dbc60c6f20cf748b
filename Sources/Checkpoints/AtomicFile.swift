import Foundation

/// A file that appears complete or not at all: written beside its target, then renamed over it.
///
/// Whoever has the old file mapped keeps the old bytes. Without ``commit()`` the temporary file is removed.
package final class AtomicFile {
  private let target: String
  private let temporary: String
  private var descriptor: Int32

  /// - Parameter create: opens the temporary file; for tests of what happens on a full disk.
  /// - Throws: ``LoadError/unwritable(file:reason:)``, as every method.
  package init(replacing url: URL, create: (String) -> Int32 = AtomicFile.create) throws {
    target = url.path
    let name = ".\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0...UInt32.max)).partial"
    temporary = url.deletingLastPathComponent().appendingPathComponent(name).path
    descriptor = create(temporary)
    guard descriptor >= 0 else { throw failure() }
  }

  package static func create(_ path: String) -> Int32 { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let chunk = UnsafeRawBufferPointer(rebasing: rest)
      let written = Foundation.write(descriptor, chunk.baseAddress, chunk.count)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw failure() }
      rest = rest.dropFirst(written)
    }
  }

  /// Makes the file durable and gives it its name.
  func commit() throws {
    guard fsync(descriptor) == 0 else { throw failure() }
    guard rename(temporary, target) == 0 else { throw failure() }
    close(descriptor)
    descriptor = -1
  }

  private func failure() -> LoadError { .unwritable(file: target, reason: String(cString: strerror(errno))) }
}
