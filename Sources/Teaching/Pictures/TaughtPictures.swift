import DiTCheckpoints
import DiTErrors
import DiTFiles
import DiTImage
import Foundation

/// The pictures that are taught, found in folders or named one by one, and what the user says of them.
package struct TaughtPictures: Sendable {
  package struct Item: Sendable, Equatable {
    /// Of what was sent, its name alone.
    package let url: URL
    /// SHA-256 of the file.
    package let hash: String
    /// As the user wrote it; nil: nothing is said of this one.
    package let caption: String?
    /// The file as it was sent; nil: it lies at the URL.
    fileprivate let sent: [UInt8]?
  }

  /// A picture's file that was sent, and does not lie on this machine.
  package typealias Sent = (name: String, bytes: [UInt8], caption: String?)

  /// In the order in which they were named, those of a folder by name.
  package let items: [Item]
  /// What was passed over, a line each.
  package let notes: [String]

  /// More would not fit into the time that anybody waits, nor their latents into memory.
  package static let most = 1000
  /// Bytes of a file.
  static let largest = 256 << 20

  /// - Parameters:
  ///   - places: folders, or files.
  ///   - captions: of all of them, and where else captions are found.
  /// - Throws: ``TeachingError``, `FileError`, `BatchError` for a table of captions.
  package init(_ places: [URL], captions: CaptionSources) throws {
    var found: [URL] = []
    var tables: [String: CaptionTable] = [:]
    var others: [String] = []
    var notes: [String] = []
    for place in places {
      guard isFolder(place) else {
        found.append(place)
        continue
      }
      let inside = try names(in: place).filter { !$0.hasPrefix(".") }
      let pictures = inside.filter { PictureFormat(ending: URL(fileURLWithPath: $0).pathExtension) != nil }
        .map(place.appendingPathComponent).filter { !isFolder($0) }
      guard !pictures.isEmpty else { throw TeachingError.noPictures(place.relativePath) }
      guard found.count + pictures.count <= Self.most else {
        throw TeachingError.tooMany(path: place.relativePath, pictures: found.count + pictures.count, limit: Self.most)
      }
      found += pictures
      let table = try CaptionTable(in: place)
      tables[place.path] = table
      let known = Set(pictures.flatMap { [$0.lastPathComponent, CaptionSources.textFile(of: $0).lastPathComponent] })
        .union(CaptionTable.names)
      others += inside.filter { !known.contains($0) }
      let lost = table.names.subtracting(pictures.map(\.lastPathComponent)).sorted()
      if !lost.isEmpty { notes.append("\(place.relativePath): captions without a picture: \(listed(lost))") }
    }
    guard found.count <= Self.most else {
      throw TeachingError.tooMany(path: found[0].relativePath, pictures: found.count, limit: Self.most)
    }
    if !others.isEmpty { notes.append("passed over, for it is no picture: \(listed(others))") }

    let files = try found.map { url in
      let table = tables[url.deletingLastPathComponent().path]
      return Item(
        url: url, hash: sha256(try bytes(of: url, limit: Self.largest)), caption: try captions.caption(of: url, in: table),
        sent: nil)
    }
    (items, self.notes) = Self.unlike(files, notes)
  }

  /// - Parameters:
  ///   - sent: no more than ``most``.
  ///   - captions: of those that have none.
  /// - Throws: ``TeachingError``; `ImageError`: all of them are looked at.
  package init(_ sent: [Sent], captions: CaptionSources) throws {
    let files = try sent.map { picture in
      let url = URL(fileURLWithPath: picture.name)
      return Item(
        url: url, hash: sha256(picture.bytes), caption: try captions.caption(picture.caption, of: url), sent: picture.bytes)
    }
    (items, notes) = Self.unlike(files, [])
    for item in items { _ = try Self.contents(of: item) }
  }

  /// Each picture once.
  private static func unlike(_ all: [Item], _ notes: [String]) -> ([Item], [String]) {
    var firsts: [String: URL] = [:]
    var (items, notes) = ([Item](), notes)
    for item in all {
      if let first = firsts[item.hash] {
        notes.append("\(item.url.lastPathComponent) is the same picture as \(first.lastPathComponent): taught once")
      } else {
        firsts[item.hash] = item.url
        items.append(item)
      }
    }
    return (items, notes)
  }

  /// Pixels along the shorter side of the smallest picture that has anything to teach.
  package static let leastSide = 16

  /// What is in a file, which must be as it was when it was found.
  /// - Throws: `FileError`, `ImageError`, ``TeachingError``.
  static func contents(of item: Item) throws -> PictureContents {
    let bytes = try item.sent ?? bytes(of: item.url, limit: largest)
    guard sha256(bytes) == item.hash else {
      throw TeachingError.caption(path: item.url.relativePath, reason: "the file has changed since it was looked at; start again")
    }
    let contents = try PictureContents(bytes, source: item.url.relativePath)
    let (width, height) = (contents.picture.width, contents.picture.height)
    guard min(width, height) >= leastSide else {
      throw TeachingError.tooSmall(path: item.url.relativePath, width: width, height: height, least: leastSide)
    }
    return contents
  }
}

/// The bytes of a regular file: a pipe in a folder would never end.
func bytes(of url: URL, limit: Int) throws -> [UInt8] {
  var status = stat()
  guard stat(url.path, &status) == 0 else {
    throw FileError.unreadable(path: url.relativePath, reason: String(cString: strerror(errno)))
  }
  guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.unreadable(path: url.relativePath, reason: "it is no file") }
  return try readFile(url, limit: limit)
}
