import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Foundation
import Testing

/// W' = W + s·(α/r)·B·A, whatever the layers are called and however they are stored.
@Suite struct LoRAMergeTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let models = [
    "pixart/plain/diffusion_pytorch_model.safetensors", "pixart/micro-conditions/original.pth",
    "dit-official/p2/model.safetensors", "dit-diffusers/p2/diffusion_pytorch_model.safetensors",
    "uvit/class/model.safetensors", "uvit/text/model.safetensors", "text-dit/a/model.safetensors",
  ]

  private func model(_ path: String) throws -> (any TransformerConfiguration, Checkpoint) {
    let url = Fixtures.url(path)
    let file = try ConfigurationFile(url.deletingLastPathComponent().appendingPathComponent("config.json"))
    let configuration: any TransformerConfiguration =
      switch path.prefix(4) {
      case "uvit": try file.read(UViTConfiguration.self)
      case "pixa": try file.read(PixArtConfiguration.self)
      default: try file.className == "DiTTransformer2DModel"
        ? file.read(DiffusersDiTConfiguration.self).configuration(.diffusers) : file.read(DiTConfiguration.self)
      }
    return (configuration, try openCheckpoint(at: url))
  }

  /// Every layer of every family, by every name that any program has for it.
  @Test(arguments: models)
  func everyLayerByAllItsNames(_ path: String) throws {
    let (configuration, checkpoint) = try model(path)
    let parameters = try configuration.listing(checkpoint).parameters
      .filter { $0.shape.count >= 2 && $0.name.hasSuffix(".weight") && !$0.name.contains("table") }
    #expect(parameters.count > 8)
    let base = CheckpointParameters(checkpoint, names: configuration.names(in: checkpoint))
    let (rank, alpha, scale) = (3, Float(2), Float(0.7))
    for (number, naming) in configuration.namings.enumerated() {
      for (place, style) in AdapterFile.Style.all.enumerated() where path.hasPrefix("pixart/plain/d") || place % 4 == number {
        var tensors: [String: Tensor] = [:]
        var expected: [String: [Float]] = [:]
        for (index, parameter) in parameters.enumerated() {
          let names = naming.stored(parameter.name).map { style.layer(String($0.dropLast(".weight".count))) }
          let (rows, inputs) = (parameter.shape[0] / names.count, Array(parameter.shape.dropFirst()))
          var delta: [Float] = []
          for (part, name) in names.enumerated() {
            let down = try AdapterFile.random([rank] + inputs, seed: 7 * index + part)
            let up = try AdapterFile.random([rows, rank] + inputs.dropFirst().map { _ in 1 }, seed: 7 * index + part + 3)
            (tensors[name + style.down], tensors[name + style.up]) = (down, up)
            tensors[name + ".alpha"] = try Tensor([alpha], [])
            delta += product(up.array, down.array, rank: rank)
          }
          expected[parameter.name] = zip(try base.tensor(parameter).array, delta).map { $0 + scale * alpha / Float(rank) * $1 }
        }
        let file = folder.file("\(number)-\(place).safetensors")
        try AdapterFile.write(tensors, to: file)
        let merged = try checkpoint.merging(
          [(file: LoRAFile(file), scale: scale)], into: configuration.adapterTargets(in: checkpoint))
        let source = CheckpointParameters(merged, names: configuration.names(in: checkpoint))
        for parameter in parameters {
          let actual = try source.tensor(parameter).array
          let worst = zip(actual, expected[parameter.name] ?? []).map { abs($0 - $1) }.max() ?? 1
          #expect(worst < 2e-6, "\(parameter.name) as \(style)")
        }
      }
    }
  }

  /// B·A, row by row.
  private func product(_ up: [Float], _ down: [Float], rank: Int) -> [Float] {
    let (rows, columns) = (up.count / rank, down.count / rank)
    return (0..<rows).flatMap { row in
      (0..<columns).map { column in
        (0..<rank).reduce(Float(0)) { $0 + up[row * rank + $1] * down[$1 * columns + column] }
      }
    }
  }

  // MARK: as it is stored

  /// One layer, [40, 24], in each type.
  private func merged(_ type: ElementType, scale: Float) throws -> (base: StoredMatrix, merged: StoredMatrix, delta: [Float]) {
    let weight = try AdapterFile.random([40, 24], seed: 5)
    let file = folder.file("\(type.rawValue).safetensors")
    var writer = SafetensorsWriter(file)
    let name: TensorName = "blocks.0.attn.proj.weight"
    if type == .i8 {
      let matrix = StoredMatrix(
        rows: 40, columns: 24, type: .f32, bytes: UnsafeRawPointer(weight.pointer), owner: weight.storage)
      try writer.add(name, quantising: matrix, shape: [40, 24])
    } else {
      try writer.add(name, type: type, shape: [40, 24]) { sink in
        var bytes = [UInt8](repeating: 0, count: 960 * type.size)
        bytes.withUnsafeMutableBytes { type.encode(weight.array[...], into: $0) }
        try bytes.withUnsafeBytes(sink)
      }
    }
    try writer.write()
    let (down, up) = (try AdapterFile.random([2, 24], seed: 1), try AdapterFile.random([40, 2], seed: 2))
    let adapter = folder.file("adapter.safetensors")
    try AdapterFile.write(
      ["blocks.0.attn.proj.lora_A.weight": down, "blocks.0.attn.proj.lora_B.weight": up], to: adapter)
    let checkpoint = try openCheckpoint(at: file)
    let targets = LoRATargets(
      [Parameter("blocks.0.attn.proj.weight", [40, 24])], namings: [.official], stored: .official)
    let changed = try checkpoint.merging([(file: LoRAFile(adapter), scale: scale)], into: targets)
    return (
      try checkpoint.matrix(name.string, rows: 40, columns: 24), try changed.matrix(name.string, rows: 40, columns: 24),
      product(up.array, down.array, rank: 2)
    )
  }

  private func floats(_ matrix: StoredMatrix) -> [Float] {
    var result = [Float](repeating: 0, count: matrix.rows * matrix.columns)
    result.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { matrix.readAll(into: start) } }
    return result
  }

  @Test(arguments: [ElementType.f32, .f16, .bf16, .f64])
  func roundedOnceToTheStoredType(_ type: ElementType) throws {
    let (base, merged, delta) = try merged(type, scale: 0.5)
    #expect(merged.type == type)
    let sums = zip(floats(base), delta).map { $0 + 0.5 * $1 }
    var bytes = [UInt8](repeating: 0, count: sums.count * type.size)
    bytes.withUnsafeMutableBytes { type.encode(sums[...], into: $0) }
    #expect(bytes == Array(UnsafeRawBufferPointer(start: merged.bytes, count: bytes.count)))
  }

  /// Taken apart, merged, and quantised again row by row: larger numbers get larger scales.
  @Test func int8GetsNewScales() throws {
    let (base, merged, delta) = try merged(.i8, scale: 3)
    #expect(merged.type == .i8 && merged.scales != base.scales)
    let sums = zip(floats(base), delta).map { $0 + 3 * $1 }
    let wanted = sums.withUnsafeBytes { bytes in
      quantiseRows(
        StoredMatrix(
          rows: 40, columns: 24, type: .f32, bytes: bytes.baseAddress ?? merged.bytes, owner: folder))
    }
    #expect(merged.scales == wanted.scales)
    #expect(wanted.values.elementsEqual(UnsafeRawBufferPointer(start: merged.bytes, count: 960)))
  }

  @Test func whatFloat16DoesNotHoldIsSaid() throws {
    #expect(throws: LoRAError.self) { try merged(.f16, scale: 1e6) }
    #expect(throws: LoRAError.self) { try merged(.f32, scale: .greatestFiniteMagnitude) }
  }
}
