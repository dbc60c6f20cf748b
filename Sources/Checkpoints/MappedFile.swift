import Foundation
import Tensors

/// A regular file mapped read-only; unmapped with its last owner.
///
/// Weights are read from the mapping where they lie, so a checkpoint costs no memory beyond the page cache. As with every
/// mapping, a file that another process shortens while it is in use raises SIGBUS: replace checkpoints by rename, as
/// ``SafetensorsWriter`` does.
public final class MappedFile: MappedMemory, @unchecked Sendable {
  public let path: String
  public let bytes: UnsafeRawBufferPointer

  /// - Throws: ``LoadError/unreadable(file:reason:)``
  public init(_ url: URL) throws {
    path = url.path
    func fail(_ code: Int32) -> LoadError { .unreadable(file: url.path, reason: String(cString: strerror(code))) }
    // Non-blocking, or opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw fail(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fail(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw LoadError.unreadable(file: path, reason: "not a regular file")
    }
    guard status.st_size > 0 else {  // mmap refuses a length of 0
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let count = Int(status.st_size)
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw fail(errno)
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Drops whole pages from memory; they are read from the file again when they are touched.
  public func release(_ part: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, let start = part.baseAddress, start >= base,
      start + part.count <= base + bytes.count
    else { return }
    let page = Int(getpagesize())
    let first = (start - base + page - 1) / page * page
    let end = (start - base + part.count) / page * page
    guard first < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, Int32(MADV_DONTNEED))
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}
