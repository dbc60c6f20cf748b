import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

@Suite struct VocabularyTests {
  private func vocabulary(_ text: String?) throws -> Vocabulary? {
    let folder = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small"))
    let copy = try TemporaryFolder()
    try ModelConverter.convert(folder, to: copy.file("model"), as: .int8)
    let list = copy.file("model").appendingPathComponent("vocabulary.txt")
    #expect(FileManager.default.fileExists(atPath: list.path), "a conversion brings it along")
    if let text { try Data(text.utf8).write(to: list) } else { try FileManager.default.removeItem(at: list) }
    return try Vocabulary(of: ModelFolder(copy.file("model")))
  }

  @Test func unknownWordsAreNamedOnceAsWritten() throws {
    let known = try #require(try vocabulary("a\nfox\nfluffy\nin\nsnow\nfüchse\n"))
    #expect(known.unknown(in: "a Fox, in (snow:1.3)").isEmpty)
    #expect(known.unknown(in: "FÜCHSE 12 🦊").isEmpty)
    #expect(known.unknown(in: "a Violin-fox in a violin, Violin") == ["Violin", "violin"])
    #expect(known.unknown(in: "").isEmpty)
    let letters = Array("bcdghjklmpqrtvwz")
    let many = (0..<65_536).map { number in "x" + String((0..<4).map { letters[number >> (4 * $0) & 15] }) }
    var found: [String] = []
    #expect(processorTime { found = known.unknown(in: many.joined(separator: " ")) } < .seconds(10))
    #expect(found == many)
  }

  @Test func aModelNeedsNone() throws {
    #expect(try vocabulary(nil) == nil)
  }

  @Test func theBundledModelKnowsItsClasses() throws {
    let folder = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small"))
    let known = try #require(Vocabulary(of: folder))
    #expect(folder.classes.filter { !known.unknown(in: $0).isEmpty } == [])
    #expect(known.unknown(in: "a theremin in the snow") == ["theremin"])
  }
}
