import DiTCharts
import DiTImage
import Testing

@Suite struct ContactSheetTests {
  /// Where a picture is in another, exactly.
  func place(of part: Picture, in whole: Picture) -> (x: Int, y: Int)? {
    for y in 0...max(0, whole.height - part.height) {
      for x in 0...max(0, whole.width - part.width) where whole[x, y] == part[0, 0] {
        if whole.width >= x + part.width, whole.height >= y + part.height,
          (try? whole.cropped(x: x, y: y, width: part.width, height: part.height)) == part
        {
          return (x, y)
        }
      }
    }
    return nil
  }

  @Test func everyPictureIsThereInItsPlace() throws {
    let sizes = [[(40, 30), (20, 50), (33, 17)], [(25, 25), (60, 20)]]
    let pictures = sizes.enumerated().map { row, sizes in
      sizes.enumerated().map { Picture.random($1.0, $1.1, seed: UInt64(row * 10 + $0 + 1)) }
    }
    let sheet = try ContactSheet(
      rows: pictures.map { $0.map { .init($0, "a caption that wraps and goes on for longer than it may") } },
      title: "Title", columnHeaders: ["a", "b", "c"], rowLabels: ["first row", "second"]
    ).drawn()
    var places: [[(x: Int, y: Int)]] = []
    for row in pictures { places.append(try row.map { try #require(place(of: $0, in: sheet)) }) }
    #expect(places[0][0].x < places[0][1].x && places[0][1].x < places[0][2].x)
    #expect(places[0][1].x == places[1][1].x)
    #expect(places[0][0].y + 30 == places[0][1].y + 50)  // rows stand on a line
    #expect(places[1][0].y > places[0][0].y + 30)
    // Words change the sheet; the margins are white.
    for x in 0..<sheet.width { #expect(sheet[x, 0] == .white && sheet[x, sheet.height - 1] == .white) }
    let wordless = try ContactSheet(rows: pictures.map { $0.map { .init($0) } }).drawn()
    #expect(wordless.height < sheet.height && wordless.width < sheet.width)
  }

  @Test func itemsFillRowsFromTheLeft() throws {
    let pictures = (1...5).map { Picture.random(50, 50, seed: UInt64($0)) }
    let sheet = try ContactSheet(pictures.map { .init($0) }, width: 120).drawn()
    let places = try pictures.map { try #require(place(of: $0, in: sheet)) }
    #expect(places[0].y == places[1].y && places[1].x > places[0].x)
    #expect(places[2].x == places[0].x && places[2].y > places[0].y)
    #expect(places[4].y > places[3].y)
  }

  @Test func whitePicturesHaveAFrame() throws {
    let picture = Picture(width: 50, height: 40)
    let sheet = try ContactSheet([.init(picture), .init(picture)]).drawn()
    let framed = (0..<sheet.height).flatMap { y in (0..<sheet.width).map { ($0, y) } }.filter { sheet[$0, $1] != .white }
    #expect(framed.count == 2 * (2 * 52 + 2 * 40))
  }

  @Test func wideStripsAreStackedInEvenRows() throws {
    func rows(_ width: Int, _ height: Int, _ count: Int, _ limit: Int? = ContactSheet.screen) -> [Int] {
      let picture = Picture(width: width, height: height)
      return ContactSheet((0..<count).map { _ in .init(picture) }, width: limit).rows.map(\.count)
    }
    #expect(rows(256, 256, 8) == [8])
    #expect(rows(768, 192, 8) == [2, 2, 2, 2])
    #expect(rows(512, 512, 8) == [4, 4])
    #expect(rows(3000, 64, 3) == [1, 1, 1])
    #expect(rows(512, 64, 8, nil) == [1, 1, 1, 1, 1, 1, 1, 1])
    #expect(rows(64, 64, 10, nil) == [4, 4, 2])
    #expect(rows(64, 512, 4, nil) == [4])
    #expect(ContactSheet([.init(Picture(width: 64, height: 64))]).rows.map(\.count) == [1])
  }

  @Test func rowsAndPicturesAreSpacedEvenly() throws {
    let sizes = [(90, 40), (30, 40), (60, 40), (90, 40), (30, 40), (60, 40)]
    let pictures = sizes.enumerated().map { Picture.random($1.0, $1.1, seed: UInt64($0)) }
    let captions = ["short", "", "a caption that takes several lines", "x", "y", "z"]
    let sheet = try ContactSheet(zip(pictures, captions).map { .init($0, $1, detail: "seed 7") }, width: 200).drawn()
    let places = try pictures.map { try #require(place(of: $0, in: sheet)) }
    var gaps: Set<Int> = [], steps: Set<Int> = []
    for i in 1..<6 {
      if places[i].y == places[i - 1].y {
        gaps.insert(places[i].x - places[i - 1].x - max(48, pictures[i - 1].width))
      } else {
        steps.insert(places[i].y - places[i - 1].y)
      }
    }
    #expect(gaps.count == 1 && steps.count == 1)
  }

  @Test func detailsAreNeverCutOffAndNotesStandBelow() throws {
    let picture = Picture.random(80, 80, seed: 1)
    let caption = String(repeating: "many words ", count: 30)
    func height(_ item: ContactSheet.Item, notes: String = "", scale: (String, String)? = nil) throws -> Int {
      var sheet = ContactSheet([item], notes: notes)
      if let scale { sheet.heatScale = (scale.0, scale.1) }
      return try sheet.drawn().height
    }
    let plain = try height(.init(picture, caption))
    #expect(try height(.init(picture, caption, detail: "seed 7")) == plain + Font(size: 12).lineHeight)
    let noted = try height(.init(picture, caption), notes: "small, 25 steps\nfit: what it is")
    #expect(noted > plain + 2 * Font(size: 12).lineHeight)
    #expect(try height(.init(picture, caption), notes: "small, 25 steps\nfit: what it is", scale: ("0 %", "1.2 %")) > noted)
  }

  @Test func emptyAndHugeSheets() throws {
    #expect(throws: Never.self) { try ContactSheet([]).drawn() }
    #expect(throws: Never.self) {
      try ContactSheet(rows: [[nil], []], columnHeaders: ["x", "y"], rowLabels: ["a", "b", "c"]).drawn()
    }
    let wide = Picture(width: 4000, height: 4000)
    #expect(throws: ImageError.self) { try ContactSheet((0..<25).map { _ in .init(wide) }, width: 20_100).drawn() }
  }
}
