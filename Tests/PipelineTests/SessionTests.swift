import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Testing

@Suite struct SessionTests {
  private static let prompts = ["a red fox in snow", "an owl"]

  /// Two sessions of one model on two threads draw what each draws alone.
  @Test func sessionsShareAModel() throws {
    let model = try TextToImage(MicroModel.folder(), backend: Backend(precision: .f32, threads: 2))
    let alone = try Self.prompts.map { try model.draw([MicroModel.request($0)])[0].picture }
    #expect(alone[0] != alone[1])
    let wrong = try onThreads(2) { thread in
      let session = try model.makeSession()
      return try (0..<4).reduce(0) { wrong, _ in
        try wrong + (session.draw([MicroModel.request(Self.prompts[thread])])[0].picture == alone[thread] ? 0 : 1)
      }
    }
    #expect(wrong == [0, 0])
  }

  @Test func eventsComeInOrder() throws {
    let session = try MicroModel.session()
    let requests = try [MicroModel.request(), MicroModel.request("an owl", seed: 2)]
    var names: [String] = []
    var last: [Latents] = []
    let drawn = try session.draw(requests, recordingAttention: true) { event in
      switch event {
      case .predictedOriginal(let step, let latents):
        names.append("original \(step)")
        #expect(latents.count == 2 && latents[0].shape == session.model.latentShape(requests[0].size))
        last = latents
      case .step(let step, let steps): names.append("step \(step)/\(steps)")
      case .attention(let block, let maps):
        names.append("attention \(block)")
        let row = maps[1].values.prefix(maps[1].tokens).reduce(0, +)
        #expect(maps.count == 2 && maps[1].patches == 16 && abs(row - 1) < 1e-4)
      case .decoding: names.append("decoding")
      case .finished(let pictures):
        names.append("finished")
        #expect(pictures.map(\.picture).count == 2)
      }
    }
    let steps = (1...4).flatMap { ["original \($0)", "step \($0)/4"] }
    #expect(names == steps + ["attention 0", "attention 1", "decoding", "finished"])
    // The last foreseen picture is what DPM-Solver ends with.
    #expect(last.map(\.values) == drawn.map(\.latents.values))
    #expect(try session.model.picture(of: drawn[1].latents) == drawn[1].picture)
  }

  /// A probe is asked after every block of both networks and every level of the decoder, and what it throws ends the work.
  @Test func probesStopADrawing() throws {
    struct Stop: Error {}
    let session = try MicroModel.session()
    var points: [ProbePoint] = []
    try session.draw([MicroModel.request()], probe: { point, _ in points.append(point) })
    #expect(points.filter { $0.stage == .text && $0.name.hasSuffix("_after_attention") }.count == 2 * 2)
    for block in 0..<2 {
      #expect(points.filter { $0 == .textBlock(block) }.count == 2)  // the prompt, and the empty text
      #expect(points.filter { $0 == .block(block) }.count == 4)  // a step each
    }
    for level in 0..<4 { #expect(points.filter { $0 == .up(level) }.count == 1) }
    for (index, stop) in [ProbePoint.textBlock(0), .block(1), .up(2)].enumerated() {
      let session = try MicroModel.session()
      var seen: [ProbePoint] = []
      #expect(throws: Stop.self) {
        try session.draw([MicroModel.request()], probe: { point, _ in
          seen.append(point)
          if point == stop { throw Stop() }
        })
      }
      #expect(seen == Array(points.prefix(through: try #require(points.firstIndex(of: stop)))), "\(index)")
    }
  }

  @Test func requestsThatDoNotBelongTogetherAreRefused() throws {
    let session = try MicroModel.session()
    var other = try MicroModel.request()
    other.steps += 1
    #expect(throws: RequestError.self) { try session.draw([MicroModel.request(), other]) }
  }
}
