import DiTBatch
import DiTErrors
import DiTFiles
import DiTImage
import DiTTeaching
import DiTTestSupport
import Foundation
import Testing

/// Pictures and captions as people have them.
@Suite struct TaughtPicturesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func everyFormatIsFoundInTheOrderOfNames() throws {
    for (number, name) in ["c.png", "a.JPG", "b.webp"].enumerated() { try folder.write(Pictures.thing(32 + number), to: name) }
    let found = try folder.taught()
    #expect(found.items.map(\.url.lastPathComponent) == ["a.JPG", "b.webp", "c.png"] && found.notes.isEmpty)
    #expect(Set(found.items.map(\.hash)).count == 3)
  }

  @Test func captionsComeFromFourPlaces() throws {
    for (number, name) in ["red-fox-02.png", "IMG_2041.png", "c.png", "d.png", "e.png"].enumerated() {
      try folder.write(Pictures.thing(32 + number), to: name)
    }
    try folder.write(" a fox\n in snow \n", to: "c.txt")
    try folder.write("\n", to: "e.txt")
    try folder.write("file_name,text\nc.png,not this\nd.png,\"a fox, running\"\n", to: "metadata.csv")
    let captions = { (all: String?) in
      try folder.taught(CaptionSources(forAll: all)).items.map { "\($0.url.lastPathComponent) \($0.caption ?? "-")" }
    }
    #expect(
      try captions(nil)
        == ["IMG_2041.png -", "c.png a fox in snow", "d.png a fox, running", "e.png -", "red-fox-02.png red fox"])
    #expect(try captions("a fox")[0] == "IMG_2041.png a fox")
    #expect(try captions("a fox")[4] == "red-fox-02.png a fox")
    // Only words that the model knows.
    let known = try CaptionSources(unknown: { $0.split(separator: " ").map(String.init).filter { !["red", "fox"].contains($0) } })
    #expect(try folder.taught(known).items.map { $0.caption ?? "-" } == ["-", "a fox in snow", "a fox, running", "-", "red fox"])
  }

  @Test func tablesOfLinesAreRead() throws {
    try folder.write(Pictures.thing(), to: "a.png")
    let lines = [#"{"file_name": "a.png", "text": "a fox"}"#, #"{"file_name": "b.png", "text": "x"}"#]
    try folder.write(lines.joined(separator: "\n"), to: "metadata.jsonl")
    let found = try folder.taught()
    #expect(found.items[0].caption == "a fox")
    #expect(found.notes.count == 1 && found.notes[0].contains("captions without a picture: \"b.png\""))
    try folder.write("{\"file_name\": \"a.png\", \"text\": 7\n", to: "metadata.jsonl")
    #expect(throws: BatchError.self) { try folder.taught() }
  }

  @Test func whatIsNoPictureIsPassedOverInOneLine() throws {
    try folder.write(Pictures.thing(), to: "a.png")
    try folder.write(Pictures.thing(), to: "b.png")
    try folder.write("x", to: "notes.md")
    try folder.write("x", to: ".hidden")
    try folder.write("x", to: "inner/c.png")
    let found = try folder.taught()
    #expect(found.items.count == 1 && found.notes.count == 2)
    #expect(found.notes[0].contains("\"inner\", \"notes.md\"") && found.notes[1].contains("b.png is the same picture as a.png"))
  }

  @Test func nothingAndTooMuchAreRefused() throws {
    #expect(throws: TeachingError.noPictures(folder.url.relativePath)) { try folder.taught() }
    #expect(throws: FileError.self) { try TaughtPictures([folder.file("gone.png")], captions: CaptionSources()) }
    for number in 0...TaughtPictures.most { try folder.write("x", to: "\(number).png") }
    let error = #expect(throws: TeachingError.self) { try folder.taught() }
    #expect(error?.kind == .damagedData && error?.description.contains("1001 pictures; at most 1000") == true)
  }

  @Test func whatWasSentIsLookedAtOnce() throws {
    let sent = { (all: [(name: String, side: Int, caption: String?)]) in
      try TaughtPictures(
        all.map { ($0.name, try Pictures.thing($0.side).encoded(), $0.caption) }, captions: CaptionSources())
    }
    let found = try sent([("red-fox.png", 32, nil), ("b.png", 33, " in\nsnow "), ("IMG_2.png", 34, nil), ("d.png", 32, nil)])
    #expect(found.items.map(\.caption) == ["red fox", "in snow", nil])
    #expect(found.notes == ["d.png is the same picture as red-fox.png: taught once"])
    #expect(throws: TeachingError.tooSmall(path: "a.png", width: 8, height: 8, least: 16)) { try sent([("a.png", 8, nil)]) }
  }

  @Test func captionsAreCheckedBeforeTheyAreUsed() throws {
    try folder.write(Pictures.thing(), to: "a.png")
    for text in [String(repeating: "fox ", count: 300), "a\u{7}fox", "a" + String(repeating: "\u{301}", count: 400)] {
      try folder.write(text, to: "a.txt")
      #expect(throws: TeachingError.self) { try folder.taught() }
    }
    try Data([0xFF, 0xFE, 0x41]).write(to: folder.file("a.txt"))
    #expect(throws: TeachingError.self) { try folder.taught() }
    try FileManager.default.removeItem(at: folder.file("a.txt"))
    mkfifo(folder.file("a.txt").path, 0o600)
    #expect(throws: FileError.self) { try folder.taught() }
    #expect(throws: TeachingError.self) { try CaptionSources(forAll: String(repeating: "a", count: 1001)) }
  }
}

