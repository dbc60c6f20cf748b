import DiTServer
import DiTTestSupport
import DiTTextToImage
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Synchronization
import Testing

/// What whoever runs a server looks at.
@Suite struct OperationsTests {
  private static func server(_ change: (inout ServerOptions) -> Void = { _ in }) throws -> Server {
    var options = ServerOptions()
    options.models = [try MicroModel.folder().url.path]
    change(&options)
    return try Server(options, logger: Logger(label: "") { _ in LogLines(.logfmt, level: .critical) { _ in } })
  }

  /// Both ways: what is described is there, and what is there is described.
  @Test func descriptionIsOfTheRoutes() throws {
    let routes = try Self.server().makeRouter().routes.map { "\($0.method.rawValue) \($0.path)" }
    let described = try APIDescription(version: "1.2.3").operations.keys.map { "\($0.method) \($0.path)" }
    #expect(Set(routes) == Set(described))
    #expect(routes.count == described.count)
  }

  @Test func descriptionIsSent() async throws {
    let answer = try await TestClient(Self.server().makeRouter()).ask(.get, "/openapi.json")
    let document = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    #expect(document["openapi"] as? String == "3.1.0")
    #expect((document["info"] as? [String: Any])?["version"] as? String == programVersion)
  }

  @Test func health() async throws {
    let server = try Self.server { $0.safety.apiKey = try? APIKey("secret") }
    let client = TestClient(try server.makeRouter())
    #expect(try await client.ask(.get, "/health").body == "{\"status\":\"ok\"}")
    let known = try await client.ask(.get, "/health", [("X-API-Key", "secret")])
    let health = try #require(try JSONSerialization.jsonObject(with: Data(known.body.utf8)) as? [String: Any])
    #expect(health["version"] as? String == programVersion && health["queue"] as? [String: Int] == ["waiting": 0, "drawing": 0])
    #expect((health["models"] as? [[String: Any]])?.first?["loaded"] as? Bool == false)
    await server.desk.close()
    let closing = try await client.ask(.get, "/health")
    #expect(closing.status == 503 && closing.body == "{\"status\":\"closing\"}")
  }

  @Test func metrics() async throws {
    let server = try Self.server()
    let client = TestClient(try server.makeRouter())
    for path in ["/api/queue", "/api/queue", "/nothing/of-this-name", "/health"] { _ = try await client.ask(.get, path) }
    for try await _ in try await server.desk.submit(MicroServer.fields(count: 2)).events {}
    let text = try await client.ask(.get, "/metrics").body
    for line in [
      "dit_t2i_requests_total{method=\"GET\",route=\"/api/queue\",status=\"200\"} 2",
      "dit_t2i_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1", "dit_t2i_pictures_total 2",
      "dit_t2i_models_loaded 1",
      "dit_t2i_picture_seconds_count{model=\"micro\"} 2", "dit_t2i_request_seconds_bucket{route=\"/api/queue\",le=\"+Inf\"} 2",
      "dit_t2i_build_info{version=\"\(programVersion)\"} 1", "# TYPE dit_t2i_pictures_total counter",
      "# TYPE dit_t2i_request_seconds histogram",
    ] {
      #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
    }
    #expect(!text.contains("of-this-name"))
    // The text format: comments, and lines of a name, labels and a number; families in one piece.
    var families: [Substring] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        #expect(line.firstMatch(of: /^# (HELP [a-z_0-9]+ .+|TYPE [a-z_0-9]+ (counter|gauge|histogram))$/) != nil, "\(line)")
        if line.hasPrefix("# TYPE ") { families.append(line.split(separator: " ")[2]) }
      } else {
        let match = try #require(line.firstMatch(of: /^([a-z_0-9]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.e]+$/), "\(line)")
        #expect(match.1.hasPrefix(families.last ?? "?"))
      }
    }
    #expect(Set(families).count == families.count)
  }

  @Test func histogramsAddUp() async {
    let metrics = Metrics()
    let family = Metrics.Family.pictureSeconds
    for seconds in [0.05, 0.1, 0.3, 1000] { metrics.observe(family, ["model": "a\"b\\c"], seconds: seconds) }
    let text = await metrics.text()
    for (bound, count) in [("0.1", 2), ("0.25", 2), ("0.5", 3), ("600", 3), ("+Inf", 4)] {
      #expect(text.contains("dit_t2i_picture_seconds_bucket{model=\"a\\\"b\\\\c\",le=\"\(bound)\"} \(count)\n"))
    }
    #expect(text.contains("dit_t2i_picture_seconds_sum{model=\"a\\\"b\\\\c\"} 1000.45\n"))
  }

  @Test func logLines() throws {
    let lines = Mutex<[String]>([])
    func line(_ format: LogLines.Format) throws -> String {
      var logger = Logger(label: "") { _ in LogLines(format, level: .info) { line in lines.withLock { $0.append(line) } } }
      logger[metadataKey: "hb.request.id"] = "abc"
      logger.debug("not this")
      logger.info("a \"line\"\nand another", metadata: ["status": "200", "path": "/a\u{1B}[2J b", "ms": "1.5"])
      return try #require(lines.withLock { $0.popLast() })
    }
    let plain = try line(.logfmt)
    #expect(plain.hasPrefix("time=20") && plain.filter(\.isNewline).count == 1)
    #expect(plain.hasSuffix(#"path="/a\u001b[2J b" status=200 ms=1.5 request=abc"# + "\n"))
    #expect(plain.contains(#"level=info message="a \"line\"\nand another" "#))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(line(.json).utf8)) as? [String: Any])
    #expect(json["message"] as? String == "a \"line\"\nand another" && json["path"] as? String == "/a\u{1B}[2J b")
    #expect(json["ms"] as? Double == 1.5 && json["request"] as? String == "abc")
    #expect(lines.withLock { $0.isEmpty })
  }
}
