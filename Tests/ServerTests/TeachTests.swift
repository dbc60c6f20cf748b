import DiTImage
import DiTServer
import DiTTensors
import DiTTestSupport
import Foundation
import Logging
import Testing

/// Teaching by requests, and prompts that have the word of what was taught.
@Suite struct TeachTests {
  private let folder: TemporaryFolder
  private let server: Server
  private let client: TestClient

  init() throws {
    folder = try TemporaryFolder()
    server = try Self.server(folder)
    client = TestClient(try server.makeRouter())
  }

  private static func server(_ folder: TemporaryFolder, teaches: Bool = true) throws -> Server {
    var options = ServerOptions()
    options.models = [try MicroModel.folder().url.path]
    (options.taughtFolder, options.teaches, options.precision, options.threads) = (folder.url, teaches, .f32, 1)
    return try Server(options, logger: Logger(label: "") { _ in LogLines(.logfmt, level: .critical) { _ in } })
  }

  /// A block of a colour on white.
  private static func block(_ color: UInt32 = 0x2040C0, side: Int = 48) throws -> [UInt8] {
    var picture = Picture(width: side, height: side, filledWith: .white)
    for y in side / 4..<side * 3 / 4 { for x in side / 3..<side * 2 / 3 { picture[x, y] = Color(color) } }
    return try picture.encoded()
  }

  private static func form(_ parts: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    var body: [UInt8] = []
    for (index, part) in parts.enumerated() {
      let file = part.name == "picture" ? "; filename=\"C:\\\\photos\\\\\(index).png\"" : ""
      body += Array("--b\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(file)\r\n\r\n".utf8) + part.bytes
      body += Array("\r\n".utf8)
    }
    return body + Array("--b--".utf8)
  }

  /// - Parameter fields: beside the word, "my block".
  private func post(
    _ fields: [String: String] = [:], _ pictures: [[UInt8]]? = nil, to client: TestClient? = nil
  ) async throws -> TestClient.Answer {
    let pictures = try pictures ?? [Self.block(), Self.block(0xE08020)]
    let texts = fields.merging(["word": "my block"]) { own, _ in own }.map { ($0.key, Array($0.value.utf8)) }
    return try await (client ?? self.client).ask(
      .post, "/v1/teach", [("Content-Type", "multipart/form-data; boundary=b")],
      bytes: Self.form(pictures.map { ("picture", $0) } + texts))
  }

