import DiTCFiles
import Foundation

/// A file that appears whole or not at all: written under another name beside its target, then given the name.
///
/// Whoever has an old file mapped keeps the old bytes. Without ``commit()``, and on Ctrl-C (``TemporaryFiles``), the
/// temporary file is removed. A symbolic link is followed, and something that is no file (a terminal, `/dev/null`, a
/// pipe) is written directly.
package final class AtomicFile {
  private let target: String
  private let replacing: Bool
  /// Nil where the target is written directly, and once it has its name.
  private var temporary: String?
  private let slot: Int32
  private var descriptor: Int32

  /// - Parameters:
  ///   - replacing: whether an existing file may be replaced; if not, ``FileError/exists(path:)``, without a race.
  ///   - owner: a part of the temporary file's name, by which its owner can find what a killed process left.
  ///   - create: opens the temporary file; for tests of what happens on a full disk.
  /// - Throws: ``FileError`` with the system's reason, as every method.
  package init(
    _ url: URL, replacing: Bool = true, owner: String = "\(getpid())", create: (String) -> Int32 = AtomicFile.create
  ) throws(FileError) {
    self.replacing = replacing
    var path = url.path
    var status = stat()
    if stat(path, &status) == 0 {
      let kind = status.st_mode & S_IFMT
      if !replacing && (kind == S_IFREG || kind == S_IFDIR) { throw .exists(path: path) }
      if kind == S_IFDIR { throw failure(path, EISDIR) }
      if kind != S_IFREG {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(path, errno) }
        (target, temporary, slot, descriptor) = (path, nil, -1, file)
        return
      }
      if let resolved = realpath(path, nil) {
        path = String(cString: resolved)
        free(resolved)
      }
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    let name = folder + AtomicFile.temporaryPrefix(owner) + String(UInt64.random(in: 0 ... .max), radix: 36) + ".tmp"
    // Remembered before it exists: Ctrl-C may come at any time. The name is random, so nobody else's file is at risk.
    let held = cfiles_temporary_add(name)
    let file = create(name)
    guard file >= 0 else {
      let error = errno
      cfiles_temporary_forget(held)
      throw failure(path, error)
    }
    (target, temporary, slot, descriptor) = (path, name, held, file)
  }

  /// How the names of an owner's temporary files begin.
  package static func temporaryPrefix(_ owner: String) -> String { ".dit-t2i-\(owner)-" }

  /// A new file that nobody else has, readable as the umask allows.
  package static func create(_ path: String) -> Int32 { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if let temporary { unlink(temporary) }
    cfiles_temporary_forget(slot)
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure(target, errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes the file durable and gives it its name.
  package func commit() throws(FileError) {
    // What is written directly may be nothing that can be synced.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure(target, errno) }
    // Closed before it gets the name: some file systems say only then that the disk was full.
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0 else { throw failure(target, errno) }
    guard let temporary else { return }
    let error = replacing ? (rename(temporary, target) == 0 ? 0 : errno) : cfiles_rename_exclusively(temporary, target)
    if error == EEXIST && !replacing { throw .exists(path: target) }
    guard error == 0 else { throw failure(target, error) }
    self.temporary = nil
  }

  /// All of a file at once.
  package static func write(
    _ bytes: [UInt8], to url: URL, replacing: Bool = true, owner: String = "\(getpid())"
  ) throws(FileError) {
    let file = try AtomicFile(url, replacing: replacing, owner: owner)
    let result = bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try file.write(buffer) } }
    try result.get()
    try file.commit()
  }
}

private func failure(_ path: String, _ error: Int32) -> FileError {
  .unwritable(path: path, reason: String(cString: strerror(error)))
}
