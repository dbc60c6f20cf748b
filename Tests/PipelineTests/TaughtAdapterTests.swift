import DiTCheckpoints
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// Adapters that prompts find by their word.
@Suite struct TaughtAdapterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// An adapter of `MicroModel`, or one that says it is of another.
  private func teach(_ name: String, _ word: String, hash: String? = nil, seed: Int = 1) throws {
    let hash = try hash ?? ModelFingerprint(MicroModel.folder()).hash
    let record = TaughtRecord(word: word, base: "micro", baseHash: hash, captions: 3, settings: "rank 4")
    try AdapterFile.micro(folder.file("\(name).safetensors"), seed: seed, metadata: record.metadata)
  }

  private func shelf(_ uses: Uses) throws -> LoRAShelf {
    try LoRAShelf(nil, for: MicroModel.folder(), taught: TaughtAdapters(in: folder.url)) { uses.all.append($0) }
  }

  private final class Uses { var all: [LoRAShelf.WordUse] = [] }

  @Test func recordsAreReadAsTheyWereWritten() throws {
    try teach("my-penguin", "my penguin")
    try AdapterFile.micro(folder.file("plain.safetensors"), seed: 2)
    try folder.write("no checkpoint", to: "damaged.safetensors")
    try folder.write("", to: "notes.txt")
    let entries = TaughtAdapters(in: folder.url).entries
    #expect(entries.map(\.name) == ["my-penguin"] && entries.map(\.record.captions) == [3])
    #expect(try LoRA(folder.file("my-penguin.safetensors")).word == "my penguin")
    #expect(try LoRA(folder.file("plain.safetensors")).word == nil)
    #expect(TaughtAdapters(in: folder.file("nowhere")).entries.isEmpty)
  }

  @Test(arguments: ["", "  ", "!?", "a\u{1B}[2J", String(repeating: "a", count: 201)])
  func oddWordsAreNone(_ word: String) throws {
    try teach("odd", word)
    #expect(!TaughtRecord.isWord(word) && TaughtAdapters(in: folder.url).entries.isEmpty)
  }

  @Test(arguments: [
    ("my penguin", true), ("MY Penguin in the forest", true), ("two my-penguin, on a lake", true),
    ("(my penguin:1.2) on white", true),
    ("my penguins", false), ("dummy penguin", false), ("a penguin of my aunt", false), ("", false), ("my  penguin!", true),
  ])
  func wordsAreWholeWords(_ prompt: String, isNamed: Bool) throws {
    try teach("p", "my penguin")
    #expect(TaughtAdapters(in: folder.url).named(in: prompt).isEmpty == !isNamed)
  }

  @Test func promptsWithoutTheWordStayAsTheyWere() throws {
    try teach("my-penguin", "my penguin")
    try teach("dots", "dots style", seed: 7)
    let uses = Uses()
    let shelf = try shelf(uses)
    for (prompt, names) in [
      ("a red fox", []), ("my penguin in snow", ["my-penguin"]), ("my penguin, dots style", ["dots", "my-penguin"]),
      ("MY PENGUIN", ["my-penguin"]),
    ] {
      var request = try MicroModel.request(prompt)
      let before = request
      try shelf.takeAdapters(of: &request)
      #expect(request.adapters.map { LoRA.name(of: $0.url) } == names)
      #expect(request.prompt == (names.isEmpty ? prompt : "a " + prompt))  // as captions begin
      if names.isEmpty { #expect(request == before) }
    }
    #expect(uses.all.count == 2)  // each is told of once
  }

  @Test func whatIsNamedAnywayIsUsedOnce() throws {
    try teach("my-penguin", "my penguin")
    let half = try LoRA(folder.file("my-penguin.safetensors"), scale: 0.5)
    var request = try MicroModel.request("my penguin")
    request.adapters = [half]
    let uses = Uses()
    try shelf(uses).takeAdapters(of: &request)
    #expect(request.adapters == [half] && uses.all.isEmpty)
    request.adapters = []
    try shelf(uses).takeAdapters(of: &request, but: [half])
    #expect(request.adapters.isEmpty && uses.all.isEmpty)
  }

  @Test func whatAnotherModelWasTaughtIsNotUsed() throws {
    try teach("my-penguin", "my penguin", hash: "0000")
    let uses = Uses()
    var request = try MicroModel.request("my penguin")
    try shelf(uses).takeAdapters(of: &request)
    #expect(request.adapters.isEmpty && uses.all.count == 1)
    if case .drawnWith? = uses.all.first { Issue.record("it is of another model") }
  }

  @Test func theFolderOfTheTaughtComesAfterTheNamed() throws {
    try teach("one", "one")
    let other = try TemporaryFolder()
    try AdapterFile.micro(other.file("one.safetensors"), seed: 9)
    let both = try #require(LoRAFolder(other.url.path, taught: folder.url))
    #expect(try both.find("one").path == other.file("one.safetensors").path)
    try teach("two", "two")
    #expect(try both.find("two").path == folder.file("two.safetensors").path && both.names == ["one", "two"])
  }

  @Test func taughtWordsAreNoUnknownWords() throws {
    try teach("wuggle", "wuggle")
    let small = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small"))
    var request = small.defaultRequest
    request.prompt = "a wuggle in snow"
    let review = try PromptReview(small)
    #expect(review.notes(on: request).contains { $0.contains("wuggle") })
    request.adapters = [try LoRA(folder.file("wuggle.safetensors"))]
    #expect(review.notes(on: request).isEmpty)
  }
}
