import DiTCFiles
import Foundation

/// A folder that appears whole or not at all: filled under another name beside its place, then given the name.
///
/// Without ``commit()`` it is removed; on Ctrl-C by ``TemporaryFiles/removeFolders()``.
package final class AtomicFolder {
  /// Where to write its files.
  package let url: URL
  private let target: String
  private let descriptor: Int32

  /// - Throws: ``FileError`` with the system's reason, as every method.
  package init(_ target: URL) throws(FileError) {
    self.target = target.path
    let folder = target.deletingLastPathComponent().path
    TemporaryFiles.sweep(folder)
    while true {
      let path = TemporaryFiles.path(in: folder.hasSuffix("/") ? folder : folder + "/")
      // Remembered before it exists: Ctrl-C may come at any time.
      TemporaryFiles.folders.withLock { _ = $0.insert(path) }
      let file = mkdir(path, 0o777) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1
      let error = errno
      if file >= 0 && TemporaryFiles.hold(file, path) {
        (url, descriptor) = (URL(fileURLWithPath: path, isDirectory: true), file)
        return
      }
      TemporaryFiles.folders.withLock { _ = $0.remove(path) }
      guard file >= 0 else { throw failure(target.path, error) }
      close(file)  // swept away before it was locked
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: url)  // there still, unless it has its name
    TemporaryFiles.folders.withLock { _ = $0.remove(url.path) }
    close(descriptor)
  }

  /// Gives the folder its name, which nothing may have.
  package func commit() throws(FileError) {
    let error = cfiles_rename_exclusively(url.path, target)
    if error == EEXIST { throw .exists(path: target) }
    guard error == 0 else { throw failure(target, error) }
  }
}
