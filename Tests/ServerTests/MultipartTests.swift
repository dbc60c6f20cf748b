import DiTServer
import DiTTestSupport
import Foundation
import Testing

/// Bodies of the type multipart/form-data, good and odd.
@Suite struct MultipartTests {
  private static func form(_ body: String, _ boundary: String = "b") throws -> MultipartForm {
    try MultipartForm(Array(body.utf8), boundary: boundary)
  }

  private static func part(_ name: String, _ content: String, _ more: String = "") -> String {
    "--b\r\nContent-Disposition: form-data; name=\"\(name)\"\(more)\r\n\r\n\(content)\r\n"
  }

  @Test func partsInTheirOrder() throws {
    let body =
      "a preamble\r\n" + Self.part("prompt", "a red fox\r\n--bb\r\n--b x\r\n-- b")
      + Self.part("image[]", "\r\n\0\u{FFFD}", "; filename=\"a \\\"b\\\"; c.png\"\r\nContent-Type: image/png")
      + Self.part("image[]", "")
      + "--b--\r\nan epilogue\r\n--b\r\n"
    let form = try Self.form(body)
    #expect(form.parts.map(\.name) == ["prompt", "image[]", "image[]"])
    #expect(form.parts.map(\.fileName) == [nil, "a \"b\"; c.png", nil])
    #expect(try form.text("prompt") == "a red fox\r\n--bb\r\n--b x\r\n-- b")
    #expect(form.files("image", "image[]") == [Array("\r\n\0\u{FFFD}".utf8), []])
    #expect(try form.text("nothing") == nil)
    #expect(throws: RefusedRequest.self) { try form.text("image[]") }
    #expect(try Self.form("--b--").parts.isEmpty)
  }

  @Test func boundaries() throws {
    let good = [
      "multipart/form-data; boundary=b": "b", "Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"a b'\"": "a b'",
      "multipart/form-data;boundary=----WebKitFormBoundaryABC": "----WebKitFormBoundaryABC",
    ]
    for (type, boundary) in good { #expect(try MultipartForm.boundary(of: type) == boundary) }
    for (type, status) in [
      (nil, 415), ("", 415), ("application/json", 415), ("multipart/mixed; boundary=b", 415), ("multipart/form-data", 400),
      ("multipart/form-data; boundary=", 415), ("multipart/form-data; boundary=a; boundary=b", 415),
      ("multipart/form-data; boundary=\"a ", 415), ("multipart/form-data; boundary=\"a \"", 400),
      ("multipart/form-data; boundary=é", 400), ("multipart/form-data; boundary=" + String(repeating: "b", count: 71), 400),
    ] {
      let error = #expect(throws: RefusedRequest.self) { try MultipartForm.boundary(of: type) }
      #expect(error?.status.code == status, "\(type ?? "nil")")
    }
  }

  @Test(arguments: [
    "", "x", "--", "--b", "--b\r\n", "--b\r\n\r\n", "--b\r\n\r\n--b--",
    "--b\n" + "Content-Disposition: form-data; name=a\n\nx\n--b--",
    part("a", "x"), part("a", "x") + "--b", part("a", "x") + "--b-", "--c" + part("a", "x").dropFirst(3) + "--c--",
    "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "--b\r\nContent-Disposition: form-data; name=\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=\"a\nb\"\r\n\r\nx\r\n--b--",
    "--b\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nx\r\n--b--",
    part("a", "eA==", "\r\nContent-Transfer-Encoding: base64") + "--b--",
    part("a", "x", "\r\nX: " + String(repeating: "y", count: 9000)) + "--b--",
    String(repeating: part("a", "x"), count: 65) + "--b--",
  ])
  func malformed(body: String) {
    let error = #expect(throws: RefusedRequest.self) { try Self.form(body) }
    #expect(error?.status == .badRequest && error?.message.contains("\n") == false && error?.message.contains("\0") == false)
  }

  @Test func textsAreUTF8() throws {
    let bytes = Array("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8) + [0xFF, 0xFE] + Array("\r\n--b--".utf8)
    let form = try MultipartForm(bytes, boundary: "b")
    #expect(form.files("a") == [[0xFF, 0xFE]])
    #expect(throws: RefusedRequest.self) { try form.text("a") }
  }

  /// Good bodies with a few bytes changed, cut or doubled are read or refused.
  @Test func mutants() {
    let good = Array((Self.part("prompt", "a fox") + Self.part("image", "\r\n--b", "; filename=\"x\"") + "--b--\r\n").utf8)
    let alphabet = Array("\r\n-b;:=\" \\x\0".utf8) + [0x80, 0xFF]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var body = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<body.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: body[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: body.remove(at: place)
        case 2: body.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        default: body.insert(contentsOf: body[place..<min(body.count, place + 9)], at: place)
        }
      }
      do {
        let form = try MultipartForm(body, boundary: "b")
        #expect(form.parts.reduce(0) { $0 + $1.bytes.count } < body.count)
      } catch {
        #expect(error is RefusedRequest)
      }
    }
  }

  /// What nearly is a boundary, a million times, costs no more than other bytes.
  @Test(arguments: ["\r", "\r\n", "\r\n--", "\r\n--bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "\r\n--bbbb ", "-"])
  func timeIsLinear(text: String) throws {
    let boundary = String(repeating: "b", count: 32)
    let content = String(repeating: text, count: 4_000_000 / text.utf8.count)
    let body = "--\(boundary)\r\nContent-Disposition: form-data; name=a\r\n\r\n\(content)\r\n--\(boundary)--"
    let time = try processorTime {
      let form = try MultipartForm(Array(body.utf8), boundary: boundary)
      #expect(form.parts.first?.bytes.count == content.utf8.count)
    }
    #expect(time < .seconds(20))
  }
}
