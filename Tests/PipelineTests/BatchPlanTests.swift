import DiTBatch
import DiTModels
import DiTTextToImage
import Testing

@Suite struct BatchPlanTests {
  private func request(_ side: Int, _ prompt: String = "", steps: Int = 25) -> GenerationRequest {
    var request = GenerationRequest(size: PictureSize(width: side, height: side))
    request.prompt = prompt
    request.seed = UInt64(prompt.count)
    request.steps = steps
    return request
  }

  private func batches(_ requests: [GenerationRequest]) -> [[Int]] {
    RequestGroups.batches(requests) { $0.size.width * $0.size.height / 256 }
  }

  @Test func likeIsDrawnWithLikeInTheOrderOfTheFile() {
    let requests = [
      request(128, "a"), request(64, "b"), request(128, "cc"), request(128, "d", steps: 4), request(64, ""),
      request(512), request(512),
    ]
    #expect(batches(requests) == [[0, 2], [1, 4], [3], [5], [6]])
    #expect(batches([]).isEmpty)
  }

  @Test func batchesAreEvenAndComplete() {
    let most = RequestGroups.size(tokens: 64)
    for count in 1...40 {
      let result = batches(Array(repeating: request(128), count: count))
      #expect(result.flatMap { $0 } == Array(0..<count))
      let sizes = result.map(\.count)
      #expect((sizes.max() ?? 0) <= most && (sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
    #expect(RequestGroups.size(tokens: 100_000) == 1)
    #expect(RequestGroups.size(tokens: 1) == RequestGroups.largest)
  }

  @Test func seedsAndNamesFollowFromTheLinesAlone() {
    var wanted = request(64)
    wanted.prompt = "a fox"
    let jobs = PictureJob.jobs(
      [
        PictureOrder(line: 3, request: wanted, count: 2), PictureOrder(line: 12, request: wanted, seeds: [4_294_967_295], count: 2),
        PictureOrder(line: 12345, request: wanted), PictureOrder(line: 20000, number: 5, request: wanted),
      ], baseSeed: 100) { $0.prompt }
    #expect(jobs.map(\.request.seed) == [103, 104, 4_294_967_295, 0, 12445, 20100])
    #expect(
      jobs.map(\.file) == [
        "0003-a fox-1.png", "0003-a fox-2.png", "0012-a fox-1.png", "0012-a fox-2.png", "12345-a fox.png",
        "0005-a fox.png",
      ])
  }
}
