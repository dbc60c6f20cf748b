import DiTTestSupport
import Foundation
import Testing

/// Links of the documentation lead to files, and to headings, that are there.
@Suite struct LinkTests {
  static let pages: [String] = {
    let root = Fixtures.repository
    let folders = ["docs", "Benchmarks", "Weights", "Tokenizer", "Examples", "packaging"]
    let inside = folders.flatMap { folder in
      (FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)?.compactMap { $0 as? String } ?? [])
        .filter { path in !path.split(separator: "/").contains { $0.hasPrefix(".") || $0 == "node_modules" } }
        .map { "\(folder)/\($0)" }
    }
    let top = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return (top + inside).filter { $0.hasSuffix(".md") }.sorted()
  }()

  @Test func pagesAreThere() { #expect(Self.pages.count > 8) }

  @Test(arguments: pages)
  func linksLeadSomewhere(_ page: String) throws {
    let url = Fixtures.repository.appendingPathComponent(page)
    let text = try String(contentsOf: url, encoding: .utf8).replacing(/(?s)```.*?```/, with: "")
    for match in text.matches(of: /\]\(([^)\s]+)\)/) where !match.1.contains("://") && !match.1.hasPrefix("mailto:") {
      let parts = match.1.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let path = parts[0].removingPercentEncoding ?? parts[0]
      let target = path.isEmpty ? url : url.deletingLastPathComponent().appendingPathComponent(path)
      guard FileManager.default.fileExists(atPath: target.path) else {
        Issue.record("\(page) links to \(match.1), which is not there")
        continue
      }
      guard parts.count == 2, target.pathExtension == "md" else { continue }
      let headings = try String(contentsOf: target, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("#") }
      #expect(headings.map(anchor).contains(parts[1]), "\(page) links to \(match.1): no such heading")
    }
  }

  /// The name GitHub gives a heading.
  private func anchor(_ heading: Substring) -> String {
    let text = heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
    return String(text.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.map { $0 == " " ? "-" : $0 })
  }
}
