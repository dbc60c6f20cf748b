import DiTDiffusion
import DiTTestSupport
import DiTVerification
import Foundation
import Testing

/// One golden run of `solvers.json`, made for the samplers and spacings that the fixtures' manifest lacks.
struct SamplerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Tolerance: Decodable, Sendable {
    let nmse: Double
    let maxAbsRel: Double
  }

  private struct Group: Decodable { let cases: [String: SamplerCase] }

  var file = ""
  let tolerance: Tolerance
  let sampler: String
  let steps: Int
  let spacing: String?
  let timesteps: [Float]
  let modelParameters: AnalyticDenoiser

  enum CodingKeys: CodingKey { case tolerance, sampler, steps, spacing, timesteps, modelParameters }

  var testDescription: String { file }
  var url: URL { Fixtures.url("samplers/" + file) }

  static let all: [SamplerCase] = {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try? Data(contentsOf: Fixtures.url("samplers/solvers.json"))
    let cases = data.flatMap { try? decoder.decode(Group.self, from: $0) }?.cases ?? [:]
    return cases.map { file, golden in
      var golden = golden
      golden.file = file
      return golden
    }
    .sorted { $0.file < $1.file }
  }()

  func makeSampler() throws -> any Sampler {
    var settings = SamplerSettings(steps: steps)
    if let spacing {
      let known: Spacing = try #require(.init(rawValue: spacing), "spacing \(spacing)")
      settings.spacing = known
    }
    let names = ["DPM-Solver++": "dpm++", "Euler": "euler", "Heun": "heun", "UniPC": "unipc"]
    let name = try #require(
      names.first { sampler.hasPrefix($0.key) }?.value, "a sampler of solvers.json that no test knows: \(sampler)")
    return try SamplerRegistry.make(name, settings: settings)
  }
}
