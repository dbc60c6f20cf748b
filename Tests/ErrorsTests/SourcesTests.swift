import DiTTestSupport
import Foundation
import Testing

/// No error type of the sources is forgotten.
@Suite struct SourcesTests {
  /// Caught where they are thrown, or one call above: what leaves is an error that names the file too.
  static let helpers: Set<String> = [
    "Malformed", "Refused",  // become LoadError, or a bad line of a prompt file
    "LineError", "PromptProblem",  // become the list of bad lines, then BatchError.badLines
    "LockFailure",  // becomes BatchError.locked, or an error of teaching
    "VerificationError",  // becomes a failed row
    "Unreadable",  // becomes TokenizerError.notBytePairs
    "UnreadableTokenizer",  // becomes TokenizerError.notUnigram or notGemma
    "Done",  // ends the benchmark of a first step
    "RefusedRequest",  // becomes the server's answer
  ]

  @Test func everyErrorIsAUserError() throws {
    let head = /\b(?:enum|struct|class|actor|extension)\s+([A-Za-z_.]+)([^{\n]*)\{/
    let root = Fixtures.repository.appendingPathComponent("Sources")
    let files = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
    var users: Set<String> = [], others: Set<String> = []
    for file in files where file.hasSuffix(".swift") {
      let lines = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8).split(separator: "\n")
      let code = lines.filter { !$0.drop { $0 == " " }.hasPrefix("//") }.joined(separator: "\n")
      for match in code.matches(of: head) {
        let parents = match.2.split { !$0.isLetter && $0 != "_" }
        if parents.contains("UserError") || parents.contains("WordedError") {
          users.insert(String(match.1))
        } else if parents.contains("Error") || parents.contains("LocalizedError") {
          others.insert(String(match.1))
        }
      }
    }
    #expect(others == SourcesTests.helpers)
    #expect(users.isSuperset(of: ["FileError", "LoadError", "RequestError", "BatchError"]))
  }
}
