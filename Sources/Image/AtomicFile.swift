import CPNG
import Foundation

/// Files that appear whole or not at all, and errors in the system's own words.
public enum AtomicFile {
  /// Writes `bytes` to a temporary file beside `url`, then gives it the name.
  ///
  /// A symbolic link is followed, and something that is no file (a terminal, `/dev/null`, a pipe) is written directly.
  /// - Parameters:
  ///   - replacing: whether an existing file may be replaced; if not, `ImageError.exists`, without a race.
  ///   - owner: a part of the temporary file's name, by which its owner can find what a killed process left.
  /// - Throws: `ImageError.file` with the system's reason. Nothing is left behind.
  public static func write(_ bytes: [UInt8], to url: URL, replacing: Bool = true, owner: String = "\(getpid())")
    throws(ImageError)
  {
    var path = url.path
    var status = stat()
    if stat(path, &status) == 0 {
      let kind = status.st_mode & S_IFMT
      if !replacing && (kind == S_IFREG || kind == S_IFDIR) { throw .exists(path: path) }
      if kind == S_IFDIR { throw failure(path, EISDIR) }
      if kind != S_IFREG { return try writeDirectly(bytes, to: path) }
      if let resolved = realpath(path, nil) {
        path = String(cString: resolved)
        free(resolved)
      }
    }

    let (file, temporary, slot) = try createTemporary(for: path, owner)
    defer { cpng_temporary_forget(slot) }
    var error = writeAll(bytes, to: file)
    if error == 0 && fsync(file) != 0 && errno != EINVAL { error = errno }
    if close(file) != 0 && error == 0 { error = errno }
    if error == 0 {
      error = replacing ? (rename(temporary, path) == 0 ? 0 : errno) : cpng_rename_exclusively(temporary, path)
    }
    guard error == 0 else {
      unlink(temporary)
      if error == EEXIST && !replacing { throw .exists(path: path) }
      throw failure(path, error)
    }
  }

  /// A new file that nobody else has, in the folder of `path`, readable as the umask allows.
  private static func createTemporary(for path: String, _ owner: String) throws(ImageError) -> (
    file: Int32, path: String, slot: Int32
  ) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? ""
    for _ in 0..<16 {
      let name = temporaryPrefix(owner) + String(UInt32.random(in: 0 ... .max), radix: 36) + ".tmp"
      // Remembered before it exists: Ctrl-C may come at any time. The name is random, so nobody else's file is at risk.
      let slot = cpng_temporary_add(folder + name)
      let file = open(folder + name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      if file >= 0 { return (file, folder + name, slot) }
      let error = errno
      cpng_temporary_forget(slot)
      if error != EEXIST { throw failure(path, error) }
    }
    throw failure(path, EEXIST)
  }

  /// How the names of an owner's temporary files begin.
  public static func temporaryPrefix(_ owner: String) -> String { ".dit-t2i-\(owner)-" }

  private static func writeDirectly(_ bytes: [UInt8], to path: String) throws(ImageError) {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure(path, errno) }
    let error = writeAll(bytes, to: file)
    close(file)
    if error != 0 { throw failure(path, error) }
  }

  /// 0 or an errno.
  private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Int32 {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let count = Foundation.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count > 0 { rest = rest.dropFirst(count) } else if count < 0 && errno != EINTR { return errno }
      }
      return 0
    }
  }

  /// The bytes of a file.
  public static func read(_ url: URL) throws(ImageError) -> [UInt8] {
    let file = open(url.path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure(url.path, errno, "read") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = Foundation.read(file, &block, block.count)
      if count > 0 { bytes += block[..<count] } else if count == 0 { return bytes }
      if count < 0 && errno != EINTR { throw failure(url.path, errno, "read") }
    }
  }

  private static func failure(_ path: String, _ error: Int32, _ action: String = "write") -> ImageError {
    .file(path: path, action: action, reason: String(cString: strerror(error)))
  }
}
