import DiTDiffusion

/// What a class of diffusers' schedulers is: the sampler it corresponds to, the fields of its configuration, and what it takes
/// where one of them is missing.
struct SchedulerClass {
  /// The sampler here; nil: it is not here.
  let sampler: String?
  /// The sampler most like it.
  let nearest: String
  let keys: Set<String>
  /// The spacing of each name in `timestep_spacing`.
  var spacings: [String: Spacing] = ["linspace": .linear, "leading": .leading, "trailing": .trailing]
  /// What `timestep_spacing` is where it is missing.
  var spacing = "linspace"
  /// `beta_start`, `beta_end` and `beta_schedule` where they are missing.
  var betas: (start: Double, end: Double, schedule: BetaSchedule) = (1e-4, 0.02, .linear)
  /// `clip_sample` where it is missing.
  var clips = false
  /// Fractional timesteps lie between their neighbours in σ unless `interpolation_type` says otherwise.
  var interpolatesSigmas = false
  /// `leading` leaves timestep 0 out.
  var leavesZeroOut = false

  private static let schedule: Set = [
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
  ]
  private static let spaced: Set = ["timestep_spacing", "steps_offset"]
  private static let sigmas: Set = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"]
  private static let thresholds: Set = ["thresholding", "dynamic_thresholding_ratio", "sample_max_value"]
  private static let clip: Set = ["clip_sample", "clip_sample_range"]
  private static let zeroTerminal: Set = ["rescale_betas_zero_snr"]
  private static let flow: Set = ["use_flow_sigmas", "flow_shift", "use_dynamic_shifting", "time_shift_type"]
  private static let solver = schedule.union(sigmas).union(thresholds).union(flow).union([
    "solver_order", "solver_type", "algorithm_type", "lower_order_final", "euler_at_final", "final_sigmas_type",
    "lambda_min_clipped", "variance_type", "use_lu_lambdas",
  ])
  private static let flowMatching: Set = [
    "num_train_timesteps", "shift", "use_dynamic_shifting", "base_shift", "max_shift", "base_image_seq_len",
    "max_image_seq_len", "invert_sigmas", "shift_terminal", "time_shift_type", "stochastic_sampling",
  ]
  private static let consistency = schedule.union(spaced).union(clip).union(thresholds).union(zeroTerminal).union([
    "original_inference_steps", "set_alpha_to_one", "timestep_scaling",
  ])
  /// Stable Diffusion's, which some classes take where a file says nothing.
  private static let latentBetas = (start: 0.00085, end: 0.012, schedule: BetaSchedule.scaledLinear)
  private static let latentEnds = (start: 0.00085, end: 0.012, schedule: BetaSchedule.linear)
  private static let discrete: [String: Spacing] = ["linspace": .inclusive, "leading": .leading, "trailing": .trailing]
  private static let original: [String: Spacing] = ["linspace": .respaced, "leading": .leading, "trailing": .trailing]

