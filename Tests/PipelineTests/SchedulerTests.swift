import DiTCheckpoints
import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What `scheduler_config.json` says is done, or refused by name.
@Suite struct SchedulerTests {
  let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  /// PixArt with a scheduler; `fields` are JSON without the outer brackets.
  private func model(_ name: String, _ fields: String, in folder: String = "pixart") throws -> ModelFolder {
    let url = try tiny.pixArt("PixArtAlphaPipeline", folder)
    let usual = #""beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "num_train_timesteps": 1000"#
    let all = [#""_class_name": "\#(name)""#, name.hasPrefix("Flow") || name == "SCMScheduler" ? "" : usual, fields]
    try tiny.folder.write(
      "{" + all.filter { !$0.isEmpty }.joined(separator: ", ") + "}", to: folder + "/scheduler/scheduler_config.json")
    return try ModelFolder(url)
  }

  private struct Default: Sendable, CustomTestStringConvertible {
    let name: String
    let fields: String
    let sampler: String
    let steps: Int
    let guidance: Float
    let spacing: Spacing?
    var testDescription: String { "\(name) \(fields.prefix(60))" }

    init(_ name: String, _ fields: String, _ sampler: String, _ steps: Int, _ guidance: Float, _ spacing: Spacing?) {
      (self.name, self.fields, self.sampler) = (name, fields, sampler)
      (self.steps, self.guidance, self.spacing) = (steps, guidance, spacing)
    }
  }

  private static let defaults: [Default] = [
    Default("DPMSolverMultistepScheduler", #""timestep_spacing": "linspace""#, "dpm++", 20, 4.5, nil),
    Default("DPMSolverMultistepScheduler", #""use_karras_sigmas": true"#, "dpm++", 20, 4.5, .karras),
    Default("DPMSolverMultistepScheduler", #""use_exponential_sigmas": true"#, "dpm++", 20, 4.5, .exponential),
    Default("DPMSolverMultistepScheduler", #""use_beta_sigmas": true"#, "dpm++", 20, 4.5, .beta),
    Default("DPMSolverMultistepScheduler", #""timestep_spacing": "trailing""#, "dpm++", 20, 4.5, .trailing),
    Default("DPMSolverMultistepScheduler", #""algorithm_type": "sde-dpmsolver++""#, "dpm++2m-sde", 20, 4.5, nil),
    Default(
      "DPMSolverMultistepScheduler", #""prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 3.0"#,
      "dpm++", 20, 4.5, nil),
    Default("UniPCMultistepScheduler", "", "unipc", 20, 4.5, nil),
    Default("UniPCMultistepScheduler", #""solver_type": "midpoint", "flow_shift": 3.0"#, "unipc", 20, 4.5, nil),
    Default("EulerDiscreteScheduler", "", "euler", 20, 4.5, nil),
    Default("EulerDiscreteScheduler", #""timestep_spacing": "leading", "steps_offset": 1"#, "euler", 20, 4.5, .leading),
    Default("EulerAncestralDiscreteScheduler", #""timestep_spacing": "trailing""#, "euler_a", 20, 4.5, .trailing),
    Default("HeunDiscreteScheduler", "", "heun", 20, 4.5, nil),
    Default("DDIMScheduler", #""clip_sample": false"#, "ddim", 20, 4.5, .leading),
    Default("DDPMParallelScheduler", #""clip_sample": false"#, "ddpm", 20, 4.5, .leading),
    Default("LCMScheduler", #""timestep_spacing": "leading", "original_inference_steps": 50"#, "lcm", 4, 1, nil),
    Default("LCMScheduler", #""original_inference_steps": 2"#, "lcm", 2, 1, nil),
    Default("TCDScheduler", "", "tcd", 4, 1, nil),
    Default("FlowMatchEulerDiscreteScheduler", #""shift": 3.0"#, "euler", 20, 4.5, nil),
    Default("SCMScheduler", #""prediction_type": "trigflow", "sigma_data": 0.5"#, "scm", 2, 1, nil),
  ]

  @Test(arguments: defaults)
  private func becomesTheModelsOwnWay(_ wanted: Default) throws {
    let folder = try model(wanted.name, wanted.fields)
    let request = folder.defaultRequest
    #expect(request.sampler == wanted.sampler && request.steps == wanted.steps)
    #expect(request.guidanceScale == wanted.guidance && request.spacing == wanted.spacing)
    #expect(request.eta == (wanted.sampler == "tcd" ? 0.3 : 0))
    try folder.check(request)
    #expect(folder.notes.isEmpty, "\(folder.notes)")
  }

  @Test func levelsAreThoseOfTheFile() throws {
    func timesteps(_ name: String, _ fields: String, _ steps: Int = 4) throws -> [Double] {
      let folder = try model(name, fields)
      var request = folder.defaultRequest
      request.steps = steps
      return try folder.sampler(for: request).plan.levels.map(\.timestep)
    }
    #expect(try timesteps("LCMScheduler", "") == [999, 759, 499, 259])
    #expect(try timesteps("LCMScheduler", #""original_inference_steps": 100"#) == [999, 749, 499, 249])
    #expect(try timesteps("DDIMScheduler", #""steps_offset": 1"#) == [751, 501, 251, 1])
    let leading = #""timestep_spacing": "leading", "steps_offset": 1"#
    #expect(try timesteps("DPMSolverMultistepScheduler", leading) == [801, 601, 401, 201])
    #expect(try timesteps("EulerDiscreteScheduler", #""timestep_spacing": "trailing""#) == [999, 749, 499, 249])
    let flow = try timesteps(
      "DPMSolverMultistepScheduler", #""prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 3.0"#)
    #expect(flow == [999, 899, 749, 499])
    let trained = (1...1000).map { "\(Double($0) * 1e-5)" }.joined(separator: ", ")
    let folder = try model("DPMSolverMultistepScheduler", #""trained_betas": [\#(trained)]"#)
    #expect(folder.scheduler.schedule.betas[999] == 0.01 && folder.scheduler.schedule.betas[0] == 1e-5)
  }

  private static let flow = #""prediction_type": "flow_prediction", "use_flow_sigmas": true"#

  private static let refused: [(name: String, fields: String, line: String)] = [
    ("PNDMScheduler", "", #"_class_name "PNDMScheduler" is not here; --sampler ddim draws without it"#),
    ("DEISMultistepScheduler", "", #"_class_name "DEISMultistepScheduler" is not here; --sampler dpm++ draws without it"#),
    ("MyScheduler", "", #"_class_name "MyScheduler" is not known here; --sampler dpm++ draws without it"#),
    ("DPMSolverMultistepScheduler", #""use_lu_lambdas": true"#, "use_lu_lambdas is true, expected false; --sampler dpm++ draws"),
    ("DPMSolverMultistepScheduler", #""algorithm_type": "dpmsolver""#, #"algorithm_type is "dpmsolver", expected"#),
    ("DPMSolverMultistepScheduler", #""solver_type": "x""#, #"solver_type is "x", expected "midpoint" or "heun"; --sampler"#),
    ("DPMSolverMultistepScheduler", #""timestep_spacing": "x""#, #"timestep_spacing is "x", expected linspace, leading or"#),
    ("UniPCMultistepScheduler", #""solver_type": "bh1""#, #"solver_type is "bh1", expected "bh2"; --sampler unipc draws"#),
    ("UniPCMultistepScheduler", #""disable_corrector": [0]"#, "disable_corrector is [0], expected []"),
    ("EulerDiscreteScheduler", #""sigma_max": 10.0"#, "sigma_max is 10, expected null"),
    ("EulerDiscreteScheduler", #""timestep_type": "continuous""#, #"timestep_type is "continuous", expected "discrete""#),
    ("DDPMScheduler", #""variance_type": "learned""#, #"variance_type is "learned", expected a fixed one"#),
    ("FlowMatchEulerDiscreteScheduler", #""use_karras_sigmas": true"#, "use_karras_sigmas is true, which is not done here"),
    (
      "DPMSolverMultistepScheduler", #""use_beta_sigmas": true, "use_karras_sigmas": true"#,
      "use_karras_sigmas and use_beta_sigmas are true, expected one of them"
    ),
    (
      "DPMSolverMultistepScheduler", flow + #", "algorithm_type": "sde-dpmsolver++""#,
      #"algorithm_type is "sde-dpmsolver++", expected "dpmsolver++" with use_flow_sigmas"#
    ),
    (
      "DPMSolverMultistepScheduler", flow + #", "final_sigmas_type": "sigma_min""#,
      #"final_sigmas_type is "sigma_min", expected "zero" with use_flow_sigmas"#
    ),
    (
      "HeunDiscreteScheduler", #""prediction_type": "v_prediction", "rescale_betas_zero_snr": true"#,
      "rescale_betas_zero_snr is true, which HeunDiscreteScheduler does not do"
    ),
  ]

  /// What another sampler could do without is refused when a picture is asked for, and not with that sampler.
  @Test(arguments: refused)
  func anotherSamplerDrawsWithout(name: String, fields: String, line: String) throws {
    let folder = try model(name, fields)
    let error = #expect(throws: SchedulerRefusal.self) { try folder.check(folder.defaultRequest) }
    let description = error?.description ?? ""
    #expect(description.contains("scheduler_config.json: " + line), "\(description)")
    var request = folder.defaultRequest
    request.sampler = "euler"
    try folder.check(request)
  }

  private static let wrong: [(name: String, fields: String, line: String)] = [
    ("EDMEulerScheduler", "", #"_class_name is "EDMEulerScheduler", and its models learned another kind of noise"#),
    ("DDIMScheduler", #""prediction_type": "x""#, #"prediction_type is "x", expected one of "epsilon", "sample""#),
    ("DDIMScheduler", #""prediction_type": "flow_prediction""#, "which does not go with use_flow_sigmas false"),
    ("DPMSolverMultistepScheduler", #""use_flow_sigmas": true"#, "which does not go with use_flow_sigmas true"),
    ("DDIMScheduler", #""trained_betas": [0.1, 0.2]"#, "trained_betas has 2 numbers, num_train_timesteps is 1000"),
    ("DDIMScheduler", #""trained_betas": ["a"]"#, #"trained_betas is ["a"], expected a list of numbers"#),
    ("DDIMScheduler", #""rescale_betas_zero_snr": true"#, "which needs another prediction_type"),
    ("DDIMScheduler", #""thresholding": "yes""#, #"thresholding is "yes", expected true or false"#),
    ("DPMSolverMultistepScheduler", #""solver_order": 4"#, "solver_order is 4, expected 1 to 3"),
    ("LCMScheduler", #""original_inference_steps": 0"#, "original_inference_steps is 0, expected 1 to 1000"),
    ("FlowMatchEulerDiscreteScheduler", #""use_dynamic_shifting": true"#, "use_dynamic_shifting is true, expected false"),
    ("FlowMatchEulerDiscreteScheduler", #""shift": 0"#, "shift is 0, expected 0.001 to 1000.0"),
  ]

  @Test(arguments: wrong)
  func whatNoSamplerMendsIsRefusedAtOnce(name: String, fields: String, line: String) {
    let error = #expect(throws: ConfigurationError.self) { _ = try model(name, fields) }
    let description = error?.description ?? ""
    #expect(description.contains("scheduler_config.json: ") && description.contains(line), "\(description)")
  }

  @Test func unknownFieldsAreNoted() throws {
    let folder = try model("DDIMScheduler", #""skip_prk_steps": true, "foo": null, "_bar": 1, "clip_sample": false"#)
    #expect(folder.notes.count == 1)
    #expect(folder.notes[0].hasSuffix("not used, because DDIMScheduler has no skip_prk_steps"))
    // Fields that other classes of the same sampler have.
    let flow = try model("FlowMatchEulerDiscreteScheduler", #""timestep_type": "continuous", "prediction_type": "x""#)
    #expect(flow.notes.count == 1 && flow.notes[0].hasSuffix("has no prediction_type, timestep_type"), "\(flow.notes)")
    try flow.check(flow.defaultRequest)
  }

  /// The class in `model_index.json` counts where the file does not say; nothing of both goes unsaid.
  @Test func theIndexNamesTheClass() throws {
    let url = try tiny.pixArt()
    let file = "pixart/scheduler/scheduler_config.json"
    func folder(_ name: String) throws -> ModelFolder {
      try tiny.folder.write(
        #"{"_class_name": "PixArtAlphaPipeline", "scheduler": ["diffusers", "\#(name)"]}"#, to: "pixart/model_index.json")
      return try ModelFolder(url)
    }
    #expect(try folder("DPMSolverMultistepScheduler").notes.isEmpty)
    #expect(try folder("LCMScheduler").notes.map { $0.hasSuffix("no scheduler/scheduler_config.json: dpm++ draws") } == [true])
    try tiny.folder.write(#"{"beta_start": 0.0001}"#, to: file)
    let named = try folder("LCMScheduler")
    #expect(named.defaultRequest.sampler == "lcm" && named.notes.isEmpty)
    try tiny.folder.write(#"{"_class_name": "DDIMScheduler", "beta_start": 0.0001}"#, to: file)
    let both = try folder("LCMScheduler")
    #expect(both.defaultRequest.sampler == "ddim" && both.notes.count == 1 && both.notes[0].contains("\"LCMScheduler\""))
    let link = tiny.folder.file(file)
    try FileManager.default.removeItem(at: link)
    try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "../../blobs/0123")
    #expect { _ = try folder("LCMScheduler") } throws: { "\($0)".contains("scheduler_config.json: cannot be read (a link to") }
  }

  /// Every one of these files draws its own picture.
  @Test func filesDrawTheirOwnPictures() throws {
    let files = [
      ("DPMSolverMultistepScheduler", ""), ("DPMSolverMultistepScheduler", #""use_karras_sigmas": true"#),
      ("DPMSolverMultistepScheduler", #""solver_order": 1"#), ("DPMSolverMultistepScheduler", #""thresholding": true"#),
      ("DPMSolverMultistepScheduler", #""prediction_type": "v_prediction""#),
      ("DPMSolverMultistepScheduler", #""prediction_type": "v_prediction", "rescale_betas_zero_snr": true"#),
      ("DPMSolverMultistepScheduler", #""prediction_type": "sample""#), ("LCMScheduler", ""), ("TCDScheduler", ""),
      ("FlowMatchEulerDiscreteScheduler", #""shift": 3.0"#), ("FlowMatchEulerDiscreteScheduler", #""shift": 1.0"#),
      ("DDIMScheduler", ""), ("DDIMScheduler", #""clip_sample": false"#),
      ("DDIMScheduler", #""clip_sample": false, "set_alpha_to_one": false"#), ("EulerAncestralDiscreteScheduler", ""),
      ("DDPMScheduler", ""), ("DDPMScheduler", #""variance_type": "fixed_large""#),
    ]
    let pictures = try files.map { try draw(model($0, $1), prompt: "a fox").latents.tensor.array }
    for (index, one) in pictures.enumerated() {
      #expect(one.allSatisfy { $0.isFinite }, "\(files[index])")
      let same = pictures[..<index].firstIndex(of: one)
      #expect(same == nil, "\(files[index]) \(same.map { files[$0] } ?? files[index])")
    }
  }

  // MARK: DMD

  @Test(arguments: ["PixArt-Alpha-DMD-XL-2-512x512", "models--x--pixart_dmd/snapshots/0123"])
  func dmdIsToldByItsName(name: String) throws {
    for clips in [true, false] {
      let folder = try model("DDPMScheduler", #""clip_sample": \#(clips), "timestep_spacing": "leading""#, in: name)
      let request = folder.defaultRequest
      #expect(request.sampler == "dmd" && request.steps == 1 && request.guidanceScale == 1 && request.spacing == nil)
      let sampler = try folder.sampler(for: request)
      #expect(sampler.plan.levels.map(\.timestep) == [400])
      let latents = try drawn(folder, request).latents.tensor.array
      #expect(latents.contains { abs($0) > 1 } != clips)
    }
  }

  @Test func dmdIsToldByWhatItsFilesSay() throws {
    let url = try tiny.pixArt()
    try tiny.folder.write(
      #"{"_class_name": "PixArtAlphaPipeline", "_name_or_path": "PixArt-alpha/PixArt-Alpha-DMD-XL-2-512x512"}"#,
      to: "pixart/model_index.json")
    #expect(try ModelFolder(url).defaultRequest.sampler == "dmd")
    // A folder that is written of it is called something else.
    let written = tiny.folder.file("written")
    try ModelConverter.convert(ModelFolder(url), to: written, as: .f32)
    #expect(try ModelFolder(written).defaultRequest.sampler == "dmd")
    let other = try ModelFolder(tiny.pixArt("PixArtAlphaPipeline", "admdx"))
    #expect(other.defaultRequest.sampler == "dpm++")
  }

  private func drawn(_ model: ModelFolder, _ request: GenerationRequest) throws -> GeneratedPicture {
    let backend = try Backend(.native, precision: .f32, threads: 2)
    return try TextToImage(model, backend: backend).makeSession().draw([request])[0]
  }

  /// A picture of a batch is the one that is drawn alone, whatever noise its sampler draws.
  @Test(arguments: ["lcm", "tcd", "euler_a", "dpm++2m-sde"]) func batchesChangeNothing(sampler: String) throws {
    let folder = try model("LCMScheduler", "")
    var requests = [GenerationRequest](repeating: folder.defaultRequest, count: 3)
    for index in requests.indices {
      (requests[index].seed, requests[index].sampler) = (UInt64(index), sampler)
      requests[index].prompt = "fox \(index)"
    }
    let session = try TextToImage(folder, backend: Backend(.native, precision: .f32, threads: 2)).makeSession()
    let together = try session.draw(requests).map { $0.latents.tensor.array }
    let alone = try requests.map { try session.draw([$0])[0].latents.tensor.array }
    #expect(together == alone)
  }
}
