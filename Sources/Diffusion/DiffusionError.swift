import DiTErrors

/// What can be wrong with a request to the diffusion stage. One line each: what is wrong and what to do.
package enum DiffusionError: UserError, Equatable {
  /// No sampler of this name; `known` lists the ones there are.
  case unknownSampler(String, known: [String])
  /// The number of steps must lie in 1...`limit`.
  case steps(Int, limit: Int)
  /// A respacing such as "250", "10,20,5" or "ddim50" that cannot be followed.
  case respacing(String, reason: String)
  /// A setting outside its range, or one that the sampler does not have.
  case setting(String)
  /// Betas that are no noise schedule.
  case schedule(String)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .unknownSampler(let name, let known):
      "no sampler is called '\(name)'; \(SamplerNames.nearest(to: name).map { "'\($0)' is most like it; " } ?? "")"
        + "choose one of: \(known.joined(separator: ", "))"
    case .steps(let steps, let limit):
      "\(steps) steps cannot be taken; choose 1 to \(limit)"
    case .respacing(let text, let reason):
      "respacing '\(text)': \(reason)"
    case .setting(let text):
      text
    case .schedule(let text):
      "noise schedule: \(text)"
    }
  }
}
