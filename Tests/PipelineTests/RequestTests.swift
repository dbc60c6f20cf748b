import DiTImage
import DiTModels
import DiTStudy
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What a caller of the library can get wrong is an error, and does not end the process.
@Suite struct RequestTests {
  @Test func unequalPicturesAreNotDrawnTogether() throws {
    let model = try MicroModel.model()
    var other = try MicroModel.request()
    other.steps = 3
    let both = [try MicroModel.request(), other]
    #expect(throws: RequestError.self) { try model.makeSession().draw(both) }
    #expect(try model.makeSession().draw([]).isEmpty)
  }

  @Test func aSourceHasTheSizeOfThePicture() throws {
    let folder = try TemporaryFolder()
    try Picture(width: 64, height: 64).write(to: folder.file("a.png"))
    let model = try MicroModel.model()
    var request = try MicroModel.request()
    request.source = try SourcePicture(
      folder.file("a.png"), mask: nil, size: PictureSize(width: 96, height: 64), step: model.folder.sizeStep)
    #expect(throws: RequestError.self) { try model.makeSession().draw([request]) }
    request.source = try SourcePicture(
      folder.file("a.png"), mask: nil, size: PictureSize(width: 0, height: 64), step: 16)
    request.size = PictureSize(width: 64, height: 64)
    #expect(throws: RequestError.self) { try model.makeSession().draw([request]) }
    #expect(throws: ImageError.size(width: 0, height: 64)) { try request.source?.pixels() }
  }

  @Test func classesAreWithinTheTable() throws {
    let model = try MicroModel.model()
    var request = try MicroModel.request()
    for index in [-1, model.folder.transformer.askableClasses, .max] {
      request.classIndex = index
      #expect(throws: ModelError.self) { try model.makeSession().draw([request]) }
    }
  }

  @Test func comparisonsNeedSomethingToCompare() throws {
    let model = try MicroModel.model()
    var request = try MicroModel.request()
    request.classIndex = 2
    for seeds in [0, -1] {
      #expect(throws: ComparisonError.self) { try ModeComparison(request, seeds: seeds, session: model.makeSession()) }
    }
    #expect(throws: ComparisonError.self) { try ComparisonReport([], model: model) }
    #expect(throws: BlueprintError.self) { try SchemeComparison("S/8", rounds: 0, backend: model.backend) }
    for latents in [0, 12, -8] {
      #expect(throws: BlueprintError.self) { try SchemeComparison("S/8", latentSize: latents, backend: model.backend) }
    }
  }

  @Test func benchmarksAreOfLegalPictures() throws {
    let model = try MicroModel.model()
    let size = model.folder.nativeSize
    for count in [0, -1] { #expect(throws: RequestError.self) { try StepBenchmark(model.makeSession(), size: size, count: count) } }
    #expect(throws: RequestError.self) { try StepBenchmark(model.makeSession(), size: PictureSize(width: 1, height: 1), count: 1) }
  }
}
