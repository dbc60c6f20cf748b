import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

@Suite struct ReadingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func checkpoint(_ fill: (inout SafetensorsWriter) throws -> Void) throws -> Checkpoint {
    let url = folder.file("model.safetensors")
    var writer = SafetensorsWriter(url)
    try fill(&writer)
    try writer.write()
    return try openCheckpoint(at: url)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func matricesAreViewsOfTheFile() throws {
    let values = (0..<108).map { Float($0) * 0.25 - 7 }
    let model = try checkpoint { try $0.add("conv.weight", try Tensor(values, [3, 4, 3, 3])) }
    let matrix = try model.matrix("conv.weight", rows: 3, columns: 36)
    let notCopied = matrix.owner === model["conv.weight"]?.file  // inside #expect this crashes the compiler
    #expect(notCopied)
    var row = [Float](repeating: 0, count: 36)
    row.withUnsafeMutableBufferPointer { matrix.readRow(2, into: $0.baseAddress!) }
    #expect(row == Array(values[72...]))
    #expect(try model.optionalMatrix("none", rows: 1, columns: 1) == nil)
    #expect(try model.optionalTensor("none") == nil)
  }

  @Test func errorsNameFileTensorAndExpectation() throws {
    let model = try checkpoint {
      try $0.add("w", try Tensor([2, 3]))
      try $0.add("empty", try Tensor([4, 0]))
      try $0.add("i", type: .i32, shape: [1], bytes: Data([1, 0, 0, 0]))
    }
    let file = folder.file("model.safetensors").path
    #expect(
      message { _ = try model.tensor("w", shape: [3, 2]) } == "\(file): tensor \"w\" has shape [2, 3], expected [3, 2]")
    #expect(
      message { _ = try model.matrix("w", rows: 2, columns: 4) }
        == "\(file): tensor \"w\" has shape [2, 3], expected [2, 4]")
    #expect(message { _ = try model.matrix("empty", rows: 4, columns: 9) }.contains("expected [4, 9]"))
    #expect(message { _ = try model.tensor("v") } == "\(file): no tensor \"v\"")
    #expect(message { _ = try model.scoped("a.").scoped("b.").tensor("v") } == "\(file): no tensor \"a.b.v\"")
    #expect(message { _ = try model.tensor("i") }.contains("has type I32, expected a floating-point type"))
    #expect(message { _ = try model.integers("w") }.contains("has type F32, expected an integer type"))
  }

  @Test func findsMissingAndUnexpectedTensors() throws {
    let model = try checkpoint {
      for name in ["a", "b", "c", "d", "e", "f"] { try $0.add(TensorName(name), try Tensor([1])) }
    }
    try model.requireNames(["a", "b", "c", "d", "e", "f"])
    let text = message { try model.requireNames(["a", "z\n"]) }
    #expect(text.hasSuffix(#": 1 missing tensor: "z\n"; 5 unexpected tensors: "b", "c", "d", "e", …"#))

    for name in ["a", "b", "c", "d"] { _ = try model.tensor(name) }
    #expect(message { try model.requireAllRead { $0 == "e" } }.hasSuffix(": 1 unexpected tensor: \"f\""))
    try model.requireAllRead { "ef".contains($0) }
  }

  @Test func viewsGiveOtherNames() throws {
    let model = try checkpoint {
      try $0.add("decoder.in.w", try Tensor([1], [1]))
      try $0.add("decoder.out.w", try Tensor([2], [1]))
      try $0.add("encoder.in.w", try Tensor([3], [1]))
    }
    let decoder = model.scoped("decoder.")
    #expect(decoder.records.map(\.name.string).sorted() == ["in.w", "out.w"])
    let renamed = try decoder.renamed(["in.w": "first"]).renamed { $0 == "out.w" ? nil : "layers.\($0)" }
    #expect(try renamed.tensor("layers.first").array == [1])
    #expect(renamed.records.map(\.storedName.string) == ["decoder.in.w"])
    #expect(message { _ = try model.renamed { _ in "same" } }.contains("two tensors of this name"))
    _ = try decoder.tensor("out.w")
    try decoder.requireAllRead()
    #expect(throws: LoadError.self) { try model.requireAllRead() }
  }

  // MARK: int8

  @Test func int8IsTransparent() throws {
    let (rows, columns) = (5, 36)
    let values = (0..<rows * columns).map { Float(($0 * 7919) % 257 - 128) / Float(1 + $0 / columns) }
    let source = try Tensor(values, [rows, 4, 3, 3])
    let float = try checkpoint { try $0.add("w", source) }.matrix("w", rows: rows, columns: columns)
    let model = try checkpoint { try $0.add("w", quantising: float, shape: source.shape) }

    let read = try model.tensor("w", shape: source.shape).array
    let matrix = try model.matrix("w", rows: rows, columns: columns)
    let scales = try #require(matrix.scales)
    for row in 0..<rows {
      let original = values[row * columns..<(row + 1) * columns]
      #expect(scales[row] == (original.map(abs).max() ?? 0) / 127)
      for (a, b) in zip(original, read[row * columns..<(row + 1) * columns]) {
        #expect(abs(a - b) <= scales[row] * 0.5001)
      }
    }
    try model.requireNames(["w"])
    try model.requireAllRead()
  }

  @Test func badScalesAreNamed() throws {
    func int8(_ scale: Tensor?) throws -> Checkpoint {
      try checkpoint {
        try $0.add("w", type: .i8, shape: [2, 2], bytes: Data([1, 2, 3, 4]))
        if let scale { try $0.add("w.scale", scale) }
      }
    }
    func text(_ scale: Tensor?) -> String { message { _ = try int8(scale).matrix("w", rows: 2, columns: 2) } }
    #expect(text(nil).hasSuffix("no tensor \"w.scale\", the scales of an int8 tensor"))
    #expect(text(try Tensor([3])).hasSuffix("tensor \"w.scale\" has shape [3], expected [2]"))
    #expect(text(try Tensor([2], type: .bf16)).hasSuffix("tensor \"w.scale\" has type BF16, expected F32"))
    #expect(text(try Tensor([1, .nan], [2])).contains("tensor \"w.scale\": scale 1 is nan"))
    let orphan = try checkpoint { try $0.add("w.scale", try Tensor([2])) }
    #expect(message { _ = try orphan.tensor("w") }.hasSuffix("no tensor \"w\", only its scales"))
    #expect(message { _ = try orphan.optionalTensor("w") }.hasSuffix("no tensor \"w\", only its scales"))
    #expect(message { try orphan.requireNames([]) }.contains("unexpected tensor: \"w.scale\""))
  }

  @Test func notFiniteIsNotQuantised() throws {
    let model = try checkpoint { try $0.add("w", try Tensor([1, 2, .infinity, 3], [2, 2])) }
    let matrix = try model.matrix("w", rows: 2, columns: 2)
    #expect(quantiseRows(matrix).scales[1].isNaN)
    var writer = SafetensorsWriter(folder.file("no.safetensors"))
    expectRefusal(of: folder.file("no.safetensors"), "infinity") {
      try writer.add("w", quantising: matrix, shape: [2, 2])
    }
  }
}
