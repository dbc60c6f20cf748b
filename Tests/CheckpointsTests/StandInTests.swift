import DiTCheckpoints
import DiTTestSupport
import Foundation
import Testing

/// What lies in the place of files that were not downloaded is called by its name.
@Suite struct StandInTests {
  private static let pointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 1234\n"

  static let bytes: [(bytes: [UInt8], what: String)] = [
    (pointer, "this is a Git LFS pointer; the file itself (1234 bytes) was not downloaded"),
    ("/annex/objects/SHA256E-s12--0.safetensors\n", "a git-annex pointer"),
    ("<!DOCTYPE html>\n<html><head><title> Sign in </title>", "this is an HTML page (\"Sign in\")"),
    ("\u{FEFF}\n  <HTML lang=en>", "an HTML page"),
    ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "an XML answer of a server (\"AccessDenied\")"),
    (#"{"error": "Repository not found"}"#, "error message of a server (\"Repository not found\")"),
    (#"{"message": "Not Found", "status": 404, "detail": [1]}"#, "error message of a server (\"Not Found\")"),
    ("Entry not found", "this is a text (\"Entry not found\")"),
    ("Repository {x} not found [404]", "this is a text (\"Repository {x} not found [404]\")"),
    ("../../blobs/0123abc", "a symbolic link that was stored as a text"), ("", "the file is empty"),
    ("\u{1F}\u{8B}", "gzip"), ("GGUF\u{3}", "GGUF"),
  ].map { ($0.0 == "\u{1F}\u{8B}" ? [0x1F, 0x8B, 8, 0] : Array($0.0.utf8), $0.1) }

  @Test(arguments: bytes) func namesWhatIsThere(_ bytes: [UInt8], _ what: String) throws {
    let folder = try TemporaryFolder()
    let weights = try folder.write("model.safetensors", bytes), configuration = try folder.write("config.json", bytes)
    for read in [
      { _ = try openCheckpoint(at: weights) }, { _ = try openCheckpoint(at: folder.url) },
      { _ = try readConfiguration(JSONValue.self, at: configuration) },
    ] as [() throws -> Void] {
      #expect {
        try read()
      } throws: { "\($0)".contains(what) && "\($0)".contains(folder.url.path) && !"\($0)".contains("\n") }
    }
  }

  /// What only begins like one is what it is.
  @Test func othersAreThemselves() throws {
    let folder = try TemporaryFolder()
    let fields = try readConfiguration(
      JSONValue.self, at: folder.write("config.json", #"{"error": 1, "hidden_size": 2}"#.utf8))
    #expect(fields["hidden_size"] == .number(2))
  }

  @Test func dangling() throws {
    let folder = try TemporaryFolder()
    let link = folder.file("model.safetensors")
    try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "../blobs/0123")
    #expect {
      _ = try openCheckpoint(at: link)
    } throws: { "\($0)".contains("a link to ../blobs/0123, which is not there") }
  }
}
