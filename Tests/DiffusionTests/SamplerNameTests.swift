import DiTDiffusion
import Testing

@Suite struct SamplerNameTests {
  @Test(arguments: [
    ("dpm++", "dpm++", nil), ("DPM++ 2M Karras", "dpm++", .karras), ("DPM++ 2M", "dpm++", nil), ("dpmpp_2m", "dpm++", nil),
    ("dpmpp_2m_karras", "dpm++", .karras), ("dpmpp_2m_k", "dpm++", .karras), ("DPMSolverMultistepScheduler", "dpm++", nil),
    ("Euler", "euler", nil), ("k_euler", "euler", nil), ("EulerDiscreteScheduler", "euler", nil),
    ("uni_pc", "unipc", nil), ("UniPC", "unipc", nil), ("Heun Karras", "heun", .karras), ("DDIM", "ddim", nil),
    ("DDPM", "ddpm", nil), ("euler simple", "euler", .trailing), ("Euler a", "euler_a", nil), ("k_euler_a", "euler_a", nil),
    ("euler_ancestral", "euler_a", nil), ("euler ancestral", "euler_a", nil), ("Euler a Karras", "euler_a", .karras),
    ("EulerAncestralDiscreteScheduler", "euler_a", nil), ("LCM", "lcm", nil), ("LCMScheduler", "lcm", nil),
    ("TCD", "tcd", nil), ("TCDScheduler", "tcd", nil), ("DPM++ 2M SDE", "dpm++2m-sde", nil),
    ("dpmpp_2m_sde", "dpm++2m-sde", nil), ("DPM++ 2M SDE Exponential", "dpm++2m-sde", .exponential),
    ("DPM++ 2M Beta", "dpm++", .beta), ("DMD", "dmd", nil),
  ] as [(String, String, Spacing?)])
  func namesOfOtherProgramsAreKnown(_ name: String, _ sampler: String, _ spacing: Spacing?) throws {
    let found = try #require(SamplerNames.resolve(name))
    #expect(found.sampler == sampler)
    #expect(found.spacing == spacing)
  }

  @Test func everySamplerHasItsOwnName() {
    for name in SamplerRegistry.names { #expect(SamplerNames.resolve(name)?.sampler == name) }
  }

  @Test func aScheduleMayStandApart() {
    #expect(SamplerNames.resolve("DPM++ 2M", schedule: "Karras")?.spacing == .karras)
    #expect(SamplerNames.resolve("DPM++ 2M Karras", schedule: "Automatic")?.spacing == .karras)
    #expect(SamplerNames.resolve("DDIM", schedule: "DDIM")?.sampler == "ddim")
    #expect(SamplerNames.resolve("Euler", schedule: "SGM Uniform")?.spacing == .trailing)
    #expect(SamplerNames.resolve("Euler", schedule: "Align Your Steps") == nil)
  }

  @Test(arguments: [
    ("euler_ancestral_cfg_pp", "euler_a"), ("DPM++ SDE Karras", "dpm++2m-sde"), ("DPM++ 3M SDE", "dpm++2m-sde"),
    ("PLMS", "ddim"), ("LMS Karras", "euler"),
  ])
  func whatIsNotHereHasARelative(_ name: String, _ relative: String) {
    #expect(SamplerNames.resolve(name) == nil)
    #expect(SamplerNames.nearest(to: name) == relative)
  }

  @Test func aNameThatMeansNothingIsNone() {
    #expect(SamplerNames.resolve("foo") == nil)
    #expect(SamplerNames.resolve("") == nil)
    #expect(SamplerNames.resolve("karras") == nil)
    #expect(SamplerNames.nearest(to: "foo") == nil)
  }
}
