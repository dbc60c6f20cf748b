import Foundation

/// The bytes of a file, or of a pipe to its end: at most 1 GiB, because a device may never end.
package func readFile(_ url: URL, limit: Int = 1 << 30) throws(FileError) -> [UInt8] {
  func refused(_ reason: String? = nil) -> FileError {
    .unreadable(path: url.path, reason: reason ?? String(cString: strerror(errno)))
  }
  let file = open(url.path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw refused() }
  defer { close(file) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 1 << 18)
  while true {
    let count = read(file, &block, block.count)
    if count > 0 { bytes += block[..<count] } else if count == 0 { return bytes }
    if count < 0 && errno != EINTR { throw refused() }
    guard bytes.count <= limit else { throw refused("more than \(limit) bytes") }
  }
}
