import DiTCFiles
import Foundation

/// A file that appears whole or not at all: written under another name beside its target, then given the name.
///
/// Whoever has an old file mapped keeps the old bytes. Without ``commit()``, and on Ctrl-C (``TemporaryFiles``), the
/// temporary file is removed; what a killed process left is removed by the next. Something that is no file (a terminal,
/// `/dev/null`, a pipe) is written directly.
///
/// A symbolic link that a person names is followed, but for one that somebody else has put where everybody may write
/// (`/tmp`), which Linux refuses too where `fs.protected_symlinks` is set. Under a name that the program made up there is
/// no link to follow: it is replaced.
package final class AtomicFile {
  private let target: String
  private let replacing: Bool
  /// Nil where the target is written directly, and once it has its name.
  private var temporary: String?
  private let slot: Int32
  private var descriptor: Int32

  /// - Parameters:
  ///   - replacing: whether an existing file may be replaced; if not, ``FileError/exists(path:)``, without a race.
  ///   - followingLinks: false where the program made up the name.
  ///   - create: opens the temporary file; for tests of what happens on a full disk.
  /// - Throws: ``FileError`` with the system's reason, as every method.
  package init(
    _ url: URL, replacing: Bool = true, followingLinks: Bool = true, create: (String) -> Int32 = AtomicFile.create
  ) throws(FileError) {
    self.replacing = replacing
    var path = url.path
    var status = stat()
    let isLink = lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    if isLink && followingLinks && isPlanted(status, path) { throw failure(path, EACCES) }
    if !isLink || followingLinks, stat(path, &status) == 0 {
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
    TemporaryFiles.sweep(folder)
    let name = TemporaryFiles.path(in: folder)
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

  /// A new file that nobody else has, locked and readable as the umask allows.
  package static func create(_ path: String) -> Int32 {
    while true {
      let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
      guard file >= 0, !TemporaryFiles.hold(file, path) else { return file }
      close(file)  // swept away before it was locked
    }
  }

  /// Where the bytes go for now: for a library that opens its files itself.
  package var path: String { temporary ?? target }

  deinit {
    if let temporary { unlink(temporary) }
    if descriptor >= 0 { close(descriptor) }
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
    // Closed before it gets the name: some file systems say only then that the disk was full. A second descriptor keeps
    // the lock meanwhile.
    let lock = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    defer { if lock >= 0 { close(lock) } }
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
    _ bytes: [UInt8], to url: URL, replacing: Bool = true, followingLinks: Bool = true
  ) throws(FileError) {
    let file = try AtomicFile(url, replacing: replacing, followingLinks: followingLinks)
    let result = bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try file.write(buffer) } }
    try result.get()
    try file.commit()
  }
}

/// Whether a link lies in a folder where everybody may put one, and is neither ours nor the folder's owner's.
private func isPlanted(_ link: stat, _ path: String) -> Bool {
  var folder = stat()
  let place = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  guard stat(place, &folder) == 0 else { return true }
  return folder.st_mode & S_ISVTX != 0 && folder.st_mode & S_IWOTH != 0 && link.st_uid != geteuid()
    && link.st_uid != folder.st_uid
}

func failure(_ path: String, _ error: Int32) -> FileError {
  .unwritable(path: path, reason: String(cString: strerror(error)))
}
