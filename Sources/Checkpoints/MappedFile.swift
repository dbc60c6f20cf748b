import Foundation
import DiTTensors

/// A regular file mapped read-only; unmapped with its last owner.
///
/// Weights are read from the mapping where they lie, so a checkpoint costs no memory beyond the page cache. As with
/// every mapping, a file that another process shortens while it is in use raises SIGBUS: replace checkpoints by rename,
/// as ``SafetensorsWriter`` does.
///
/// `@unchecked Sendable`: the pointers are constant and their bytes are only read. ``release(_:)`` may meet a reader: the
/// kernel drops pages of an unchanged private mapping and reads the same bytes again.
package final class MappedFile: MappedMemory, @unchecked Sendable {
  package let path: String
  package let bytes: UnsafeRawBufferPointer
  /// The whole mapping; larger than `bytes` only in tests.
  private let region: UnsafeMutableRawBufferPointer

  /// - Throws: ``LoadError/unreadable(file:reason:)``
  package init(_ url: URL) throws {
    path = url.path
    func fail(_ code: Int32) -> LoadError { .unreadable(file: url.path, reason: String(cString: strerror(code))) }
    // Non-blocking, or opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT, let reason = danglingLink(url) { throw LoadError.unreadable(file: path, reason: reason) }
      throw fail(code)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fail(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw LoadError.unreadable(file: path, reason: "not a regular file")
    }
    guard status.st_size > 0 else {  // mmap refuses a length of 0
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      region = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      return
    }
    let count = Int(status.st_size)
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw errno == ENOMEM ? BackendError.outOfMemory("\(count) bytes of \(path)") : fail(errno)
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
    region = UnsafeMutableRawBufferPointer(start: base, count: count)
  }

  /// A file that exists in memory only, for tests: it ends where a page does that must not be touched, so that reading
  /// one byte too many is a crash and not luck.
  package init(named path: String, bytes contents: [UInt8]) throws {
    self.path = path
    let page = Int(getpagesize())
    let filled = (contents.count + page - 1) / page * page
    let base = mmap(nil, filled + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base, base != MAP_FAILED, mprotect(base + filled, page, PROT_NONE) == 0 else {
      throw LoadError.unreadable(file: path, reason: String(cString: strerror(errno)))
    }
    region = UnsafeMutableRawBufferPointer(start: base, count: filled + page)
    let target = UnsafeMutableRawBufferPointer(rebasing: region[filled - contents.count..<filled])
    target.copyBytes(from: contents)
    bytes = UnsafeRawBufferPointer(target)
  }

  /// Drops whole pages from memory; they are read from the file again when they are touched.
  package func release(_ part: UnsafeRawBufferPointer) {
    let isFile = region.count == bytes.count  // a test's memory would be lost
    guard isFile, let base = bytes.baseAddress, let start = part.baseAddress, start >= base,
      start + part.count <= base + bytes.count
    else { return }
    let page = Int(getpagesize())
    let first = (start - base + page - 1) / page * page
    let end = (start - base + part.count) / page * page
    guard first < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, Int32(MADV_DONTNEED))
  }

  deinit {
    if let base = region.baseAddress { munmap(base, region.count) }
  }
}
