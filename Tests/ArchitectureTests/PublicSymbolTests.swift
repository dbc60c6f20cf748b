import Foundation
import Testing

/// What other packages see is small, and says what it is.
@Suite struct PublicSymbolTests {
  /// Fewer than this many declarations are public …
  static let limit = 250
  /// … and of these at least so many have a comment.
  static let share = 0.9

  @Test func publicSymbolsAreFewAndDocumented() throws {
    let files = Repository.swiftFiles("Sources")
    #expect(files.count > 200)
    var count = 0
    var bare: [String] = []
    for path in files {
      let found = try #require(
        Declaration.all("public", in: try Repository.text(path)), "\(path): braces do not match as this test counts them")
      count += found.count
      bare += found.filter { !$0.isDocumented }.map { "\(path):\($0.line): \($0.text)" }
    }
    let documented = count - bare.count
    print("public symbols: \(count), of which \(documented) are documented")
    #expect(count < Self.limit, "\(count) public symbols; fewer than \(Self.limit) are allowed: make some package or internal")
    if Double(documented) < Self.share * Double(count) {
      Issue.record("\(documented) of \(count) public symbols have a /// comment; without: \n\(bare.joined(separator: "\n"))")
    }
  }

  @Test func declarationsAreFound() throws {
    let source = #"""
      /// One.
      public struct Shown {
        /// Two.
        public private(set) var count = 0
        var hidden = "public var \(["public let no": "}"]["{"] ?? "") {"
        public init() {}  // 3, bare
        let pattern = half / 2 + match(/[{"]\/{2}/)
        /// Four.
        @discardableResult
        public static func run(_ body: () -> Void = {}) -> Int { 1 }
        package func notThis() { let local = 1 }
      }

      /// Five.
      @frozen public enum Kind: String {
        /// Six.
        case one
        case two, three  // 7, bare
        enum CodingKeys: CodingKey { case one }
        func inside() {
          switch self { case .one: break }
        }
      }

      /// Eight.
      public protocol Drawing: AnyObject
      {
        /// Nine.
        var size: Int { get }
        func draw() throws  // 10, bare
      }

      /* public func commentedOut() {} /* { */ */
      public extension Kind {
        /// Eleven.
        var doubled: Int { 2 }
        private var secret: Int { 3 }
      }
      """#
    let found = try #require(Declaration.all("public", in: source))
    #expect(found.count == 11, "\(found.map(\.text))")
    #expect(found.filter { !$0.isDocumented }.map(\.text) == [
      "public init() {}  // 3, bare", "case two, three  // 7, bare", "func draw() throws  // 10, bare",
    ])
    #expect(Declaration.all("package", in: source)?.count == 1)
    #expect(Declaration.all("public", in: "public struct Open {") == nil)
  }
}
