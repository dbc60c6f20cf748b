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
    let sheet = try ContactSheet(pictures.map { .init($0) }, columns: 2).drawn()
    let places = try pictures.map { try #require(place(of: $0, in: sheet)) }
    #expect(places[0].y == places[1].y && places[1].x > places[0].x)
    #expect(places[2].x == places[0].x && places[2].y > places[0].y)
    #expect(places[4].y > places[3].y)
  }

  @Test func emptyAndHugeSheets() throws {
    #expect(throws: Never.self) { try ContactSheet([]).drawn() }
    #expect(throws: Never.self) {
      try ContactSheet(rows: [[nil], []], columnHeaders: ["x", "y"], rowLabels: ["a", "b", "c"]).drawn()
    }
    let wide = Picture(width: 4000, height: 4000)
    #expect(throws: ImageError.self) { try ContactSheet((0..<25).map { _ in .init(wide) }, columns: 5).drawn() }
  }
}
