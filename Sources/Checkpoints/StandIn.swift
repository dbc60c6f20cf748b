import DiTFiles
import Foundation

/// Why a file is not what its name says, where something else took its place: a clone without git-lfs leaves pointers, a
/// download that failed leaves the answer of a server.
/// - Returns: nil where the bytes may be the file itself.
package func standIn(_ bytes: UnsafeRawBufferPointer) -> String? {
  guard !bytes.isEmpty else { return "the file is empty: it was not downloaded" }
  if let archive = magics.first(where: { bytes.starts(with: $0.bytes) }) { return "this is \(archive.what)" }
  if let reason = placeholder(bytes) { return reason }
  let head = String(decoding: bytes.prefix(2048), as: UTF8.self).trimmingCharacters(in: blanks)
  if head.lowercased().contains("annex/objects/"), isText(bytes) {
    return "this is a git-annex pointer; the file itself was not downloaded: run 'git annex get' on it"
  }
  if head.hasPrefix("<") {
    let code = head.firstMatch(of: /<(?:Code|Message)>\s*([^<]+?)\s*</).map { " (\(printable(String($0.1))))" }
    return "this is an XML answer of a server\(code ?? ""), not the file: download it again"
  }
  if let message = serverError(bytes) {
    return "this is an error message of a server\(message.isEmpty ? "" : " (\(printable(message)))"), not the file: "
      + "download it again"
  }
  return nil
}

/// Why a file that should hold numbers is a text; nil where it is none, or may be JSON.
package func textInPlace(_ bytes: UnsafeRawBufferPointer) -> String? {
  if let reason = linkAsText(bytes) { return reason }
  guard isText(bytes), bytes.contains(where: { $0 > 0x20 }), !beginsAsJSON(bytes) else { return nil }
  return "this is a text (\(shown(bytes))), not the file: download it again"
}

/// Git stores links as texts where its user, or Windows, wants none: a path alone, without a line end.
func linkAsText(_ bytes: UnsafeRawBufferPointer) -> String? {
  guard isText(bytes), [UInt8(ascii: "."), UInt8(ascii: "/")].contains(bytes.first), bytes.contains(UInt8(ascii: "/")),
    !bytes.contains(where: { $0 <= 0x20 })
  else { return nil }
  return "this is a symbolic link that was stored as a text (to \(shown(bytes))): put the file itself here"
}

/// Why a file is not there although its name is: a link of the hub's cache to what was not downloaded. nil for any other.
package func danglingLink(_ url: URL) -> String? {
  guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path) else { return nil }
  return "a link to \(target), which is not there: the download is not complete"
}

/// Whether there is a file or folder, or a link that leads nowhere: who opens that says so.
package func isThere(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) || danglingLink(url) != nil }

/// Whether bytes begin as JSON does, or a comment before it.
package func beginsAsJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
  let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
  let start = text.drop { " \t\r\n".utf8.contains($0) }
  return ["{", "[", "//", "/*"].contains { start.starts(with: $0.utf8) }
}

/// Formats that hold weights, or archives of them, by their first bytes.
private let magics: [(bytes: [UInt8], what: String)] = [
  (Array("GGUF".utf8), "a GGUF file, whose quantised blocks are not supported; take safetensors or PyTorch weights"),
  ([0x89] + Array("HDF".utf8), "an HDF5 file of TensorFlow; take safetensors or PyTorch weights"),
  ([0x1F, 0x8B], "a gzip archive; unpack it"), (Array("7z".utf8) + [0xBC, 0xAF], "a 7z archive; unpack it"),
  ([0xFD] + Array("7zXZ".utf8), "an xz archive; unpack it"), (Array("Rar!".utf8), "a RAR archive; unpack it"),
  ([0x28, 0xB5, 0x2F, 0xFD], "a zstd archive; unpack it"),
]

private let blanks = CharacterSet.whitespacesAndNewlines.union(["\u{FEFF}"])

private func shown(_ bytes: UnsafeRawBufferPointer) -> String {
  printable(String(String(decoding: bytes.prefix(2048), as: UTF8.self).trimmingCharacters(in: blanks).prefix(80)))
}

/// A short file of printable characters alone.
private func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
  guard bytes.count <= 4096, let text = String(validating: bytes, as: UTF8.self) else { return false }
  return text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control || "\t\r\n".unicodeScalars.contains($0) }
}

/// The message of `{"error": …}` and its kin: an object that has nothing but what servers say of errors.
private func serverError(_ bytes: UnsafeRawBufferPointer) -> String? {
  guard bytes.count <= 1 << 16, bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return nil }
  let usual: Set = [
    "error", "errors", "error_code", "error_description", "message", "detail", "details", "status", "statuscode", "code",
    "type", "url", "request_id", "requestid", "documentation_url", "path", "timestamp", "success",
  ]
  var message: String?
  var isError = false
  var json = StrictJSON(bytes)
  do {
    try json.object { json, key in
      let name = key.string.lowercased()
      guard usual.contains(name) else { throw Malformed("no answer of a server") }
      isError = isError || ["error", "errors", "message", "detail"].contains(name)
      guard json.first() == UInt8(ascii: "\"") else { return try json.skip() }
      let text = String(decoding: try json.string(), as: UTF8.self)
      if ["error", "message", "detail"].contains(name), message == nil { message = text }
    }
  } catch {
    return nil
  }
  return isError ? message ?? "" : nil
}
