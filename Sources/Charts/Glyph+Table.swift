import Foundation

extension Glyph {
  /// What a character looks like; nil where it is none of ours. Accented letters are put together from their canonical
  /// decomposition.
  static func of(_ character: Character) -> Glyph? {
    let scalars = String(character).decomposedStringWithCanonicalMapping.unicodeScalars
    guard let base = scalars.first else { return nil }
    if base.properties.isWhitespace { return space }
    let known = scalars.dropFirst().compactMap { marks[$0] }
    // Half of a character would mislead: all of its parts are known, or it is not ours.
    guard known.count == scalars.count - 1 else { return nil }
    let dotless: Unicode.Scalar? = ["i": "\u{131}", "j": "\u{237}"][base]
    guard var glyph = table[known.contains { $0.above } ? dotless ?? base : base] else { return nil }
    let center = glyph.width / 2
    let lift = max(0, glyph.height - 10)
    for mark in known { glyph = glyph + mark.glyph.moved(x: center, y: mark.above ? lift : 0) }
    // A mark wider than its letter (on i) would otherwise run to the left of the origin.
    let left = glyph.strokes.joined().map(\.x).min() ?? 0
    return left < 0 ? glyph.moved(x: -left) : glyph
  }

  static let space = Glyph(strokes: [], bearing: 3.5)

