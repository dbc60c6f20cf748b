import Foundation

/// Protocols that send the PNG file itself, in base64.
enum InlineImage {
  /// What a cell is likely to be wide: nothing larger than needed is sent.
  private static let cellWidth = 20

  /// https://sw.kovidgoyal.net/kitty/graphics-protocol: chunks of at most 4096 bytes, all but the last saying m=1.
  static func kitty(_ picture: Picture, columns: Int) -> String {
    let payload = Array(base64(picture, columns).utf8)
    guard !payload.isEmpty else { return "" }
    var text = ""
    for start in stride(from: 0, to: payload.count, by: 4096) {
      let end = min(start + 4096, payload.count)
      // f=100 is PNG, a=T transmits and shows, q=2 keeps the terminal from answering, c is the width in cells.
      let keys = start == 0 ? "a=T,f=100,q=2,c=\(cells(picture, columns))," : ""
      text +=
        "\u{1B}_G\(keys)m=\(end < payload.count ? 1 : 0);" + String(decoding: payload[start..<end], as: UTF8.self)
        + "\u{1B}\\"
    }
    return text + "\n"
  }

  /// https://iterm2.com/documentation-images.html
  static func iTerm(_ picture: Picture, columns: Int) -> String {
    let payload = base64(picture, columns)
    guard !payload.isEmpty else { return "" }
    return "\u{1B}]1337;File=inline=1;width=\(cells(picture, columns));preserveAspectRatio=1:\(payload)\u{07}\n"
  }

  /// A picture of few pixels is not blown up over the whole terminal.
  private static func cells(_ picture: Picture, _ columns: Int) -> Int { max(1, min(columns, (picture.width + 7) / 8)) }

  private static func base64(_ picture: Picture, _ columns: Int) -> String {
    let (width, overflow) = columns.multipliedReportingOverflow(by: cellWidth)
    let sent = overflow ? picture : picture.shrunk(toWidth: width)
    return (try? sent.encoded()).map { Data($0).base64EncodedString() } ?? ""
  }
}
