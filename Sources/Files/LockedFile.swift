import Foundation

/// Why a file is not held.
package enum LockFailure: Error {
  /// Another process holds it.
  case held
  /// It cannot be opened, or is no regular file.
  case refused(String)
}

/// Opens a file for reading and writing, made where it is not there, and holds it against other processes until it is closed.
/// - Parameter flags: beside those of open(2) that this takes.
/// - Returns: its descriptor.
package func openLocked(_ url: URL, _ flags: Int32 = 0) throws(LockFailure) -> Int32 {
  let file = open(url.path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0o644)
  guard file >= 0 else {
    throw .refused(errno == ELOOP ? "it is a symbolic link, and those are not followed" : String(cString: strerror(errno)))
  }
  var status = stat()
  guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    close(file)
    throw .refused("it is no file")
  }
  // A file system without locks is no reason not to work: other errors are let pass.
  if flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
    close(file)
    throw .held
  }
  return file
}