  /// Every character that is drawn by itself.
  static let table: [Unicode.Scalar: Glyph] = {
    var table: [Unicode.Scalar: Glyph] = [:]
    for line in (ascii + latin).split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, let scalar = parts[0].unicodeScalars.first, let glyph = Glyph(path: String(parts[1]))
      else { continue }
      table[scalar] = glyph
    }
    // Rounds stand closer than stems, and what has air at its sides closer still; figures are all of one width.
    for scalar in "abcdeghopqsOCDGQSØøœŒ©®@68903".unicodeScalars { table[scalar]?.bearing = 1.8 }
    for scalar in "AVWXYTLKvwxyzkrtfjJPF/\\42*^~-+=<>–—−×÷→←".unicodeScalars { table[scalar]?.bearing = 1.35 }
    for scalar in "0123456789".unicodeScalars {
      table[scalar]?.isFigure = true
    }
    for (small, large, top) in [
      ("¹", "1", true), ("²", "2", true), ("³", "3", true), ("ª", "a", true), ("º", "o", true),
    ] {
      guard let scalar = small.unicodeScalars.first, let glyph = large.unicodeScalars.first.flatMap({ table[$0] })
      else { continue }
      table[scalar] = glyph.moved(y: top ? 14 - glyph.height * 0.6 : 0, scale: 0.6)
    }
    for (fraction, above, below) in [("¼", "1", "4"), ("½", "1", "2"), ("¾", "3", "4")] {
      guard let scalar = fraction.unicodeScalars.first, let a = above.unicodeScalars.first.flatMap({ table[$0] }),
        let b = below.unicodeScalars.first.flatMap({ table[$0] })
      else { continue }
      let bar = Glyph(strokes: [[Point(2.5, 0), Point(9.5, 14)]], bearing: 1.6)
      table[scalar] = bar + a.moved(y: 6.4, scale: 0.55) + b.moved(x: 8, scale: 0.55)
    }
    return table
  }()

  private static let ascii = """
    ! M 0 14 L 0 4.5 D 0 0.2
    " M 0 14 L 0 10 M 3.4 14 L 3.4 10
    # M 3.4 14 L 1.8 0 M 8.2 14 L 6.6 0 M 0.6 9.6 L 10 9.6 M 0 4.4 L 9.4 4.4
    $ A 4.2 9.8 3.9 3 35 270 a 4.2 3.8 4.2 3 90 -150 M 4.2 15 L 4.2 -1.2
    % A 2.6 10.8 2.6 3.2 0 360 A 10.4 3.2 2.6 3.2 0 360 M 10 14 L 3 0
    & M 10.2 0 L 2 9.6 a 4.2 11.4 2.7 2.6 215 -40 L 1.8 6.6 a 4 3.6 4 3.6 128 300 a 4 5.4 6 5.4 290 348
    ' M 0 14 L 0 10
    ( A 7 5.4 7 11 130 230
    ) A -3.5 5.4 7 11 50 -50
    * M 3 14 L 3 7.6 M 0.2 12.4 L 5.8 9.2 M 5.8 12.4 L 0.2 9.2
    + M 0 6 L 9 6 M 4.5 10.5 L 4.5 1.5
    , M 0.8 0.6 L -0.2 -2.6
    - M 0 5.4 L 5 5.4
    . D 0 0.2
    / M 0 -1.5 L 6 15
    0 A 4 7 4 7 0 360
    1 M 0 11 L 3.6 14 L 3.6 0
    2 A 4 10 3.9 4 165 -38 L 0 0 L 8 0
    3 A 3.8 10.6 3.5 3.4 150 -90 L 2.6 7.2 M 3.8 7.2 a 3.8 3.6 4.2 3.6 90 -155
    4 M 6.2 0 L 6.2 14 L 0 4.2 L 8.6 4.2
    5 M 7.2 14 L 1.2 14 L 0.6 7.4 a 3.8 4.6 4.2 4.6 135 -152
    6 A 8 4.5 8 9.5 106 180 a 4 4.5 4 4.5 180 540
    7 M 0 14 L 8 14 L 2.8 0
    8 A 4 10.6 3.5 3.4 0 360 A 4 3.6 4 3.6 0 360
    9 A 0 9.5 8 9.5 -74 0 a 4 9.5 4 4.5 0 360
    : D 0 8.4 D 0 0.2
    ; D 0.6 8.4 M 0.8 0.6 L -0.2 -2.6
    < M 8 10.5 L 0 6 L 8 1.5
    = M 0 8 L 9 8 M 0 4 L 9 4
    > M 0 10.5 L 8 6 L 0 1.5
    ? A 3.7 10.4 3.7 3.6 165 -45 L 3.8 6 L 3.8 4.2 D 3.8 0.2
    @ A 7.4 5.2 3.2 3.8 0 360 M 10.6 9 L 10.6 4.4 a 12.8 4.4 2.2 2.8 180 360 L 15 6 a 7.5 5.6 7.5 8.2 0 298
    A M 0 0 L 5 14 L 10 0 M 1.8 4.8 L 8.2 4.8
    B M 0 0 L 0 14 L 4.6 14 a 4.6 10.8 3.6 3.2 90 -90 L 0 7.6 M 4.6 7.6 a 4.8 3.8 4.2 3.8 90 -90 L 0 0
    C A 6 7 6 7 46 314
    D M 0 0 L 0 14 L 3.6 14 a 3.6 7 6.6 7 90 -90 L 0 0
    E M 7.8 14 L 0 14 L 0 0 L 7.8 0 M 0 7.4 L 6.8 7.4
    F M 7.6 14 L 0 14 L 0 0 M 0 7.2 L 6.6 7.2
    G A 6 7 6 7 46 352 L 12 6.4 L 7 6.4
    H M 0 0 L 0 14 M 9 0 L 9 14 M 0 7.4 L 9 7.4
    I M 0 0 L 0 14
    J M 6 14 L 6 4 a 3 4 3 4 0 -165
    K M 0 0 L 0 14 M 8.2 14 L 0 5.2 M 3 8.4 L 8.8 0
    L M 0 14 L 0 0 L 7.2 0
    M M 0 0 L 0 14 L 5.5 4.5 L 11 14 L 11 0
    N M 0 0 L 0 14 L 9 0 L 9 14
    O A 6.2 7 6.2 7 0 360
    P M 0 0 L 0 14 L 4.4 14 a 4.4 10.2 4 3.8 90 -90 L 0 6.4
    Q A 6.2 7 6.2 7 0 360 M 7.6 4 L 11.8 -0.8
    R M 0 0 L 0 14 L 4.4 14 a 4.4 10.2 4 3.8 90 -90 L 0 6.4 M 4.4 6.4 L 8.8 0
    S A 4.4 10.6 4 3.4 32 270 a 4.4 3.6 4.4 3.6 90 -152
    T M 0 14 L 10 14 M 5 14 L 5 0
    U M 0 14 L 0 4.6 a 4.6 4.6 4.6 4.6 180 360 L 9.2 14
    V M 0 14 L 5 0 L 10 14
    W M 0 14 L 3.8 0 L 7.6 14 L 11.4 0 L 15.2 14
    X M 0 14 L 9 0 M 9 14 L 0 0
    Y M 0 14 L 4.8 6.4 L 9.6 14 M 4.8 6.4 L 4.8 0
    Z M 0 14 L 8.6 14 L 0 0 L 8.8 0
    [ M 3 16 L 0 16 L 0 -3 L 3 -3
    \\ M 0 15 L 6 -1.5
    ] M 0 16 L 3 16 L 3 -3 L 0 -3
    ^ M 0 9 L 3.6 14 L 7.2 9
    _ M 0 -3 L 9 -3
    ` M 0 14 L 2.4 11.6
    a A 3.8 6.8 3.4 3.2 155 0 L 7.2 0 M 7.2 6 L 3.2 6 a 3.2 3 3.2 3 90 270 a 3.2 3.6 4 3.6 270 360
    b M 0 14 L 0 0 A 4 5 4 5 180 540
    c A 4 5 4 5 44 316
    d M 8 14 L 8 0 A 4 5 4 5 0 360
    e M 0 5.2 L 8 5.2 a 4 5 4 5 0 316
    f A 4.6 11.2 2.8 2.8 68 180 L 1.8 0 M 0 10 L 5 10
    g A 4 5 4 5 0 360 M 8 10 L 8 -0.4 a 4.1 -0.4 3.9 3.6 0 -152
    h M 0 14 L 0 0 M 0 6.2 a 3.7 6.2 3.7 3.8 180 0 L 7.4 0
    i M 0 10 L 0 0 D 0 13.6
    ı M 0 10 L 0 0
    j M 2.4 10 L 2.4 -1.4 a 0 -1.4 2.4 2.6 0 -90 D 2.4 13.6
    ȷ M 2.4 10 L 2.4 -1.4 a 0 -1.4 2.4 2.6 0 -90
    k M 0 14 L 0 0 M 6.4 10 L 0 3.8 M 2.5 6.2 L 7 0
    l M 0 14 L 0 2.2 a 2.2 2.2 2.2 2.2 180 270 L 2.5 0
    m M 0 10 L 0 0 M 0 6.8 a 3 6.8 3 3.2 180 0 L 6 0 M 6 6.8 a 9 6.8 3 3.2 180 0 L 12 0
    n M 0 10 L 0 0 M 0 6.2 a 3.7 6.2 3.7 3.8 180 0 L 7.4 0
    o A 4 5 4 5 0 360
    p M 0 10 L 0 -4 A 4 5 4 5 180 540
    q M 8 10 L 8 -4 A 4 5 4 5 0 360
    r M 0 10 L 0 0 M 0 6 a 4 6 4 4 180 75
    s A 3.4 7.5 3 2.5 28 270 a 3.4 2.5 3.4 2.5 90 -155
    t M 1.8 13.2 L 1.8 2.8 a 4.6 2.8 2.8 2.8 180 285 M 0 10 L 5 10
    u M 0 10 L 0 3.8 a 3.7 3.8 3.7 3.8 180 360 M 7.4 10 L 7.4 0
    v M 0 10 L 3.8 0 L 7.6 10
    w M 0 10 L 3 0 L 6 10 L 9 0 L 12 10
    x M 0 10 L 7 0 M 7 10 L 0 0
    y M 0 10 L 3.9 0 M 7.6 10 L 2.6 -3.2 a 1.2 -2.6 1.4 1.4 -30 -90 L 0.2 -4
    z M 0 10 L 6.8 10 L 0 0 L 7 0
    { M 3.6 16 a 3.6 13 2 3 90 180 L 1.6 8.5 L 0 6.5 L 1.6 4.5 L 1.6 0 a 3.6 0 2 3 180 270
    | M 0 16 L 0 -3
    } M 0 16 a 0 13 2 3 90 0 L 2 8.5 L 3.6 6.5 L 2 4.5 L 2 0 a 0 0 2 3 0 -90
    ~ A 2.2 5.6 2.2 1.8 180 20 a 6.6 6.6 2.2 1.8 200 360

    """
}