  static let all: [String: SchedulerClass] = {
    var all: [String: SchedulerClass] = [
      "DPMSolverMultistepScheduler": SchedulerClass(
        sampler: "dpm++", nearest: "dpm++", keys: solver.union(spaced).union(zeroTerminal), leavesZeroOut: true),
      "UniPCMultistepScheduler": SchedulerClass(
        sampler: "unipc", nearest: "unipc",
        keys: schedule.union(sigmas).union(thresholds).union(flow).union(spaced).union(zeroTerminal).union([
          "solver_order", "solver_type", "predict_x0", "lower_order_final", "disable_corrector", "solver_p",
          "final_sigmas_type",
        ]), leavesZeroOut: true),
      "EulerDiscreteScheduler": SchedulerClass(
        sampler: "euler", nearest: "euler",
        keys: schedule.union(sigmas).union(spaced).union(zeroTerminal).union([
          "interpolation_type", "sigma_min", "sigma_max", "timestep_type", "final_sigmas_type",
        ]), spacings: discrete, interpolatesSigmas: true),
      "EulerAncestralDiscreteScheduler": SchedulerClass(
        sampler: "euler_a", nearest: "euler_a", keys: schedule.union(spaced).union(zeroTerminal), spacings: discrete,
        interpolatesSigmas: true),
      "HeunDiscreteScheduler": SchedulerClass(
        sampler: "heun", nearest: "heun", keys: schedule.union(sigmas).union(spaced).union(clip), spacings: discrete,
        betas: latentEnds, interpolatesSigmas: true),
      "DDIMScheduler": SchedulerClass(
        sampler: "ddim", nearest: "ddim",
        keys: schedule.union(spaced).union(clip).union(thresholds).union(zeroTerminal).union(["set_alpha_to_one"]),
        spacings: original, spacing: "leading", clips: true),
      "DDPMScheduler": SchedulerClass(
        sampler: "ddpm", nearest: "ddpm",
        keys: schedule.union(spaced).union(clip).union(thresholds).union(zeroTerminal).union(["variance_type"]),
        spacings: original, spacing: "leading", clips: true),
      "LCMScheduler": SchedulerClass(sampler: "lcm", nearest: "lcm", keys: consistency, spacings: [:], betas: latentBetas),
      "TCDScheduler": SchedulerClass(sampler: "tcd", nearest: "tcd", keys: consistency, spacings: [:], betas: latentBetas),
      "SCMScheduler": SchedulerClass(
        sampler: "scm", nearest: "scm", keys: ["num_train_timesteps", "prediction_type", "sigma_data"], spacings: [:]),
      "FlowMatchEulerDiscreteScheduler": SchedulerClass(
        sampler: "euler", nearest: "euler", keys: flowMatching.union(sigmas), spacings: [:]),
      "FlowMatchHeunDiscreteScheduler": SchedulerClass(sampler: nil, nearest: "euler", keys: flowMatching, spacings: [:]),
      "FlowMatchLCMScheduler": SchedulerClass(
        sampler: nil, nearest: "euler", keys: flowMatching.union(sigmas).union(["scale_factors", "upscale_mode"]),
        spacings: [:]),
    ]
    let others = [
      "DPMSolverSinglestepScheduler": "dpm++", "DEISMultistepScheduler": "dpm++", "SASolverScheduler": "dpm++2m-sde",
      "DPMSolverSDEScheduler": "dpm++2m-sde", "KDPM2DiscreteScheduler": "heun", "KDPM2AncestralDiscreteScheduler": "euler_a",
      "LMSDiscreteScheduler": "euler", "PNDMScheduler": "ddim", "IPNDMScheduler": "dpm++", "RePaintScheduler": "ddim",
      "DDIMInverseScheduler": "ddim", "DPMSolverMultistepInverseScheduler": "dpm++",
    ]
    let latent = ["DPMSolverSDEScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"]
    for (name, nearest) in others {
      all[name] = SchedulerClass(
        sampler: nil, nearest: nearest, keys: solver.union(spaced),
        betas: latent.contains(name) ? latentEnds : (1e-4, 0.02, .linear))
    }
    return all
  }()

  /// Classes whose models learned another kind of noise than any here.
  static let foreign: Set = [
    "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "CosineDPMSolverMultistepScheduler",
    "CMStochasticIterativeScheduler", "ScoreSdeVeScheduler", "ScoreSdeVpScheduler", "KarrasVeScheduler",
    "VQDiffusionScheduler", "AmusedScheduler", "DDPMWuerstchenScheduler", "UnCLIPScheduler", "ConsistencyDecoderScheduler",
    "CogVideoXDDIMScheduler", "CogVideoXDPMScheduler",
  ]

  /// A class by name: those for Flax, and for pictures in parallel, are the same.
  static func named(_ name: String) -> SchedulerClass? {
    all[name.hasPrefix("Flax") ? String(name.dropFirst(4)) : name.replacing("ParallelScheduler", with: "Scheduler")]
  }
}
