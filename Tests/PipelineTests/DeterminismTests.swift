import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// A seed gives the same bytes with any number of threads and in any company.
@Suite struct DeterminismTests {
  private static func model(_ precision: Precision, threads: Int) throws -> TextToImage {
    let folder = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small"))
    return try TextToImage(folder, backend: Backend(.native, precision: precision, threads: threads))
  }

  /// Three pictures that differ in everything that pictures drawn together may differ in.
  private static let requests = [("a red fox in snow", 1), ("an owl", nil), ("", 12)].enumerated().map { index, what in
    var request = GenerationRequest(size: PictureSize(width: 96, height: 64))
    request.prompt = what.0
    request.classIndex = what.1
    request.seed = UInt64(index + 5)
    request.steps = 3
    return request
  }

  @Test(arguments: [Precision.f32, .bf16, .int8])
  func threadsDoNotMatter(_ precision: Precision) throws {
    let expected = try Self.model(precision, threads: 1).draw(Self.requests).map(\.picture.pixels)
    #expect(Set(expected).count == 3)
    for threads in [2, 4] {
      let drawn = try Self.model(precision, threads: threads).draw(Self.requests).map(\.picture.pixels)
      #expect(drawn == expected, "\(threads) threads")
    }
  }

  @Test(arguments: [Precision.f32, .bf16, .int8])
  func companyDoesNotMatter(_ precision: Precision) throws {
    let model = try Self.model(precision, threads: 2)
    let together = try model.draw(Self.requests).map(\.picture.pixels)
    for (request, expected) in zip(Self.requests, together) {
      #expect(try model.draw([request])[0].picture.pixels == expected, "\"\(request.prompt)\" alone")
    }
    #expect(try model.draw(Array(Self.requests.reversed())).map(\.picture.pixels) == together.reversed())
  }
}
