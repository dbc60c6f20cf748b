import Foundation

/// A host and a port, as a `Host` header or an origin has them.
package struct Authority: Equatable, Sendable {
  /// Lower case, without a dot at its end; an IPv6 address without its brackets.
  package let host: String
  package let port: Int?

  /// - Parameter text: `localhost`, `127.0.0.1:7860`, `[::1]:7860`.
  /// - Returns: nil for what is none.
  package init?(_ text: some StringProtocol) {
    let (name, rest): (Substring, Substring)
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      (name, rest) = (Substring(text[text.index(after: text.startIndex)..<end]), Substring(text[text.index(after: end)...]))
      guard Authority.isIPv6(name) else { return nil }
    } else {
      let colon = text.firstIndex(of: ":") ?? text.endIndex
      (name, rest) = (Substring(text[..<colon]), Substring(text[colon...]))
      guard name.utf8.count <= 253, name.utf8.allSatisfy(Authority.isNameByte) else { return nil }
    }
    if rest.isEmpty {
      port = nil
    } else {
      guard rest.utf8.dropFirst().allSatisfy({ (48...57).contains($0) }), let number = UInt16(rest.dropFirst()) else { return nil }
      port = Int(number)
    }
    host = (name.hasSuffix(".") ? name.dropLast() : name).lowercased()
    guard !host.isEmpty else { return nil }
  }

  /// Whether packets to it never leave this machine.
  var isLoopback: Bool {
    host == "localhost" || host.hasSuffix(".localhost") || host == "::1" || host == "0:0:0:0:0:0:0:1"
      || Authority.isIPv4(host) && host.hasPrefix("127.")
  }

  /// Whether it is a number, and no name that somebody else's name server could answer.
  var isAddress: Bool { Authority.isIPv4(host) || Authority.isIPv6(host) }

  /// A host as it stands before a port: an IPv6 address in brackets.
  package static func bracketed(_ host: String) -> String { host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
    default: false
    }
  }

  static func isIPv4(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { $0.utf8.allSatisfy { (48...57).contains($0) } && UInt8($0) != nil }
  }

  static func isIPv6(_ text: some StringProtocol) -> Bool {
    guard !text.utf8.contains(0) else { return false }  // C would read no further
    var address = in6_addr()
    return inet_pton(AF_INET6, String(text), &address) == 1
  }
}
