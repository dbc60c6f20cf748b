import DiTCheckpoints
import DiTTensors
import DiTText
import Foundation

/// In what a converted model's matrices are stored.
package enum StorageType: String, Sendable, CaseIterable {
  case f32, f16, bf16
  /// One scale a row; small tensors, norms and biases stay as they are.
  case int8
}

/// Writes a model of any kind as a folder in diffusers' layout, with its weights stored in another type.
package struct ModelConverter {
  /// Smaller tensors keep their type: they cost little, and the layers at both ends of the model are among them.
  static let smallest = 32 << 10
  /// So do rows of fewer numbers, as depthwise convolutions have: beside them a scale costs as much as it saves.
  static let shortest = 16

  /// Converts a model into the new folder `target`, which appears whole or not at all.
  /// - Parameter progress: is told the name of each part as it begins.
  /// - Throws: ``ConversionError``, `LoadError`.
  package static func convert(
    _ model: ModelFolder, to target: URL, as type: StorageType, progress: (String) -> Void = { _ in }
  ) throws {
    try NewFolder.write(target) { folder in
      try ModelDescriptions(model).write(to: folder)
      let file = { (part: String, name: String) in folder.appendingPathComponent(part).appendingPathComponent(name) }
      let diffusers = "diffusion_pytorch_model.safetensors"
      progress("transformer")
      try convert(model.transformerCheckpoint(), to: file(model.folderNames.transformer, diffusers), as: type)
      if let text = model.text {
        progress("text_encoder")
        let weights = try text.openWeights().without([SentencePieceModel.tensor])
        try convert(weights, to: file("text_encoder", "model.safetensors"), as: type)
      }
      for (name, _, tensors) in try model.captions?.networks() ?? [] {
        progress(name)
        // GPT-2 keeps its matrices turned: a scale for each of their rows would be one for an input.
        let isTurned = name == "text_decoder" && type == .int8
        try convert(tensors, to: file(name, name == "text_decoder" ? diffusers : "model.safetensors"), as: isTurned ? .f16 : type)
      }
      progress("vae")
      try convert(model.autoencoder.tensors, to: file("vae", diffusers), as: type)
    }
  }

  /// One checkpoint to one safetensors file.
  static func convert(_ checkpoint: Checkpoint, to url: URL, as type: StorageType) throws {
    var writer = SafetensorsWriter(url, metadata: ["format": "pt"])
    for record in checkpoint.records where !isScale(record, in: checkpoint) {
      guard record.type.holdsWeights else {
        try writer.add(record)
        continue
      }
      let rows = record.shape.first ?? 1
      let columns = record.shape.dropFirst().reduce(1, *)
      let matrix = { try checkpoint.matrix(record.name.string, rows: rows, columns: columns) }
      // A single row, like stored positions, would get a single scale.
      let large = record.count >= smallest && record.shape.count >= 2 && rows > 1 && columns >= shortest
      switch type {
      case .int8 where large: try writer.add(record.name, quantising: matrix(), shape: record.shape)
      case .int8 where record.type == .i8: try add(record, matrix, as: .f16, to: &writer)
      case .int8 where record.isMerged: try add(record, matrix, as: record.type, to: &writer)
      case .int8: try writer.add(record)
      case .f32: try add(record, matrix, as: .f32, to: &writer)
      case .f16: try add(record, matrix, as: .f16, to: &writer)
      case .bf16: try add(record, matrix, as: .bf16, to: &writer)
      }
    }
    try writer.write()
  }

  /// Row by row, so that no second copy of a large matrix is in memory.
  private static func add(
    _ record: TensorRecord, _ matrix: @escaping () throws -> StoredMatrix, as type: ElementType,
    to writer: inout SafetensorsWriter
  ) throws {
    try writer.add(record.name, type: type, shape: record.shape) { sink in
      let matrix = try matrix()
      var row = [Float](repeating: 0, count: max(1, matrix.columns))
      var bytes = [UInt8](repeating: 0, count: max(1, matrix.columns) * type.size)
      guard matrix.columns > 0 else { return }
      for index in 0..<matrix.rows {
        row.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { matrix.readRow(index, into: start) } }
        bytes.withUnsafeMutableBytes { type.encode(row[...], into: $0) }
        try bytes.withUnsafeBytes(sink)
      }
      matrix.release()
    }
  }

  /// Scales belong to their int8 tensor and are written with it.
  private static func isScale(_ record: TensorRecord, in checkpoint: Checkpoint) -> Bool {
    let name = record.name.string
    guard name.hasSuffix(".scale") else { return false }
    return checkpoint[String(name.dropLast(".scale".count))]?.type == .i8
  }
}