  private static func object(_ answer: TestClient.Answer) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any], "\(answer.body)")
  }

  /// As it says itself, once it is so far.
  private func run(_ started: TestClient.Answer, until wanted: String) async throws -> [String: Any] {
    let id = try #require(Self.object(started)["id"] as? String, "\(started.body)")
    for _ in 0..<6000 {
      let run = try Self.object(try await client.ask(.get, "/v1/teach/\(id)"))
      let state = try #require(run["state"] as? String)
      if state == wanted { return run }
      try #require(["preparing", "learning", "drawing"].contains(state), "\(run)")
      try await Task.sleep(for: .milliseconds(20))
    }
    throw CancellationError()
  }

  private func drawn(_ prompt: String, lora: Bool? = nil) async throws -> (pixels: [UInt8], order: DeskOrder) {
    var fields = MicroServer.fields(prompt)
    fields.lora = lora
    let order = try await server.desk.submit(fields)
    for try await case .picture(let drawn) in order.events { return (drawn.picture.pixels, order) }
    throw CancellationError()
  }

  // MARK: -

  @Test func whatWasTaughtIsDrawnByItsWord() async throws {
    let (before, other) = try await (drawn("a my block in snow"), drawn("a red fox"))
    let started = try await post(["samples": "40", "caption": "a thing", "seed": "3"])
    #expect(started.status == 202 && started.headers[.location]?.hasPrefix("/v1/teach/") == true)
    let run = try await run(started, until: "done")
    #expect(run["name"] as? String == "my-block" && run["pictures"] as? Int == 2 && run["loss"] is Double)
    #expect(run["step"] as? Int == 10 && run["steps"] as? Int == 10 && run["samples"] as? Int == 40)
    #expect(folder.names == ["my-block.png", "my-block.safetensors"])
    for name in ["sheet", "curve"] {
      let picture = try await client.ask(.get, try #require(run[name] as? String))
      #expect(picture.status == 200 && picture.headers[.contentType] == "image/png" && picture.body.contains("PNG"))
    }
    let list = try Self.object(try await client.ask(.get, "/v1/teach"))
    #expect(list["enabled"] as? Bool == true && (list["jobs"] as? [Any])?.count == 1)
    #expect(list["taught"] as? [[String: String]] == [["name": "my-block", "word": "my block", "model": "micro"]])

    let after = try await drawn("My block in snow")
    #expect(after.order.requests[0].adapters.map(\.name) == ["my-block"] && after.order.requests[0].prompt == "a My block in snow")
    #expect(after.order.notes == ["\"my block\": drawn with the LoRA my-block (lora: false draws without)"])
    #expect(after.pixels != before.pixels && before.order.notes.isEmpty)
    #expect(try await drawn("a my block in snow", lora: false).pixels == before.pixels)
    #expect(try await drawn("a red fox").pixels == other.pixels)

    let json = [("Content-Type", "application/json")]
    let notes = try await client.ask(.post, "/api/notes", json, body: #"{"prompt": "my block"}"#)
    #expect(notes.body.contains("drawn with the LoRA my-block"))
    #expect(try await post().body.contains("taught before"))
  }

  @Test func aRunIsEndedAndGoesOn() async throws {
    let fields = ["name": "disc", "samples": "1000000"]
    let started = try await post(fields)
    let id = try #require(try await run(started, until: "learning")["id"] as? String)
    let second = try await post(["name": "another"])
    #expect(second.status == 409 && second.body.contains("already_teaching") && second.body.contains(id))
    _ = try await drawn("a red fox")  // meanwhile

    let ended = try Self.object(try await client.ask(.delete, "/v1/teach/\(id)"))
    #expect(ended["state"] as? String == "cancelled")
    #expect(folder.names == ["disc.teaching"])
    let learnt = try #require(ended["samples"] as? Int)
    let other = try await post(fields.merging(["seed": "1"]) { $1 })
    #expect(other.status == 409 && other.body.contains("(seed)") && other.body.contains(#""param":"anew""#), "\(other.body)")
    #expect(!other.body.contains(folder.url.path))

    let gone = try await run(try await post(fields), until: "learning")
    #expect((gone["notes"] as? [String])?.contains("goes on after \(learnt) samples") == true, "\(gone)")
    _ = try await client.ask(.delete, "/v1/teach/\(try #require(gone["id"] as? String))")
    _ = try await run(try await post(["name": "disc", "samples": "8", "anew": "true"]), until: "done")
    #expect(folder.names == ["disc.png", "disc.safetensors"])
  }

  @Test func whatIsWrongIsSaidBeforeAnythingIsWritten() async throws {
    let block = try Self.block()
    for (fields, pictures, field, text) in [
      ([:], [], "picture", "expected 1 to 100"), ([:], Array(repeating: block, count: 101), "picture", "expected 1 to 100"),
      ([:], [block, Array("no picture".utf8)], "picture", "1.png"), ([:], [block.dropLast(40)], "picture", "0.png"),
      ([:], [try Self.block(side: 12)], "picture", "0.png: 12x12 pixels"), (["word": ""], [block], "word", "Missing"),
      (["word": "!"], [block], "word", "expected a few words"), (["name": "../x"], [block], "name", "expected a name"),
      (["samples": "3"], [block], "samples", "4 to 1000000"), (["minutes": "nan"], [block], "minutes", "0.1 to 1000"),
      (["minutes": "1", "samples": "8"], [block], "minutes", "no samples"), (["model": "nowhere"], [block], "model", "nowhere"),
      (["alpha": "8"], [block], "alpha", "Unknown parameter"), (["rank": "0"], [block], "rank", "1 to 128"),
      (["rate": "nan"], [block], "rate", "1e-06 to 0.1"), (["class": "0"], [block], "class", "leave out"),
      (["class": "no such class"], [block], "class", "no such class"),
      (["caption": String(repeating: "a", count: 1001)], [block], "picture", "1000 characters"),
    ] as [([String: String], [[UInt8]], String, String)] {
      let answer = try await post(fields, pictures)
      let error = try #require(Self.object(answer)["error"] as? [String: Any])
      let message = try #require(error["message"] as? String)
      #expect([400, 404].contains(answer.status) && error["param"] as? String == field, "\(answer.body)")
      #expect(message.contains(text) && !message.contains("\n") && !message.contains(folder.url.path), "\(message)")
    }
    #expect(folder.names.isEmpty)
    #expect(await server.teaching.isIdle)
    #expect(try await client.ask(.get, "/v1/teach/gone").status == 404)
    #expect(try await client.ask(.post, "/v1/teach", [("Content-Type", "application/json")], body: "{}").status == 415)
    let foreign = try await client.ask(.delete, "/v1/teach/gone", [("Origin", "http://evil.example")])
    #expect(foreign.status == 403)
  }

  @Test func aServerThatMayNotWriteTeachesNothing() async throws {
    let client = TestClient(try Self.server(folder, teaches: false).makeRouter())
    let answer = try await post(to: client)
    #expect(answer.status == 403 && answer.body.contains("--teach"))
    #expect(try await client.ask(.get, "/v1/teach").body == #"{"enabled":false,"jobs":[],"taught":[]}"#)
  }
}
