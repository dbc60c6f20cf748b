import DiTCheckpoints
import DiTTestSupport
import Foundation
import Testing

/// Configurations as people's files have them, and as nobody's should.
@Suite struct ConfigurationTests {
  private func value(_ text: String) throws -> JSONValue { try value(Array(text.utf8)) }

  private func value(_ bytes: [UInt8]) throws -> JSONValue {
    let folder = try TemporaryFolder()
    return try readConfiguration(JSONValue.self, at: folder.write("config.json", bytes))
  }

  /// Numbers and texts of these kinds ended the program inside Foundation, or were taken for something.
  @Test(arguments: [
    "[0e+]", "[0e-]", "[1e-", "[0E+]", "[1.e1]", "[-]", "[+1]", "[01]", "[.5]", "[1.]", "[0x10]", "[1_000]", "[--1]", "[NaN1]",
    "[nan]", "['a']", "{a: 1}", "[1 2]", "[,]", "[1,,2]", "{\"a\" 1}", "{\"a\":}", "{,}", "[\"\\x\"]", "[\"\\ud800\"]", "[\"\n\"]",
    "", " ", "[", "{", "]", "[1]]", "[1] x", "/ no\n[1]", "[1, /* no\n2]", "# no\n[1]", "[tru]", "[truex]", "\u{feff}\u{feff}[1]",
  ])
  func malformedJSONIsRefusedInOneLine(_ text: String) throws {
    do {
      _ = try value(text)
      Issue.record("taken: \(text)")
    } catch let error as ConfigurationError {
      #expect(error.description.contains("config.json") && !error.description.contains("\n"))
    }
  }

  @Test(arguments: [[0x5B, 0x22, 0xFF, 0x22, 0x5D], [0x5B, 0x22, 0xED, 0xA0, 0x80, 0x22, 0x5D], [0xFF, 0xFE, 0x5B, 0], [0]])
  func bytesThatAreNoTextAreRefused(_ bytes: [UInt8]) {
    #expect(throws: ConfigurationError.self) { try value(bytes) }
  }

  @Test func whatPythonAndOthersWriteIsRead() throws {
    #expect(try value("[NaN, Infinity, -Infinity]") == .array([.null, .null, .null]))
    #expect(try value("{\"a\": [1, 2,],}") == .object(["a": .array([.number(1), .number(2)])]))
    #expect(try value("{\"a\": 1, \"a\": 2}") == .object(["a": .number(2)]))
    #expect(try value("\u{feff}{\"a\": \"é\\n\\u00e9\\ud83e\\udd8a\\\\\\\"\"}") == .object(["a": .string("é\né🦊\\\"")]))
    #expect(try value("1000000000000000019884624838656").number == 1e30)
    #expect(try value(" \r\n\t{}\n\n") == .object([:]))
    #expect(try value("// yes\n[1, /* and * / here */ 2 // too\n]//") == .array([.number(1), .number(2)]))
    #expect(try value("[\"// no\"]") == .array([.string("// no")]))
  }

  private struct Sizes: Decodable {
    let checked: Int, plain: Int?
    enum CodingKeys: String, CodingKey { case checked, plain }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      checked = try values.size(.checked, 1...100)
      plain = try values.decodeIfPresent(Int.self, forKey: .plain)
    }
  }

  /// A number that does not fit is a fault of its own, and not of the JSON, whatever else the file has beyond JSON.
  @Test(arguments: [
    (#""checked": 0.5"#, "checked is 0.5, expected a whole number from 1 to 100"), (#""checked": 1e30"#, "checked is 1e+30"),
    (#""checked": 99999999999999999999"#, "checked is 1e+20"), (#""checked": 1e999"#, "number that is too large"),
    (#""checked": 1e-400"#, "checked is 0, expected 1 to 100"), (#""checked": NaN"#, "checked: expected a whole number"),
    (#""checked": "x""#, "checked: expected a whole number"),
    (#""checked": 7, "plain": 0.5, "other": 1.5"#, "plain is 0.5, expected a whole number"),
    (#""checked": 7, "plain": true"#, "plain: expected a whole number"), (#""checked": 101"#, "checked is 101"),
  ])
  func numbersThatDoNotFit(_ fields: String, _ what: String) throws {
    let folder = try TemporaryFolder()
    let url = try folder.write("config.json", "// by hand\n{\"a\": -Infinity, \(fields),}".utf8)
    #expect {
      _ = try readConfiguration(Sizes.self, at: url)
    } throws: { "\($0)".contains(what) && !"\($0)".contains("valid JSON") }
  }

  @Test func faultsSayWhere() throws {
    do {
      _ = try value("{\n\"a\": 1,\n\"b\": oops\n}")
      Issue.record("taken")
    } catch let error as ConfigurationError {
      #expect(error.description.contains("line 3"))
    }
  }

  /// Brackets cost a stack frame each: their number is limited.
  @Test func deepNestingIsRefused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let text = String(repeating: open, count: 100_000) + "1" + String(repeating: close, count: 100_000)
      #expect(throws: ConfigurationError.self) { try value(text) }
    }
  }
}
