import DiTBatch
import DiTCheckpoints
import DiTModels
import DiTTextToImage
import Foundation
import Testing

@Suite struct PictureFolderTests {
  private let url = FileManager.default.temporaryDirectory.appendingPathComponent("batch-\(UUID().uuidString)")

  private func entry(_ file: String, _ contents: String, line: Int = 1, fingerprint: String = "f") -> ManifestEntry {
    ManifestEntry(
      line: line, prompt: "a \"fox\"\\\n\u{2028}\u{1}狐", seed: .max, file: file, sha256: sha256(Array(contents.utf8)),
      seconds: 0.5, bytes: contents.utf8.count, fingerprint: fingerprint)
  }

  private func put(_ contents: String, _ name: String) throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try Data(contents.utf8).write(to: url.appendingPathComponent(name))
  }

  private func state(_ folder: PictureFolder, _ file: String, _ fingerprint: String = "f", checking: Bool = false) throws
    -> String
  {
    switch try folder.state(of: file, fingerprint: fingerprint, checking: checking) {
    case .missing: "missing"
    case .changed: "changed"
    case .lost: "lost"
    case .finished: "finished"
    }
  }

  @Test func aLineOfTheManifestComesBack() throws {
    let entry = entry("a.png", "x")
    let inner = entry.jsonLine.dropLast().filter { $0.isNewline }
    #expect(inner.isEmpty)
    #expect(try JSONDecoder().decode(ManifestEntry.self, from: Data(entry.jsonLine.utf8)) == entry)
  }

  @Test func picturesStandWhereTheManifestAndTheFilesAgree() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    let entries = [
      entry("whole.png", "whole"), entry("gone.png", "gone"), entry("short.png", "short"), entry("damaged.png", "damaged"),
      entry("older.png", "older", fingerprint: "old"),
    ]
    try put("whole", "whole.png")
    try put("sho", "short.png")
    try put("demaged", "damaged.png")
    try put("older", "older.png")
    // A torn last line, and one that is none.
    try put(entries.map(\.jsonLine).joined() + "nonsense\n" + entry("torn.png", "").jsonLine.dropLast(9), "manifest.jsonl")
    // As a killed process of this kernel leaves it.
    let kernel = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8).prefix(8)
    try put("half", ".dit-t2i-\(kernel)-xyz.tmp")
    try put("somebody's", ".dit-t2i-notes")
    let folder = try PictureFolder(url)
    #expect(try state(folder, "whole.png") == "finished")
    #expect(try state(folder, "whole.png", "g") == "changed")
    #expect(try state(folder, "gone.png") == "lost")
    #expect(try state(folder, "short.png") == "lost")
    #expect(try state(folder, "damaged.png") == "finished")
    #expect(try state(folder, "damaged.png", checking: true) == "lost")
    #expect(try state(folder, "older.png") == "changed")
    #expect(try state(folder, "torn.png") == "missing")
    let rest = try String(contentsOf: url.appendingPathComponent("manifest.jsonl"), encoding: .utf8)
    #expect(rest.hasSuffix("nonsense\n"))
    let files = try FileManager.default.contentsOfDirectory(atPath: url.path)
    #expect(files.filter { $0.hasPrefix(".") } == [".dit-t2i-notes"])
  }

  @Test func shardsShareAFolderThatARunWithoutThemDoesNot() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    do {
      let first = try PictureFolder(url, shard: Shard(index: 1, of: 2))
      let second = try PictureFolder(url, shard: Shard(index: 2, of: 2))
      #expect(throws: BatchError.self) { try PictureFolder(url, shard: Shard(index: 2, of: 2)) }
      #expect(throws: BatchError.self) { try PictureFolder(url) }
      withExtendedLifetime((first, second)) {}
    }
    let alone = try PictureFolder(url)
    #expect(throws: BatchError.self) { try PictureFolder(url, shard: Shard(index: 1, of: 2)) }
    withExtendedLifetime(alone) {}
  }

  @Test func somebodyElsesFileIsNotReplaced() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    try put("mine", "0001-fox.png")
    do {
      let folder = try PictureFolder(url)
      #expect(throws: BatchError.self) { try folder.state(of: "0001-fox.png", fingerprint: "f") }
    }
    // The manifest is there now, as after a run that was killed before its first line.
    #expect(try state(PictureFolder(url), "0001-fox.png") == "missing")
  }

  @Test func plantedManifestsAreRefused() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    try put("mine", "notes")
    let manifest = url.appendingPathComponent("manifest.jsonl")
    try FileManager.default.createSymbolicLink(at: manifest, withDestinationURL: url.appendingPathComponent("notes"))
    #expect(throws: BatchError.self) { try PictureFolder(url) }
    #expect(try Data(contentsOf: url.appendingPathComponent("notes")) == Data("mine".utf8))
    try FileManager.default.removeItem(at: manifest)
    #expect(mkfifo(manifest.path, 0o644) == 0)
    #expect(throws: BatchError.unwritable(path: manifest.path, reason: "it is no file")) { try PictureFolder(url) }
    // Another's pipe is passed over, not waited for.
    let shard = try PictureFolder(url, shard: Shard(index: 1, of: 2))
    withExtendedLifetime(shard) {}
  }

  @Test func mergingNeedsEveryShardAndEveryFile() throws {
    defer { try? FileManager.default.removeItem(at: url) }
    try put(entry("b.png", "b", line: 2).jsonLine, "manifest-2-of-2.jsonl")
    try put("b", "b.png")
    #expect(throws: BatchError.incomplete(folder: url.path, reason: "shard 1 of 2 has drawn nothing yet")) {
      try ManifestMerge.merge(url)
    }
    try put(entry("a.png", "old").jsonLine + entry("a.png", "a").jsonLine, "manifest-1-of-2.jsonl")
    #expect(throws: BatchError.self) { try ManifestMerge.merge(url) }
    try put("a", "a.png")
    #expect(try ManifestMerge.merge(url).map(\.file) == ["a.png", "b.png"])
    #expect(try ManifestMerge.merge(url).map(\.file) == ["a.png", "b.png"])
    try put("damaged", "a.png")
    #expect(throws: BatchError.self) { try ManifestMerge.merge(url) }
  }
}
