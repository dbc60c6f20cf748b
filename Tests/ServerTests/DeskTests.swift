import DiTImage
import DiTModels
import DiTServer
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// The queue: what is drawn together, what a client sees of it, and what becomes of it when it goes.
@Suite struct DeskTests {
  private static func pictures(_ order: DeskOrder) async throws -> [DeskPicture] {
    var pictures: [DeskPicture] = []
    for try await event in order.events {
      if case .picture(let picture) = event { pictures.append(picture) }
    }
    return pictures.sorted { $0.index < $1.index }
  }

  /// Of a picture that takes longer than a test does, or a busy machine lets it wait.
  private static var longFields: PictureFields {
    var fields = MicroServer.fields("a long one", steps: 250)
    fields.size = "512"
    return fields
  }

  /// A picture may be there a moment before the desk has put its things away.
  private static func becomesIdle(_ desk: DrawingDesk) async -> Bool {
    for _ in 0..<1000 where await !desk.isIdle { try? await Task.sleep(for: .milliseconds(5)) }
    return await desk.queueLength == (waiting: 0, drawing: 0)
  }

  /// Still there, and drawn for.
  private static func clientThatSawAStep(of order: DeskOrder) async -> Task<Void, any Error> {
    let (steps, seen) = AsyncStream.makeStream(of: Void.self)
    let client = Task {
      defer { seen.finish() }
      for try await event in order.events { if case .step = event { seen.yield() } }
    }
    for await _ in steps { break }
    return client
  }

  @Test func picturesAreThoseOfASession() async throws {
    let desk = try MicroServer.desk()
    let orders = [
      try await desk.submit(MicroServer.fields("a fox", seed: 5, count: 3)),
      try await desk.submit(MicroServer.fields("an owl", seed: 9)),
      try await desk.submit(MicroServer.fields("an owl", seed: 9, steps: 5)),
    ]
    let session = try TextToImage(MicroModel.folder(), backend: Backend(precision: .f32, threads: 1)).makeSession()
    for order in orders {
      let drawn = try await Self.pictures(order)
      #expect(drawn.map(\.request) == order.requests)
      for picture in drawn {
        #expect(try picture.picture == session.draw([picture.request])[0].picture)
        #expect(try PictureContents(picture.png)["parameters"] == picture.parameters.text)
      }
    }
    #expect(await desk.counts == DeskCounts(asked: 5, drawn: 5, cancelled: 0, refused: 0))
    #expect(await Self.becomesIdle(desk))
  }

  @Test func tellsPlaceStepsPreviewsAndWords() async throws {
    let desk = try MicroServer.desk()
    let first = try await desk.submit(Self.longFields)
    var fields = MicroServer.fields("a fox", steps: 6)
    (fields.previews, fields.attention) = (3, true)
    let second = try await desk.submit(fields)
    await Self.clientThatSawAStep(of: first).cancel()
    var names: [String] = []
    var steps: [Int] = []
    for try await event in second.events {
      switch event {
      case .queued(let ahead): names.append("queued \(ahead)")
      case .step(_, let step, let all, _):
        #expect(all == 6)
        steps.append(step)
      case .preview(_, let step, let picture):
        #expect((1...6).contains(step) && picture.width == second.requests[0].size.width)
      case .picture(let picture):
        names.append("picture")
        #expect(picture.attention?.words.map(\.text) == ["a", "fox"])
      }
    }
    #expect(names.first == "queued 1" && names.last == "picture")
    // Where the machine is busy, some are left out.
    #expect(steps.last == 6 && steps == steps.sorted())
  }

  @Test func aClientThatGoesFreesItsPlace() async throws {
    let desk = try MicroServer.desk()
    let long = try await desk.submit(Self.longFields)
    let waiting = try await desk.submit(MicroServer.fields("never drawn", count: 4, steps: 249))
    let last = try await desk.submit(MicroServer.fields("an owl"))
    let patient = Task { try await Self.pictures(waiting) }
    let client = await Self.clientThatSawAStep(of: long)
    patient.cancel()
    client.cancel()
    #expect(try await Self.pictures(last).count == 1)
    let counts = await desk.counts
    #expect(counts.drawn == 1 && counts.cancelled == 5)
    #expect(await Self.becomesIdle(desk))
  }