/// How captions call what is taught.
@Suite struct WordingTests {
  @Test(arguments: [
    ("my penguin", nil, "a my penguin"), ("nolok", nil, "a nolok"), ("owl-like thing", nil, "an owl-like thing"),
    ("my penguin", "my penguin in snow", "a my penguin in snow"), ("my penguin", "in snow", "a my penguin in snow"),
    ("my penguin", "a penguin", "a my penguin"), ("my penguin", "My Penguin waving", "a My Penguin waving"),
    ("my penguin", "a bird in snow", "a my penguin, a bird in snow"), ("nolok", "on a hill", "a nolok on a hill"),
  ])
  func theWordComesIn(_ word: String, caption: String?, expected: String) throws {
    #expect(try Wording(word: word, isStyle: false).caption(caption) == expected)
  }

  @Test(arguments: [
    ("dots", nil, "dots style"), ("dots", "dog", "a dog, dots style"), ("dots style", "a dog", "a dog, dots style"),
    ("dots", "an owl, dots style", "an owl, dots style"),
  ])
  func stylesFollowTheThing(_ word: String, caption: String?, expected: String) throws {
    #expect(try Wording(word: word, isStyle: true).caption(caption) == expected)
  }

  /// What a picture is called without the style, and the model's own pictures with it.
  @Test(arguments: [
    ("a dog on a white background, dots style", "a dog on a white background"), ("an owl in Dots style", "an owl"),
    ("dots style", ""), ("a dots style owl", "a owl"), ("a red fox in snow", "a red fox in snow"),
  ])
  func stylesAreLeftOutAndAskedFor(_ caption: String, plain: String) throws {
    let style = try Wording(word: "dots", isStyle: true)
    #expect(style.plain(caption) == plain)
    #expect(style.asked(caption) == (caption == plain ? caption + ", dots style" : caption))
  }

  @Test func namesBecomeWords() {
    #expect(Wording.word(ofName: "my-penguin_2") == "my penguin 2")
  }

  @Test(arguments: ["", " ", "!?", "a\u{1B}[2J", String(repeating: "a", count: 201)])
  func oddWordsAreRefused(_ word: String) {
    #expect(throws: TeachingError.word(word)) { try Wording(word: word, isStyle: false) }
  }
}
