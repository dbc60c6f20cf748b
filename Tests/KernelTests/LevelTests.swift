import DiTCKernels
import Testing

@Suite struct LevelTests {
  @Test func namesAreUnderstood() {
    for raw in 0..<DK_CPU_LEVELS.rawValue {
      guard let name = dk_cpu_level_name(dk_cpu_level(raw)) else { continue }
      var level = DK_CPU_LEVELS
      #expect(dk_cpu_level_named(name, &level) == 1 && level.rawValue == raw)
    }
    var level = DK_CPU_AVX2
    for name in ["", "avx", "AVX2", "sse2", "native "] { #expect(dk_cpu_level_named(name, &level) == 0) }
    #expect(level == DK_CPU_AVX2)
  }

  /// What an engine says is what it was lowered to, not what the processor could do.
  @Test func enginesAreWhatTheyWereAskedFor() throws {
    #expect(dk_cpu_has(DK_CPU_PORTABLE) == 1 && dk_cpu_has(DK_CPU_NATIVE) == 1 && dk_cpu_has(DK_CPU_LEVELS) == 0)
    for level in Level.all {
      let engine = try TestEngine(level: level.level)
      #expect(engine.use(dk_engine_level) == level.level)
    }
    let native = try TestEngine()
    let isSlow = dk_cpu_bf16_ratio() > 1.6  // products of bfloat16, which are then left alone
    let best = Level.withoutEmulation.last { !(isSlow && $0.level == DK_CPU_AVX512_BF16) }
    #expect(native.use(dk_engine_level) == best?.level)
    for (level, bf16, vnni) in [
      (DK_CPU_PORTABLE, 0, 0), (DK_CPU_NEON, 0, 0), (DK_CPU_NEON_DOT, 0, 1), (DK_CPU_NEON_BF16, 1, 1),
      (DK_CPU_AVX2, 0, 0), (DK_CPU_AVX2_VNNI, 0, 1), (DK_CPU_AVX512, 0, 0),
      (DK_CPU_AVX512_VNNI, 0, 1), (DK_CPU_AVX512_BF16, 1, 1),
      (DK_CPU_AVX512_AMX, 1, 1), (DK_CPU_AMX_EMULATED, 1, 1),
    ] where dk_cpu_has(level) == 1 {
      let engine = try TestEngine(level: level)
      #expect(engine.use(dk_engine_has_bf16) == bf16 && engine.use(dk_engine_has_vnni) == vnni)
    }
  }

  /// One that this processor lacks is lowered to the best that it has and that is no better.
  @Test func levelsAreLowered() throws {
    for raw in DK_CPU_PORTABLE.rawValue..<DK_CPU_LEVELS.rawValue {
      let engine = try TestEngine(level: dk_cpu_level(raw))
      let best = Level.all.map(\.level.rawValue).filter { $0 <= raw }.max()
      #expect(engine.use(dk_engine_level).rawValue == best)
    }
  }
}