  /// Whoever goes hears of no error: what an interrupted request was given until then is its answer.
  @Test func goingIsNoError() async throws {
    let desk = try MicroServer.desk()
    for _ in 0..<300 {
      let client = await Self.clientThatSawAStep(of: try await desk.submit(MicroServer.fields(steps: 250)))
      client.cancel()
      try await client.value
    }
  }

  /// Of two pictures that are drawn together one client may go: the other's is drawn, and is the same.
  @Test func whoIsDrawnWithAnotherStays() async throws {
    let desk = try MicroServer.desk()
    let blocker = try await desk.submit(MicroServer.fields("first", steps: 60))
    let going = try await desk.submit(MicroServer.fields("going", steps: 100))
    let staying = try await desk.submit(MicroServer.fields("staying", steps: 100))
    _ = try await Self.pictures(blocker)
    await Self.clientThatSawAStep(of: going).cancel()
    let drawn = try await Self.pictures(staying)
    let session = try TextToImage(MicroModel.folder(), backend: Backend(precision: .f32, threads: 1)).makeSession()
    #expect(try drawn.first?.picture == session.draw(staying.requests)[0].picture)
  }

  @Test func aFullQueueSaysWhenToComeBack() async throws {
    let desk = try MicroServer.desk(room: 2)
    let client = await Self.clientThatSawAStep(of: try desk.submit(Self.longFields))
    let waiting = try await desk.submit(MicroServer.fields(count: 2))
    let error = await #expect(throws: DeskError.self) { _ = try await desk.submit(MicroServer.fields()) }
    guard case .full(let seconds) = error else { return #expect(Bool(false), "not full") }
    #expect(seconds >= 1)
    client.cancel()
    #expect(try await Self.pictures(waiting).count == 2)
    #expect(await desk.counts.refused == 1)
  }

  @Test func aClosedDeskDrawsWhatItHas() async throws {
    let desk = try MicroServer.desk()
    let order = try await desk.submit(MicroServer.fields(count: 2))
    await desk.close()
    await #expect(throws: DeskError.closed) { _ = try await desk.submit(MicroServer.fields()) }
    #expect(try await Self.pictures(order).count == 2)
    let desk2 = try MicroServer.desk()
    let cut = try await desk2.submit(MicroServer.fields(steps: 250))
    await desk2.cancelAll()
    await #expect(throws: DeskError.closed) { _ = try await Self.pictures(cut) }
  }

  /// A limit that is always passed keeps one model; the one that was asked for last.
  @Test func theLeastUsedModelIsGivenBack() async throws {
    let first = try MicroModel.folder()
    let second = first.url.deletingLastPathComponent().appendingPathComponent("other-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: first.url, to: second)
    defer { try? FileManager.default.removeItem(at: second) }
    for (memory, kept) in [(nil, 2), (32 << 20, 1)] {
      let shelf = try ModelShelf(
        [first, ModelFolder(second)], backend: Backend(precision: .f32, threads: 1), memory: memory)
      let desk = DrawingDesk(shelf)
      var fields = MicroServer.fields()
      var drawn: [Picture] = []
      for name in [nil, second.lastPathComponent, nil] {
        fields.model = name
        drawn += try await Self.pictures(desk.submit(fields)).map(\.picture)
      }
      #expect(drawn.count == 3 && Set(drawn.map(\.pixels)).count == 1)
      #expect(await shelf.inMemory == [second.lastPathComponent, first.name].suffix(kept))
    }
    #expect(throws: ModelShelfError.sameName(first.name)) {
      try ModelShelf([first, first], backend: Backend(precision: .f32, threads: 1))
    }
  }

  @Test func aModelThatDoesNotFitIsRefused() async throws {
    let desk = try MicroServer.desk(memory: 1000)
    let order = try await desk.submit(MicroServer.fields())
    await #expect(throws: ModelShelfError.self) { _ = try await Self.pictures(order) }
  }
}

/// Fields of a request that make no picture.
@Suite struct FieldTests {
  @Test(arguments: [
    (#"{"prmpt": "x"}"#, "prmpt: there is no such field; prompt?"),
    (#"{"prompt": 3}"#, "prompt: expected a text"),
    (#"{"steps": 1.5}"#, #"steps "1.5": expected a whole number"#),
    (#"{"steps": 2.0}"#, nil), (#"{"steps": "4"}"#, "steps: expected"),
    (#"{"steps": 251}"#, "steps 251: expected 1 to 250"),
    (#"{"count": 0}"#, "count 0: expected 1 to 16"),
    (#"{"size": "large"}"#, #"size "large": expected "320x192" or "256", in pixels"#),
    (#"{"size": "99999999999999999999"}"#, "size"),
    (#"{"size": "640x64", "scale": 4}"#, nil),
    (#"{"scale": 5}"#, "5 times as large: expected 1 to 4"), (#"{"scale": 9223372036854775807}"#, "expected 1 to 4"),
    (#"{"scale": -9223372036854775808}"#, "expected 1 to 4"),
    (#"{"size": "1024x1024", "scale": 4}"#, "size 4096x4096: more than the 4194304 pixels that this server draws"),
    (#"{"seed": -2}"#, "seed -2: expected 0 to 4294967295, or -1 for one by chance"),
    (#"{"seed": -1}"#, nil), (#"{"seed": 9223372036854775807}"#, nil), (#"{"class": 2}"#, nil), (#"{"class": ""}"#, nil),
    (#"{"class": 99999}"#, "class"), (#"{"guidance": 1e300}"#, "guidance"),
    (#"{"mask": "aGFsbG8="}"#, "mask needs an image"), (#"{"strength": 0.5}"#, "strength needs an image"),
    (#"{"image": "aGFsbG8="}"#, "not a picture"), (#"{"image": "!"}"#, "image: not base64"),
    (#"{"image": "data:image/png,x"}"#, "image: not base64"),
    (#"{"prompt": "<lora:fox:0.5> a fox"}"#, #"LoRA "fox": not on this server"#),
    (#"{"previews": 51}"#, "previews 51: expected 0 to 50"), (#"{"sampler": "nix"}"#, "nix"),
    (#"{"fast": true}"#, "fast: micro has no adapter for few steps"), (#"{"fast": false}"#, nil), (#"{"fast": 1}"#, "fast"),
  ])
  func eachIsNamed(json: String, expected: String?) throws {
    let limits = OrderLimits()
    let folder = try MicroModel.folder()
    let result = Result {
      try JSONDecoder().decode(PictureFields.self, from: Data(json.utf8)).requests(for: folder, limits: limits)
    }
    guard let expected else {
      #expect(try result.get().count == 1)
      return
    }
    let error = #expect(throws: (any Error).self) { try result.get() }
    let refused = try #require(error.flatMap { RefusedRequest($0) })
    #expect(refused.message.contains(expected) && !refused.message.contains("\n"), "\(refused.message)")
    #expect(refused.status == .badRequest)
  }

  @Test func seedsCountUp() throws {
    var fields = MicroServer.fields(seed: 0xFFFF_FFFF, count: 3)
    fields.classText = .name("none")
    let requests = try fields.requests(for: MicroModel.folder(), limits: OrderLimits())
    #expect(requests.map(\.seed) == [0xFFFF_FFFF, 0, 1])
    #expect(requests.allSatisfy { $0.classIndex == nil && $0.prompt == "a red fox" })
  }

  @Test func aPictureToStartFromGivesTheSize() throws {
    let picture = try Picture(width: 96, height: 64, pixels: [UInt8](repeating: 90, count: 96 * 64 * 3))
    let png = Data(try picture.encoded()).base64EncodedString()
    var fields = MicroServer.fields()
    fields.image = .text("data:image/png;base64," + png)
    var request = try fields.requests(for: MicroModel.folder(), limits: OrderLimits())[0]
    #expect(request.size == PictureSize(width: 96, height: 64) && request.strength == 0.6)
    (fields.mask, fields.size) = (.text(png), "64")
    request = try fields.requests(for: MicroModel.folder(), limits: OrderLimits())[0]
    #expect(request.size == PictureSize(width: 64, height: 64) && request.strength == 1)
  }
}
