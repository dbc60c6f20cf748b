import DiTServer
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Synchronization
import Testing

/// Who is let in, and what everybody is told.
@Suite struct SafetyTests {
  private static func client(_ change: (inout Safety) -> Void = { _ in }) throws -> TestClient {
    var safety = Safety()
    change(&safety)
    let router = Router(context: ServerContext.self)
    let table = safety.stand(
      before: router, page: Array("<html><style>p{}</style><script>run()</script></html>".utf8),
      description: try APIDescription(version: "0"),
      logger: Logger(label: "") { _ in LogLines(.logfmt, level: .critical) { _ in } }, metrics: Metrics())
    router.get("/") { _, _ in Response(status: .ok, headers: [.contentType: "text/html"]) }
    router.get("/api/models") { _, _ in "models" }
    router.get("/health") { _, _ in "well" }
    router.post("/api/pictures") { request, _ in String(buffer: try await request.body.collect(upTo: 1 << 30)) }
    router.post("/api/failing") { _, _ -> String in throw CocoaError(.fileNoSuchFile) }
    table.fill(from: router)
    return TestClient(router)
  }

  @Test(arguments: [
    ("127.0.0.1", 200), ("localhost:1234", 200), ("LOCALHOST", 200), ("localhost.", 200), ("a.localhost", 200), ("[::1]:80", 200),
    ("127.1.2.3", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421), ("2130706433", 421),
    ("127.1", 421), ("0x7f.0.0.1", 421), ("[::ffff:7f00:1]", 421), ("localhostx", 421), ("", 400), ("a b", 400),
    ("localhost:", 400), ("localhost:99999", 400),
    ("[::1", 400), ("[::1\u{0}.evil.example]", 400), ("user@localhost", 400), ("localhost:80:80", 400),
    ("pictures.example:99", 200),
  ])
  func hosts(host: String, status: Int) async throws {
    let client = try Self.client { $0.allowedHosts = ["pictures.example"] }
    #expect(try await client.ask(.get, "/api/models", host: host).status == status)
  }

  @Test func noHost() async throws {
    #expect(try await Self.client().ask(.get, "/api/models", host: nil).status == 400)
  }

  /// Whoever listens where others come from has any address as a host, but no other's name.
  @Test func hostsOfAPublicServer() async throws {
    let client = try Self.client { $0.host = "0.0.0.0" }
    for (host, status) in [("192.0.2.7:80", 200), ("[2001:db8::1]", 200), ("localhost", 200), ("evil.example", 421)] {
      #expect(try await client.ask(.get, "/api/models", host: host).status == status, "\(host)")
    }
  }

  @Test(arguments: [
    ([("Origin", "http://127.0.0.1:7860")], 200), ([("Origin", "https://127.0.0.1:7860")], 200),
    ([("Sec-Fetch-Site", "same-origin")], 200),
    ([("Sec-Fetch-Site", "none")], 200), ([("Origin", "http://127.0.0.1")], 403), ([("Origin", "http://localhost:7860")], 403),
    ([("Origin", "null")], 403), ([("Origin", "")], 403), ([("Origin", "http://evil.example")], 403),
    ([("Sec-Fetch-Site", "cross-site")], 403),
    ([("Sec-Fetch-Site", "same-site")], 403), ([("Origin", "http://127.0.0.1:7860.evil.example")], 403),
    ([("Origin", "http://127.0.0.1:7860"), ("Origin", "http://evil.example")], 403), ([("Origin", "http://127.0.0.1:7860/x")], 403),
  ])
  func origins(headers: [(String, String)], status: Int) async throws {
    let client = try Self.client()
    #expect(try await client.ask(.get, "/api/models", headers).status == status)
    let json = headers + [("Content-Type", "application/json")]
    #expect(try await client.ask(.post, "/api/pictures", json, body: "{}").status == status)
    #expect(try await client.ask(.get, "/", headers).status == 200, "a link to the page works from everywhere")
  }

