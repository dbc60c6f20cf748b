import DiTBatch
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// A picture is drawn again when anything it depends on changes, and only then.
@Suite struct RequestFingerprintTests {
  private let parameters = GenerationParameters(fields: [.init("Model", "small"), .init("Precision", "f32")])

  private func hash(_ request: GenerationRequest, _ parameters: GenerationParameters? = nil) -> String {
    RequestFingerprint(model: "abc").of(request, parameters: parameters ?? self.parameters)
  }

  private var request: GenerationRequest {
    var request = GenerationRequest(size: PictureSize(width: 64, height: 64))
    request.prompt = "a red fox"
    return request
  }

  private static let changes: [String: @Sendable (inout GenerationRequest, SourcePicture) -> Void] = [
    "prompt": { request, _ in request.prompt = "a red fo" }, "negativePrompt": { request, _ in request.negativePrompt = "x" },
    "classIndex": { request, _ in request.classIndex = 0 }, "size": { request, _ in request.size.width = 80 },
    "seed": { request, _ in request.seed = 1 }, "steps": { request, _ in request.steps = 24 },
    "sampler": { request, _ in request.sampler = "ddim" }, "spacing": { request, _ in request.spacing = .karras },
    "respacing": { request, _ in request.respacing = "" }, "eta": { request, _ in request.eta = 1e-9 },
    "source": { request, source in request.source = source }, "strength": { request, _ in request.strength = 0.5 },
    "guidanceScale": { request, _ in request.guidanceScale = Float(4).nextUp },
    "guidanceChannels": { request, _ in request.guidanceChannels = .official },
    "guidanceInterval": { request, _ in request.guidanceInterval = 0...999 },
    "guidanceParallel": { request, _ in request.guidanceParallel = 0 },
    "sizing": { request, _ in request.sizing = .direct }, "enlargement": { request, _ in request.enlargement = 2 },
    "mode": { request, _ in request.mode = .pair },
    "adapters": { request, _ in request.adapters = (try? [LoRA(Fixtures.url("lora/peft-dora"))]) ?? [] },
    "cacheThreshold": { request, _ in request.cacheThreshold = 0 }, "guidanceEvery": { request, _ in request.guidanceEvery = 2 },
  ]

  @Test func everyPropertyTakesPart() throws {
    let folder = try TemporaryFolder()
    try Picture(width: 64, height: 64).write(to: folder.file("a.png"))
    let source = try SourcePicture(folder.file("a.png"), mask: nil, size: request.size, step: 16)
    let names = Mirror(reflecting: request).children.compactMap(\.label)
    #expect(Set(names) == Set(RequestFingerprintTests.changes.keys), "a property without a change here")
    var seen = [hash(request)]
    for (_, change) in RequestFingerprintTests.changes.sorted(by: { $0.key < $1.key }) {
      var changed = request
      change(&changed, source)
      seen.append(hash(changed))
    }
    // A mask, and each end of an interval.
    var masked = request
    masked.source = try SourcePicture(folder.file("a.png"), mask: folder.file("a.png"), size: request.size, step: 16)
    var narrow = request, late = request
    (narrow.guidanceInterval, late.guidanceInterval) = (0...998, 1...999)
    seen += [masked, narrow, late].map { hash($0) }
    #expect(Set(seen).count == seen.count)
  }

  @Test func metadataTakesPartButForPlaces() {
    var other = parameters
    other["Precision"] = "bf16"
    #expect(hash(request, other) != hash(request))
    other = parameters
    for key in ["Model path", "VAE", "Text encoder", "LoRA path", "LoRA 2 path"] { other[key] = "/elsewhere" }
    #expect(hash(request, other) == hash(request))
    other["VAE tile"] = "64"
    #expect(hash(request, other) != hash(request))
    #expect(RequestFingerprint(model: "abd").of(request, parameters: parameters) != hash(request))
  }

  /// Words cannot pass for other fields.
  @Test func valuesKeepToThemselves() {
    var one = request, two = request
    (one.prompt, one.negativePrompt) = ("a\nnegativePrompt 1\nb", "")
    (two.prompt, two.negativePrompt) = ("a", "b\n")
    #expect(hash(one) != hash(two))
    // Not the same bytes, though Swift calls the strings equal.
    (one.prompt, two.prompt, two.negativePrompt) = ("\u{E9}", "e\u{301}", "")
    #expect(hash(one) != hash(two))
  }

  /// A change of the encoding draws every batch again: it has to be meant, and then needs another version in it.
  @Test func theEncodingStays() {
    #expect(hash(request) == "b962b63dce0f110c44443feca0e799a6")
  }
}
