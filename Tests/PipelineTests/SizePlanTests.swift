import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// Sizes that a model was not trained at: drawn at one that it was, then reduced, or enlarged and drawn on.
@Suite struct SizePlanTests {
  private let small: ModelFolder

  init() throws { small = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small")) }

  private func plan(_ size: String) throws -> SizePlan { small.sizePlan(for: try #require(PictureSize(size))) }

  @Test(arguments: ["256x256", "192x192", "384x384", "320x192", "272x528"])
  func trainedSizesAreDrawnAtOnce(_ size: String) throws { #expect(try plan(size) == .direct) }

  @Test(arguments: [("64x64", "192x192"), ("128x128", "192x192"), ("160x96", "256x144"), ("64x256", "144x272")])
  func smallOnesAreReduced(_ size: String, _ first: String) throws {
    #expect(try plan(size) == .reduced(from: try #require(PictureSize(first))))
  }

  @Test(arguments: [("512x512", "256x256"), ("768x768", "256x256"), ("1024x1024", "256x256"), ("768x512", "320x208")])
  func largeOnesAreRefined(_ size: String, _ first: String) throws {
    #expect(try plan(size) == .refined(from: try #require(PictureSize(first)), window: 384))
  }

  /// Whatever is asked for: what is drawn first is good.
  @Test func whatIsDrawnFirstIsGood() throws {
    for width in stride(from: 64, through: 1024, by: 32) {
      for height in stride(from: 64, through: 1024, by: 32) {
        let first = small.sizePlan(for: PictureSize(width: width, height: height)).first
        let isDirect = try first.map { small.sizePlan(for: $0) == .direct && $0.nearestLegal(step: 16) == $0 }
        #expect(isDirect ?? true, "\(width)x\(height)")
      }
    }
  }

  @Test(arguments: [(24, 24), (25, 24), (32, 24), (40, 24), (47, 24), (64, 24), (65, 8), (9, 8), (3, 8)])
  func windowsCoverTheWhole(_ length: Int, _ side: Int) {
    let layout = WindowLayout(Grid(height: length, width: 5), side: side, overlap: side / 4)
    #expect(layout.columns == [0] && layout.window.width == 5)
    #expect(layout.window.height <= side && layout.rows.first == 0 && layout.rows.last == length - layout.window.height)
    for (one, next) in zip(layout.rows, layout.rows.dropFirst()) {
      #expect(one + layout.window.height - next >= side / 4, "neighbours overlap")
    }
  }

  /// Gives back what it is asked about, and the place of a number in its window beside it.
  private final class Echo: TransformerRun {
    var attentionMaps: [Tensor]? { nil }
    func recordAttention() {}
    func predict(_ latents: Tensor, evaluation: Int, probe: Probe?) throws -> Tensor {
      try Tensor(latents.array.map { 2 * $0 }, latents.shape)
    }
  }

  /// Where all windows say the same, so does the whole, at every place.
  @Test func agreeingWindowsMakeOnePicture() throws {
    let layout = WindowLayout(Grid(height: 13, width: 9), side: 6, overlap: 2)
    #expect(layout.count > 4)
    let run = WindowedRun(Echo(), layout, patch: 2)
    let values = (0..<2 * 3 * 26 * 18).map { sin(Float($0)) }
    let output = try run.predict(Tensor(values, [2, 3, 26, 18]), evaluation: 0, probe: nil)
    #expect(output.shape == [2, 3, 26, 18])
    #expect(zip(output.array, values).allSatisfy { abs($0 - 2 * $1) < 1e-5 })
  }

  // MARK: whole drawings

  /// A model that draws well from 64 to 96 pixels a side.
  private func model(in folder: TemporaryFolder) throws -> TextToImage {
    let url = folder.file("limited")
    try FileManager.default.copyItem(at: MicroModel.folder().url, to: url)
    try Data(#"{"sizes": {"smallest": 80, "largest": 96, "aspect": 2}}"#.utf8).write(to: url.appendingPathComponent("limits.json"))
    return try TextToImage(ModelFolder(url), backend: Backend(precision: .f32, threads: 1))
  }

  private func request(_ size: PictureSize, seed: UInt64 = 1) throws -> GenerationRequest {
    var request = try MicroModel.request(seed: seed)
    (request.size, request.steps) = (size, 6)
    return request
  }

  @Test func picturesComeInTheSizeAskedFor() throws {
    let folder = try TemporaryFolder()
    let model = try model(in: folder)
    for (width, height) in [(64, 64), (192, 128), (160, 160)] {
      let request = try request(PictureSize(width: width, height: height))
      var shapes: [[Int]] = [], steps: [Int] = [], of: Set<Int> = []
      let drawn = try model.makeSession().draw([request], onEvent: {
        if case .step(let step, let all) = $0 { (steps, of) = (steps + [step], of.union([all])) }
      }, probe: { if $0 == .image { shapes.append($1.shape) } })
      #expect((drawn[0].picture.width, drawn[0].picture.height) == (width, height))
      let first = model.folder.drawnSize(of: request)
      #expect(first != request.size && shapes.first == [1, 3, first.height, first.width], "\(width)x\(height)")
      #expect(shapes.count == (width > 64 ? 2 : 1) && of.count == 1 && steps == Array(1...(of.first ?? 0)))
      var direct = request
      direct.sizing = .direct
      #expect(try model.draw([direct])[0].picture != drawn[0].picture)
    }
  }

  @Test func companyDoesNotMatter() throws {
    let folder = try TemporaryFolder()
    let model = try model(in: folder)
    let requests = try (1...3).map { try request(PictureSize(width: 160, height: 128), seed: $0) }
    let together = try model.draw(requests).map(\.picture)
    #expect(try requests.map { try model.draw([$0])[0].picture } == together)
    #expect(together[0] != together[1])
  }

  /// What a mask keeps is kept in the large picture, pixel by pixel.
  @Test func masksHold() throws {
    let folder = try TemporaryFolder()
    let model = try model(in: folder)
    let size = PictureSize(width: 160, height: 160)
    let from = try Picture(width: 160, height: 160, pixels: (0..<160 * 160 * 3).map { UInt8($0 % 251) })
    var mask = [UInt8](repeating: 0, count: 160 * 160 * 3)
    for row in 0..<80 { for index in row * 480..<(row + 1) * 480 { mask[index] = 255 } }
    try from.write(to: folder.file("from.png"))
    try Picture(width: 160, height: 160, pixels: mask).write(to: folder.file("mask.png"))
    var request = try request(size)
    request.source = try SourcePicture(folder.file("from.png"), mask: folder.file("mask.png"), size: size, step: 16)
    let drawn = try model.draw([request])[0].picture
    let (kept, anew) = (80 * 480..<160 * 480, 0..<40 * 480)
    #expect(drawn.pixels[kept].elementsEqual(from.pixels[kept]) && !drawn.pixels[anew].elementsEqual(from.pixels[anew]))
  }

  @Test func picturesSayWhatWasDrawnFirst() throws {
    let folder = try TemporaryFolder()
    let model = try model(in: folder)
    let metadata = try PictureMetadata(model.folder, backend: model.backend, version: "test")
    var request = try request(PictureSize(width: 160, height: 160))
    #expect(metadata.parameters(of: request)["Drawn at"] == "80x80")
    request.sizing = .direct
    let parameters = metadata.parameters(of: request)
    #expect(parameters["Drawn at"] == nil && parameters["Sizing"] == "direct")
    let file = folder.file("direct.png")
    try model.draw([request])[0].picture.write(to: file, texts: [parameters.pngText])
    #expect(try Recipe(contentsOf: file).request == request)
  }
}
