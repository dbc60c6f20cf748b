import DiTDiffusion
import DiTModels

extension ModelFolder {
  /// Changes a request's sampler, and what goes with it. Takes the names of other programs too, which may say where the noise
  /// levels lie: "DPM++ 2M Karras".
  package func use(_ sampler: String, for request: inout GenerationRequest) {
    let known = SamplerNames.resolve(sampler)
    let name = known?.sampler ?? sampler.lowercased()
    if name != request.sampler {
      // The folder's levels are those of its own sampler.
      if request.spacing == defaults.spacing { request.spacing = nil }
      // Those for distilled models take few steps without a second branch of guidance; others begin with the model's.
      let (before, after) = (SamplerRegistry.fewSteps(request.sampler), SamplerRegistry.fewSteps(name))
      if let after {
        (request.steps, request.respacing) = (after, nil)
        if !traits.embedsGuidance { request.guidanceScale = 1 }
      } else if before != nil {
        (request.steps, request.guidanceScale) = (defaults.steps, defaults.guidanceScale)
      }
      (request.sampler, request.eta) = (name, SamplerRegistry.defaultEta(name))
    }
    if let spacing = known?.spacing { (request.spacing, request.respacing) = (spacing, nil) }
  }

  /// Changes a request to the few steps of one branch that the model's own adapter for them takes.
  /// - Throws: ``RequestError/noFastAdapter(_:)``; `LoRAError`, `LoadError` where that cannot be read.
  package func drawFast(_ request: inout GenerationRequest) throws {
    guard let fast = try fastAdapter() else { throw RequestError.noFastAdapter(name) }
    // First order along even timesteps, as it was taught.
    (request.sampler, request.eta, request.spacing, request.respacing) = ("ddim", 0, .linear, nil)
    (request.steps, request.guidanceScale, request.guidanceInterval) = (fast.steps, 1, nil)
    (request.cacheThreshold, request.guidanceEvery) = (nil, 1)
    // A picture that is drawn again may have it already.
    if !(options.adapters + request.adapters).contains(where: { $0.hash == fast.adapter.hash }) {
      request.adapters.append(fast.adapter)
    }
  }

  /// A class by name or index; nil for "none", where no class is called that.
  package func askedClass(_ text: String) throws -> Int? {
    let isNone = text.lowercased() == "none" && !classes.contains { $0.lowercased() == "none" }
    return isNone ? nil : try classIndex(text)
  }
}
