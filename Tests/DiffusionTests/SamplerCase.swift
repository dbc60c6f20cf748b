import DiTDiffusion
import DiTTestSupport
import DiTVerification
import Foundation
import Testing

/// One golden run of `samplers` in the fixtures' manifest.
struct SamplerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Tolerance: Decodable, Sendable {
    let nmse: Double
    let maxAbsRel: Double
  }

  private struct Group: Decodable { let cases: [String: SamplerCase] }

  /// The group of the manifest that all fixtures share; other groups have other fields.
  private struct Manifest: Decodable {
    struct Groups: Decodable { let samplers: Group }
    let groups: Groups
  }

  var file = ""
  let tolerance: Tolerance
  let sampler: String?
  let respacing: String?
  let steps: Int?
  let spacing: String?
  let eta: Double?
  let clipDenoised: Bool?
  let timesteps: [Float]?
  let modelParameters: AnalyticDenoiser?

  enum CodingKeys: CodingKey {
    case tolerance, sampler, respacing, steps, spacing, eta, clipDenoised, timesteps, modelParameters
  }

  var testDescription: String { file }
  var url: URL { Fixtures.url("samplers/" + file) }

  /// The cases of the manifest, and those of `solvers.json` beside the runs, made for the samplers the manifest lacks.
  /// Only those whose files are here: the longest run is kept out of the repository.
  static let all: [SamplerCase] = {
    let cases = [
      decode(Manifest.self, "manifest.json")?.groups.samplers.cases,
      decode(Group.self, "samplers/solvers.json")?.cases,
    ]
    return cases.compactMap { $0 }.joined().map { file, golden in
      var golden = golden
      golden.file = file
      return golden
    }
    .filter { FileManager.default.fileExists(atPath: $0.url.path) }
    .sorted { $0.file < $1.file }
  }()

  private static func decode<Value: Decodable>(_: Value.Type, _ path: String) -> Value? {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return (try? Data(contentsOf: Fixtures.url(path))).flatMap { try? decoder.decode(Value.self, from: $0) }
  }

  static var runs: [SamplerCase] { all.filter { $0.sampler != nil } }

  func makeSampler() throws -> any Sampler {
    let text = try #require(sampler)
    var settings = SamplerSettings(
      steps: steps ?? 1, respacing: respacing, eta: eta ?? 0, clip: clipDenoised ?? false)
    if text.hasPrefix("DDIM as diffusers") { settings.spacing = .leading }
    if let spacing {
      let known: Spacing = try #require(.init(rawValue: spacing), "spacing \(spacing)")
      settings.spacing = known
    }
    let names = [
      "ancestral DDPM": "ddpm", "DDIM": "ddim", "DPM-Solver++": "dpm++", "Euler": "euler", "Heun": "heun",
      "UniPC": "unipc",
    ]
    let name = try #require(
      names.first { text.hasPrefix($0.key) }?.value, "a sampler of the manifest that no test knows: \(text)")
    return try SamplerRegistry.make(name, settings: settings)
  }
}
