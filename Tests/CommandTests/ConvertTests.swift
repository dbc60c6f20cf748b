import DiTCheckpoints
import Foundation
import DiTImage
import DiTTestSupport
import Testing

@Suite(.serialized) struct ConvertTests {
  let program: Program

  init() throws { program = try Program() }

  /// int8 → f16 → int8 and int8 → f32: pictures stay within 2/255 on average, in fact far below.
  @Test func conversionsDrawTheSame() throws {
    defer { program.remove() }
    #expect(try program.run(["convert", "small", "half", "--type", "f16", "--quiet"]).status == 0)
    #expect(try program.run(["convert", "half", "small8", "--type", "int8", "--quiet"]).status == 0)
    #expect(try program.run(["convert", "small", "full", "--type", "f32", "--quiet"]).status == 0)
    let models = ["small", "./half", "./small8", "./full"]
    let pictures = try models.enumerated().map { index, model in
      let options =
        ["a red fox in snow", "--seed", "1", "--steps", "4", "--size", "96x64", "--precision", "f32", "-o", "\(index).png"]
      let result = try program.run(options + ["--model", model])
      #expect(result.status == 0, "\(result.errors)")
      return try Picture(contentsOf: program.folder.appendingPathComponent("\(index).png")).pixels
    }
    for other in pictures.dropFirst() {
      let difference = zip(pictures[0], other).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      #expect(Double(difference) / Double(other.count) < 0.5)
    }
    #expect(pictures[0] == pictures[3], "float32 holds int8 times scale exactly")
    let weights = "half/transformer/diffusion_pytorch_model.safetensors"
    let file = try openCheckpoint(at: program.folder.appendingPathComponent(weights))
    #expect(file.records.allSatisfy { $0.type == .f16 })
  }
}
