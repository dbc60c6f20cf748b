import DiTErrors
import DiTImage
import DiTModels
import DiTTeaching
import DiTTestSupport
import Foundation
import Testing

/// What is made of the pictures.
@Suite struct CompositionTests {
  let folder: TemporaryFolder
  private let size = PictureSize(width: 64, height: 64)

  init() throws { folder = try TemporaryFolder() }

  private func compositions(
    _ picture: Picture, name: String = "a.png", word: String = "my penguin", isStyle: Bool = false, seed: UInt64 = 0
  ) throws -> (compositions: [Compositions.Composition], isCropped: Bool) {
    try folder.write(picture, to: name)
    let taught = try TaughtPictures([folder.file(name)], captions: CaptionSources(unknown: { _ in ["x"] }))
    let wording = try Wording(word: word, isStyle: isStyle)
    return try Compositions(wording, size: size, seed: seed, count: 1).all(of: taught.items[0], index: 0)
  }

  @Test func plainGroundsAreFoundAndChanged() throws {
    for ground in [Color.white, Color(0x80A0B0), Color(0x101010)] {
      let made = try compositions(Pictures.thing(90, ground: ground)).compositions
      #expect(made.count == 27)
      #expect(Set(made.map(\.caption)).count == 9)
      #expect(made.allSatisfy { $0.caption.wholeMatch(of: /a my penguin on a \w+ background/) != nil })
      for one in made {
        #expect(one.picture.width == 64 && one.picture.height == 64)
        let corner = one.picture[0, 0]
        #expect(one.picture[63, 63] == corner)
        if one.caption.contains("green") { #expect(corner.green > corner.red && corner.green > corner.blue) }
        if one.caption.contains("white") { #expect(corner == .white) }
        // Of the old ground nothing is left but a little at the edges of the thing.
        if one.caption.contains("red"), ground == .white {
          let pixels = one.picture.pixels
          #expect(pixels.indices.count { $0 % 3 == 2 && pixels[$0 - 1] > 200 && pixels[$0] > 200 } < 40)
        }
      }
    }
  }

  @Test func anotherThingStandsBesideSome() throws {
    let apple = try Companion(Pictures.thing(90, ground: .white), caption: "a green apple on a white background")
    #expect(try Companion(Pictures.thing(90, ground: .white), caption: "a castle in the mountains") == nil)
    try folder.write(Pictures.thing(90, ground: .white), to: "a.png")
    let taught = try TaughtPictures([folder.file("a.png")], captions: CaptionSources(unknown: { _ in ["x"] }))
    var compositions = try Compositions(Wording(word: "my penguin", isStyle: false), size: size, seed: 0, count: 1)
    compositions.companions = [try #require(apple)]
    let made = try compositions.all(of: taught.items[0], index: 0).compositions
    let pairs = made.filter { $0.caption.wholeMatch(of: /a my penguin and a green apple on an? \w+ background/) != nil }
    #expect(made.count == 27 && pairs.count == 6)
    for pair in pairs {
      let ground = pair.picture[0, 0]
      for half in [0..<32, 32..<64] {
        #expect(half.contains { x in (0..<64).contains { pair.picture[x, $0] != ground } }, "one on either side")
      }
      #expect((0..<64).allSatisfy { pair.picture[32, $0] == ground || pair.picture[31, $0] == ground }, "they do not overlap")
    }
  }

  @Test func transparentPicturesAreCutOutsToo() throws {
    let thing = Pictures.thing(48)
    var bytes: [UInt8] = []
    for place in 0..<48 * 48 {
      let pixel = Array(thing.pixels[place * 3..<place * 3 + 3])
      bytes += pixel + [pixel == [255, 255, 255] ? 0 : 255]
    }
    try Data(RGBA.png(bytes, width: 48, height: 48)).write(to: folder.file("t.png"))
    let taught = try TaughtPictures([folder.file("t.png")], captions: CaptionSources(unknown: { _ in ["x"] }))
    let made = try Compositions(Wording(word: "nolok", isStyle: false), size: size, seed: 0, count: 40)
      .all(of: taught.items[0], index: 0)
    #expect(made.compositions.count == 4 && made.compositions[1].caption == "a nolok on a black background")
    #expect(made.compositions[1].picture[0, 0].red < 40)
    try Data(RGBA.png([UInt8](repeating: 0, count: 48 * 48 * 4), width: 48, height: 48)).write(to: folder.file("n.png"))
    let nothing = try TaughtPictures([folder.file("n.png")], captions: CaptionSources())
    #expect(throws: TeachingError.transparent(path: nothing.items[0].url.relativePath)) {
      try Compositions(Wording(word: "nolok", isStyle: false), size: size, seed: 0, count: 1).all(of: nothing.items[0], index: 0)
    }
  }

  @Test func photosStayAsTheyAre() throws {
    let (made, isCropped) = try compositions(Pictures.photo(150, 100))
    #expect(isCropped && made.count == 8 && made.allSatisfy { $0.caption == "a my penguin" })
    let middle = try Pictures.photo(150, 100).cropped(x: 25, y: 0, width: 100, height: 100)
    #expect(try made[0].picture == middle.resized(width: 64, height: 64))
    #expect(Set(made.map(\.picture.pixels)).count == 8)
    #expect(try !compositions(Pictures.photo(80, 80), name: "b.png").isCropped)
    let style = try compositions(Pictures.photo(80, 80), name: "c.png", word: "dots", isStyle: true).compositions
    #expect(style.count == 3 && style[0].caption == "dots style")
  }

  @Test func theSeedAloneDecides() throws {
    let make = { (seed: UInt64) in try compositions(Pictures.thing(), seed: seed).compositions.map(\.picture) }
    #expect(try make(3) == make(3))
    #expect(try make(3) != make(4))
  }

  @Test func onePixelIsNoPicture() throws {
    let error = #expect(throws: TeachingError.self) { try compositions(Picture(width: 1, height: 1)) }
    #expect(error?.description.contains("1x1 pixels; at least 16x16 are needed") == true)
    try folder.write("no picture", to: "a.png")
    let taught = try TaughtPictures([folder.file("a.png")], captions: CaptionSources())
    #expect(throws: ImageError.self) {
      try Compositions(Wording(word: "a", isStyle: false), size: size, seed: 0, count: 1).all(of: taught.items[0], index: 0)
    }
    try folder.write("changed", to: "a.png")
    #expect(throws: TeachingError.self) {
      try Compositions(Wording(word: "a", isStyle: false), size: size, seed: 0, count: 1).all(of: taught.items[0], index: 0)
    }
  }

