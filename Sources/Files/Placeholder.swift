import Foundation

/// Why a file is not what its name says, where a clone without git-lfs left a pointer, or a download a web page.
/// - Returns: nil where the bytes may be the file itself.
package func placeholder(_ bytes: some Collection<UInt8>) -> String? {
  let blanks = CharacterSet.whitespacesAndNewlines.union(["\u{FEFF}"])
  let head = String(decoding: bytes.prefix(2048), as: UTF8.self).trimmingCharacters(in: blanks)
  let text = head.lowercased()
  if ["version https://git-lfs.github.com/", "version https://hawser.github.com/"].contains(where: text.hasPrefix) {
    let size = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("size ") }.flatMap { Int($0.dropFirst(5)) }
    return "this is a Git LFS pointer; the file itself\(size.map { " (\($0) bytes)" } ?? "") was not downloaded: "
      + "run 'git lfs pull' in its folder"
  }
  if ["<!doctype html", "<html", "<head", "<body", "<script"].contains(where: text.hasPrefix) {
    // What could break the line, or turn its reading order around, is not repeated.
    let title = head.firstMatch(of: /<title[^>]*>\s*([^<\p{C}\p{Zl}\p{Zp}]{1,120}?)\s*<\/title>/.ignoresCase())
    return "this is an HTML page\(title.map { " (\"\($0.1)\")" } ?? ""), not the file: download the file itself"
  }
  return nil
}
