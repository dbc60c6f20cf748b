import Foundation

/// The names in a folder, in order, without "." and "..".
package func names(in folder: URL) throws(FileError) -> [String] {
  func refused() -> FileError {
    errno == ENOMEM ? .outOfMemory(path: folder.path) : .unreadable(path: folder.path, reason: String(cString: strerror(errno)))
  }
  guard let entries = opendir(folder.path) else { throw refused() }
  defer { closedir(entries) }
  var names: [String] = []
  errno = 0
  while let entry = readdir(entries) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) { String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
    errno = 0
  }
  guard errno == 0 else { throw refused() }
  return names.sorted()
}