  @Test(arguments: [(64, 16), (16, 1000), (2000, 17)])
  func oddShapesAreTaughtByTheirMiddle(_ width: Int, _ height: Int) throws {
    for picture in [Pictures.photo(width, height), Pictures.thing(height, width: width)] {
      let made = try compositions(picture).compositions
      #expect(made.allSatisfy { $0.picture.width == 64 && $0.picture.height == 64 })
    }
  }
}

/// Which lessons come in which step.
@Suite struct LessonOrderTests {
  @Test(arguments: [(160, 28), (7, 3), (1, 1), (5, 0)])
  func everyThirdIsTheModelsOwn(_ taught: Int, _ own: Int) {
    let order = LessonOrder(taught: taught, own: own, seed: 5)
    let all = (0..<300).flatMap { order.lessons($0) }
    var counts: [LessonOrder.Place: Int] = [:]
    for (number, place) in all.enumerated() {
      if case .own = place { #expect(number % 3 == 2 && own > 0) } else { #expect(number % 3 != 2 || own == 0) }
      counts[place, default: 0] += 1
    }
    #expect(counts.count == taught + own)
    // None comes twice more often than another.
    for isOwn in [true, false] {
      let numbers = counts.filter { if case .own = $0.key { isOwn } else { !isOwn } }.values
      #expect((numbers.max() ?? 0) - (numbers.min() ?? 0) <= 1)
    }
  }

  @Test func aStepIsTheSameWhoeverAsks() {
    let order = LessonOrder(taught: 50, own: 28, seed: 9)
    #expect(order.lessons(123) == LessonOrder(taught: 50, own: 28, seed: 9).lessons(123))
    #expect(order.lessons(123) != LessonOrder(taught: 50, own: 28, seed: 10).lessons(123))
    #expect((0..<20).map(order.lessons) != (20..<40).map(order.lessons))
  }
}
