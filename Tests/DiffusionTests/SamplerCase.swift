import Diffusion
import Foundation
import TestSupport
import Testing

/// One golden run of `samplers` in the fixtures' manifest.
struct SamplerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Tolerance: Decodable, Sendable {
    let nmse: Double
    let maxAbsRel: Double
  }

  private struct Manifest: Decodable {
    struct Group: Decodable { let cases: [String: SamplerCase] }
    let groups: [String: Group]

    enum CodingKeys: CodingKey { case groups }
    private struct Name: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
    init(from decoder: any Decoder) throws {
      // Other groups have other fields.
      let all = try decoder.container(keyedBy: CodingKeys.self)
        .nestedContainer(keyedBy: Name.self, forKey: .groups)
      groups = ["samplers": try all.decode(Group.self, forKey: Name(stringValue: "samplers"))]
    }
  }

  var file = ""
  let tolerance: Tolerance
  let sampler: String?
  let respacing: String?
  let steps: Int?
  let eta: Double?
  let clipDenoised: Bool?
  let timesteps: [Float]?
  let modelParameters: AnalyticDenoiser?

  enum CodingKeys: CodingKey {
    case tolerance, sampler, respacing, steps, eta, clipDenoised, timesteps, modelParameters
  }

  var testDescription: String { file }
  var url: URL { Fixtures.url("samplers/" + file) }

  /// The cases whose files are here (the longest run is kept out of the repository).
  static let all: [SamplerCase] = {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard
      let data = try? Data(contentsOf: Fixtures.url("manifest.json")),
      let manifest = try? decoder.decode(Manifest.self, from: data)
    else { return [] }
    return (manifest.groups["samplers"]?.cases ?? [:]).map { file, golden in
      var golden = golden
      golden.file = file
      return golden
    }
    .filter { FileManager.default.fileExists(atPath: $0.url.path) }
    .sorted { $0.file < $1.file }
  }()

  static var runs: [SamplerCase] { all.filter { $0.sampler != nil } }

  func makeSampler() throws -> any Sampler {
    let text = try #require(sampler)
    var settings = SamplerSettings(
      steps: steps ?? 1, respacing: respacing, eta: eta ?? 0, clip: clipDenoised ?? false)
    if text.hasPrefix("ancestral DDPM") { return try SamplerRegistry.make("ddpm", settings: settings) }
    if text.hasPrefix("DPM-Solver++") { return try SamplerRegistry.make("dpm++", settings: settings) }
    try #require(text.hasPrefix("DDIM"), "a sampler of the manifest that no test knows: \(text)")
    if text.contains("diffusers") { settings.spacing = .leading }
    return try SamplerRegistry.make("ddim", settings: settings)
  }
}