  @Test func allowedOrigin() async throws {
    let client = try Self.client {
      $0.allowedOrigins = ["https://paint.example"]
      $0.apiKey = try? APIKey("secret")
    }
    let origin = ("Origin", "https://paint.example")
    let preflight = try await client.ask(
      .options, "/api/pictures",
      [origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Private-Network", "true")])
    #expect(preflight.status == 204)
    #expect(preflight.headers[.accessControlAllowOrigin] == "https://paint.example")
    #expect(preflight.headers[.accessControlAllowHeaders]?.contains("Authorization") == true)
    #expect(preflight.headers[HTTPField.Name("Access-Control-Allow-Private-Network")!] == "true")
    #expect(preflight.headers[.vary]?.hasPrefix("Origin") == true)
    let answer = try await client.ask(.get, "/api/models", [origin, ("X-API-Key", "secret"), ("Sec-Fetch-Site", "cross-site")])
    #expect(answer.status == 200 && answer.headers[.accessControlAllowOrigin] == "https://paint.example")
    #expect(answer.headers[.vary] == "Origin" && answer.headers[.crossOriginResourcePolicy] == "cross-origin")
    let refused = try await client.ask(.get, "/api/models", [origin])
    #expect(refused.status == 401 && refused.headers[.accessControlAllowOrigin] != nil, "a site may read why it is refused")
    let other = try await client.ask(.get, "/api/models", [("Origin", "https://paint.example.evil"), ("X-API-Key", "secret")])
    #expect(other.status == 403 && other.headers[.accessControlAllowOrigin] == nil && other.headers[.vary] == "Origin")
    let own = try await client.ask(.get, "/api/models", [("X-API-Key", "secret")])
    #expect(own.status == 200 && own.headers[.accessControlAllowOrigin] == nil && own.headers[.vary] == "Origin")
  }

  @Test func originsAsOptions() {
    let texts = [
      "https://Paint.Example", "http://a:80", "https://a:8443", "https://[::1]:443", "a.example", "https://a/", "null", "*",
      "ftp://a",
    ]
    let read = texts.map { AllowedOrigin.read($0) }
    #expect(read == ["https://paint.example", "http://a", "https://a:8443", "https://[::1]", nil, nil, nil, nil, nil])
  }

  @Test(arguments: [
    ([], 401), ([("Authorization", "Bearer secret")], 200), ([("Authorization", "bearer secret")], 200),
    ([("X-API-Key", "secret")], 200),
    ([("Authorization", "Basic " + Data("me:secret".utf8).base64EncodedString())], 200),
    ([("Authorization", "Basic " + Data("secret".utf8).base64EncodedString())], 401), ([("Authorization", "Bearer secre")], 401),
    ([("Authorization", "Bearer secrets")], 401), ([("Authorization", "Bearer")], 401), ([("Authorization", "secret")], 401),
    ([("X-API-Key", "")], 401), ([("X-API-Key", "Secret")], 401), ([("Authorization", "Basic ===")], 401),
  ])
  func keys(headers: [(String, String)], status: Int) async throws {
    let client = try Self.client { $0.apiKey = try? APIKey("secret") }
    let answer = try await client.ask(.get, "/api/models", headers)
    #expect(answer.status == status)
    #expect(answer.headers[values: .wwwAuthenticate].isEmpty == (status == 200))
    #expect(try await client.ask(.get, "/", headers).status == 200)
    #expect(try await client.ask(.get, "/health", headers).status == 200)
  }

  @Test func keysThatCannotBe() throws {
    for key in ["", "a b", "ä", "a\nb", String(repeating: "a", count: 2000)] {
      #expect(throws: APIKeyError.self) { try APIKey(key) }
    }
    var safety = Safety()
    for (host, isPrivate) in [
      ("127.0.0.1", true), ("localhost", true), ("::1", true), ("0.0.0.0", false), ("::", false), ("192.0.2.1", false),
    ] {
      safety.host = host
      #expect(((try? safety.check()) != nil) == isPrivate, "\(host)")
    }
    safety.apiKey = try APIKey("secret")
    try safety.check()
  }

  @Test func headers() async throws {
    let client = try Self.client()
    let page = try await client.ask(.get, "/")
    let policy = try #require(page.headers[.contentSecurityPolicy])
    #expect(policy.contains("script-src 'sha256-\(ScriptHash.run)'") && policy.contains("style-src 'sha256-"))
    #expect(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"))
    for answer in [page, try await client.ask(.get, "/api/models"), try await client.ask(.get, "/x")] {
      #expect(answer.headers[.xContentTypeOptions] == "nosniff" && answer.headers[.cacheControl] == "no-store")
      #expect(answer.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
      #expect(answer.headers[.crossOriginResourcePolicy] == "same-origin")
    }
  }

  @Test func requestIDs() async throws {
    let client = try Self.client()
    let id = HTTPField.Name("X-Request-Id")!
    let long = String(repeating: "a", count: 65)
    for (sent, isKept) in [("abc-1.2_3:4", true), (long, false), ("a b", false), ("ä", false), ("", false)] {
      let answer = try await client.ask(.get, "/api/models", [("X-Request-Id", sent)])
      #expect(answer.headers[id] == (isKept ? sent : "0123"), "\(sent)")
    }
  }

  @Test(arguments: [
    (HTTPRequest.Method.get, "/nothing", 404), (.get, "/api/../etc", 404), (.post, "/", 405), (.delete, "/api/pictures", 405),
    (.get, "/api/pictures", 405),
    (HTTPRequest.Method("BREW")!, "/api/models", 405), (.post, "/api/failing", 500),
  ])
  func errorsAreJSON(method: HTTPRequest.Method, path: String, status: Int) async throws {
    let answer = try await Self.client().ask(method, path)
    #expect(answer.status == status)
    struct Body: Decodable {
      struct Fields: Decodable { let message, type: String }
      let error: Fields
    }
    let error = try JSONDecoder().decode(Body.self, from: Data(answer.body.utf8)).error
    #expect(!error.message.isEmpty && !error.message.contains("Cocoa"))
    #expect((answer.headers[.allow] != nil) == (status == 405))
  }

  @Test func bodies() async throws {
    let client = try Self.client { ($0.limits.bodyBytes, $0.limits.heldBytes) = (100, 1000) }
    func status(_ body: String, _ headers: [(String, String)]) async throws -> Int {
      try await client.ask(.post, "/api/pictures", headers, body: body).status
    }
    let json = ("Content-Type", "application/json")
    #expect(try await status("{}", [json]) == 200)
    #expect(try await status("{}", [("Content-Type", "Application/JSON ; charset=utf-8")]) == 200)
    for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"] {
      #expect(try await status("{}", [("Content-Type", type)]) == 415, "\(type)")
    }
    #expect(try await status("{}", []) == 415)
    #expect(try await status(String(repeating: "a", count: 101), [json]) == 413)
    #expect(try await status("{}", [json, ("Content-Length", "101")]) == 413)
    #expect(try await status("{}", [json, ("Expect", "200-ok")]) == 417)
    #expect(try await status("{}", [json, ("Expect", "100-Continue")]) == 200)
  }

  /// What one holds another cannot have.
  @Test func heldBodies() async throws {
    let client = try Self.client { $0.limits.heldBytes = 10 }
    let json = [("Content-Type", "application/json")]
    let answer = try await client.ask(.post, "/api/pictures", json, body: "12345678901")
    #expect(answer.status == 429 && answer.headers[.retryAfter] != nil)
    for _ in 0..<3 {
      #expect(try await client.ask(.post, "/api/pictures", json, body: "1234567890").status == 200)
    }
  }
}

/// printf 'run()' | openssl dgst -sha256 -binary | base64
private enum ScriptHash { static let run = "AvyuiL0SD1mVY3NNxR+V2uo+lhk6RMFrytWmRt6CrJQ=" }
