import DiTCharts
import DiTImage
import Foundation
import Testing

@Suite struct TerminalGraphicsTests {
  @Test func detects() {
    func detect(_ environment: [String: String]) -> TerminalGraphics? { .detect(environment: environment) }
    #expect(detect([:]) == nil && detect(["TERM": "dumb"]) == nil)
    #expect(detect(["TERM": "xterm-256color"]) == .halfBlocks)
    #expect(detect(["TERM": "xterm-kitty"]) == .kitty)
    #expect(detect(["TERM": "xterm-256color", "KONSOLE_VERSION": "220400"]) == .kitty)
    #expect(detect(["TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"]) == .iTerm)
    #expect(detect(["TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"]) == .iTerm)
    #expect(detect(["TERM": "foot-extra"]) == .sixel)
    #expect(detect(["TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"]) == .halfBlocks)
    #expect(detect(["TERM": "xterm-kitty", "TMUX": "/tmp/x"]) == .halfBlocks)
  }

  @Test func halfBlocksHoldEveryPixel() throws {
    let picture = Picture.random(5, 3)
    let lines = TerminalGraphics.halfBlocks.encode(picture, columns: 80).split(separator: "\n")
    #expect(lines.count == 2)
    for (row, line) in lines.enumerated() {
      #expect(line.hasSuffix("\u{1B}[0m") && line.filter { $0 == "▀" }.count == 5)
      var upper: Color?
      var lower: Color?
      var x = 0
      for piece in line.dropLast(4).split(separator: "\u{1B}") {
        let numbers = piece.drop { $0 == "[" }.prefix { $0 != "m" }.split(separator: ";").compactMap { UInt8($0) }
        let color = Color(numbers[2], numbers[3], numbers[4])
        if numbers[0] == 38 { upper = color } else { lower = color }
        for _ in piece.filter({ $0 == "▀" }) {
          #expect(upper == picture[x, row * 2])
          if row == 0 { #expect(lower == picture[x, 1]) } else { #expect(lower == nil) }
          x += 1
        }
      }
      #expect(x == 5)
    }
    let wide = TerminalGraphics.halfBlocks.encode(.scene(200, 100), columns: 40).split(separator: "\n")
    #expect(wide.count == 10 && wide.allSatisfy { $0.filter { $0 == "▀" }.count == 40 })
  }

  @Test func kittySendsThePNGInChunks() throws {
    let picture = Picture.random(80, 60)
    let text = TerminalGraphics.kitty.encode(picture, columns: 40)
    let parts = text.split(separator: "\u{1B}_G").map { $0.prefix { $0 != "\u{1B}" } }
    #expect(parts.count > 1)
    var payload = ""
    for (i, part) in parts.enumerated() {
      let halves = part.split(separator: ";", maxSplits: 1)
      #expect(halves[1].utf8.count <= 4096)
      #expect(halves[0].hasSuffix(i == parts.count - 1 ? "m=0" : "m=1"))
      #expect(halves[0].hasPrefix("a=T,f=100,q=2,c=10,") == (i == 0))
      payload += halves[1]
    }
    let bytes = try #require(Data(base64Encoded: payload))
    #expect(try PNG.decode([UInt8](bytes)).picture == picture)
  }

  @Test func iTermSendsThePNG() throws {
    let picture = Picture.random(16, 16)
    let text = TerminalGraphics.iTerm.encode(picture, columns: 40)
    #expect(text.hasPrefix("\u{1B}]1337;File=inline=1;width=2;preserveAspectRatio=1:") && text.hasSuffix("\u{07}\n"))
    let payload = text.drop { $0 != ":" }.dropFirst().prefix { $0 != "\u{07}" }
    let bytes = try #require(Data(base64Encoded: String(payload)))
    #expect(try PNG.decode([UInt8](bytes)).picture == picture)
  }

  /// What a terminal would draw.
  func sixels(_ text: String) -> (width: Int, height: Int, pixels: [[Int]: [Int]]) {
    let body = Array(text.utf8.dropFirst(8).dropLast(3))  // ESC P 0 ; 1 q " 1 … ESC \ newline
    var i = 0
    var x = 0
    var top = 0
    var color = 0
    var repeats = 1
    var palette: [Int: [Int]] = [:]
    var pixels: [[Int]: [Int]] = [:]
    func numbers() -> [Int] {
      let start = i
      while i < body.count, body[i] == 59 || (48...57).contains(body[i]) { i += 1 }
      return String(decoding: body[start..<i], as: UTF8.self).split(separator: ";").compactMap { Int($0) }
    }
    let size = numbers()
    while i < body.count {
      let byte = body[i]
      i += 1
      switch byte {
      case UInt8(ascii: "#"):
        let n = numbers()
        color = n[0]
        if n.count == 5 { palette[color] = Array(n[2...]) }
      case UInt8(ascii: "!"): repeats = numbers()[0]
      case UInt8(ascii: "$"): x = 0
      case UInt8(ascii: "-"): (x, top) = (0, top + 6)
      default:
        for _ in 0..<repeats {
          for bit in 0..<6 where (Int(byte) - 63) >> bit & 1 == 1 { pixels[[x, top + bit]] = palette[color] }
          x += 1
        }
        repeats = 1
      }
    }
    return (size[1], size[2], pixels)
  }

  @Test func sixelsDrawThePicture() {
    for picture in [Picture.scene(50, 32), .random(9, 7), Picture(width: 1, height: 1)] {
      let text = TerminalGraphics.sixel.encode(picture, columns: 80)
      #expect(text.hasPrefix("\u{1B}P0;1q\"1;1;") && text.hasSuffix("\u{1B}\\\n"))
      let drawn = sixels(text)
      #expect((drawn.width, drawn.height) == (picture.width, picture.height))
      #expect(drawn.pixels.count == picture.width * picture.height)
      var error = 0
      for (place, percents) in drawn.pixels {
        let color = picture[place[0], place[1]]
        for (percent, value) in zip(percents, [color.red, color.green, color.blue]) {
          error += abs(percent * 255 / 100 - Int(value))
        }
      }
      #expect(Double(error) / Double(drawn.pixels.count * 3) < 5)
    }
    #expect(
      TerminalGraphics.sixel.encode(.scene(50, 32), columns: 80)
        == TerminalGraphics.sixel.encode(.scene(50, 32), columns: 80))
  }

  @Test(arguments: TerminalGraphics.allCases) func anyWidthWorks(graphics: TerminalGraphics) {
    for columns in [Int.min, 0, 1, 7, .max] { #expect(!graphics.encode(.scene(20, 9), columns: columns).isEmpty) }
  }
}
