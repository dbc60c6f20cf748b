import DiTImage
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

@Suite struct RecordTests {
  @Test func stepsAreShown() throws {
    let session = try MicroModel.session()
    var request = try MicroModel.request()
    request.steps = 20
    var record = DrawingRecord()
    let drawn = try session.draw([request]) { record.note($0) }[0]
    #expect(record.originals.count == 20)
    #expect(try record.stages(session.model).map(\.step) == [2, 5, 7, 10, 12, 15, 17, 20])
    let (sheet, animation) = try record.strip(session.model, final: drawn)
    #expect(sheet.rows[0].count == 8)
    #expect(animation.frames.count == 8)
    #expect(animation.frames.last?.picture == drawn.picture)
    #expect(animation.frames[0].picture != animation.frames[4].picture)
    let unasked = try record.wordAttention(session.model, request)
    #expect(unasked == nil)  // nobody asked for it
  }

  @Test func attentionIsSharedOutAmongTheWords() throws {
    let session = try MicroModel.session()
    var request = try MicroModel.request("a (red:1.5) astronaut in snow")
    request.size = PictureSize(width: 128, height: 64)
    var record = DrawingRecord()
    let drawn = try session.draw([request], recordingAttention: true) { record.note($0) }[0]
    let attention = try #require(try record.wordAttention(session.model, request))
    #expect(attention.words.map(\.text) == ["a", "red", "astronaut", "in", "snow"])
    for word in attention.words {
      #expect(word.map.count == 4 && word.map.allSatisfy { $0.count == 8 })
      #expect(Set(word.map.joined()).count > 1)
    }
    // What is missing from the whole went to the end token.
    let total = attention.words.reduce(0) { $0 + $1.share }
    #expect(total > 0.3 && total < 1)
    let first = try #require(try record.wordAttention(session.model, request, blocks: [0]))
    let second = try #require(try record.wordAttention(session.model, request, blocks: [1]))
    #expect(first.words[1].map != second.words[1].map)
    for (both, (a, b)) in zip(attention.words, zip(first.words, second.words)) {
      #expect(abs(both.share - (a.share + b.share) / 2) < 1e-5)
    }
    // Recording changes nothing.
    #expect(try session.draw([request])[0].picture == drawn.picture)
    // The picture and the words that can look like something, on one scale.
    let sheet = try attention.sheet(over: drawn.picture)
    let captions = sheet.rows.joined().compactMap { $0?.caption }
    #expect(captions.map { $0.prefix { $0 != " " } } == ["", "red", "astronaut", "snow"])
    #expect(captions.dropFirst().allSatisfy { $0.wholeMatch(of: /[a-z]+  [0-9]+\.[0-9] %/) != nil })
    #expect(sheet.heatScale?.low.hasSuffix(" %") == true && sheet.heatScale?.high.hasSuffix(" %") == true)
    #expect(try sheet.drawn().width > 4 * 128)
  }
}
