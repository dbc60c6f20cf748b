import DiTDiffusion
import DiTModels
import DiTTextToImage
import Hummingbird

/// Samplers under the web UI's names.
package enum WebUISamplers {
  package struct Entry: Encodable, Sendable {
    package let name: String
    package let aliases: [String]
    let options: [String: String] = [:]
  }

  package struct Schedule: Encodable, Sendable {
    package let name, label: String
  }

  /// What the web UI calls a sampler; of one that it does not have, what it would.
  private static let names: [String: (name: String, aliases: [String])] = [
    "dpm++": ("DPM++ 2M", ["k_dpmpp_2m"]), "unipc": ("UniPC", []), "heun": ("Heun", ["k_heun"]),
    "euler": ("Euler", ["k_euler"]), "ddim": ("DDIM", []), "ddpm": ("DDPM", []),
    "dpm++2m-sde": ("DPM++ 2M SDE", ["k_dpmpp_2m_sde"]), "euler_a": ("Euler a", ["k_euler_a", "k_euler_ancestral"]),
    "lcm": ("LCM", ["k_lcm"]),
  ]

  package static let all: [Entry] = SamplerRegistry.names.map { own in
    let (name, aliases) = names[own] ?? (own.uppercased(), [])
    return Entry(name: name, aliases: aliases + (own == name ? [] : [own]))
  }

  package static let schedules = [
    ("automatic", "Automatic"), ("uniform", "Uniform"), ("karras", "Karras"), ("exponential", "Exponential"),
    ("sgm_uniform", "SGM Uniform"), ("simple", "Simple"), ("normal", "Normal"), ("ddim_uniform", "DDIM Uniform"),
    ("beta", "Beta"),
  ].map { Schedule(name: $0, label: $1) }

  /// What the web UI calls that one of ours.
  static func name(of sampler: String) -> String { names[sampler]?.name ?? sampler }

  /// A sampler and its noise levels in one name, as our own API takes them; nil: the model's.
  /// - Throws: ``RefusedRequest``: 404; ``FieldError``.
  package static func sampler(_ name: String?, scheduler: String?, of folder: ModelFolder) throws -> String? {
    for (field, text) in [("sampler_name", name), ("scheduler", scheduler)] {
      try FieldError.checkLength(of: text, field, most: OrderLimits.nameCharacters)
    }
    let (name, scheduler) = (whole(name), whole(scheduler))
    guard name != nil || scheduler != nil else { return nil }
    let asked = name ?? folder.defaultRequest.sampler
    guard let alone = SamplerNames.resolve(asked) else {
      let near = SamplerNames.nearest(to: asked).map { "; \(self.name(of: $0)) is most like it" } ?? ""
      throw RefusedRequest(.notFound, "Sampler not found: \"\(asked.prefix(60))\"\(near)", field: "sampler_name")
    }
    guard let scheduler else { return asked }
    let missing = RefusedRequest(.notFound, "Scheduler not found: \"\(scheduler.prefix(60))\"", field: "scheduler")
    guard let both = SamplerNames.resolve(asked, schedule: scheduler) else { throw missing }
    guard both.spacing != alone.spacing else { return name == nil ? nil : asked }
    let joined = "\(alone.sampler) \(scheduler)"
    guard SamplerNames.resolve(joined)?.sampler == alone.sampler else { throw missing }
    return joined
  }

  private static func whole(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
}
