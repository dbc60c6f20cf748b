import DiTModels
import DiTTeaching
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation

/// Learns nothing, but what it is shortly before it depends on every lesson and their order.
final class ToyLearner: Learner {
  private(set) var samples = 0
  private(set) var planned: Int?
  private var sum: Float = 0
  /// Throws after so many steps, as a process that is killed.
  var fails: Int?

  struct Killed: Error {}

  func plan(samples: Int) { planned = samples }

  func learn(_ lessons: [Lesson]) throws -> Float {
    if let fails, samples / 4 >= fails { throw Killed() }
    for lesson in lessons {
      let mean = { (tensor: Tensor) in tensor.array.reduce(0, +) / Float(tensor.count) }
      sum = 0.9 * sum + mean(lesson.latents) + 0.5 * (lesson.states.map(mean) ?? 0) + (lesson.isOwn ? 0.25 : 0)
      samples += 1
    }
    return abs(sum) + 1 / Float(samples)
  }

  func error(of lessons: [Lesson], isTaught: Bool) throws -> Float { isTaught ? 0.5 : 1 }

  func save(to url: URL) throws { try Data("\(samples) \(sum.bitPattern)".utf8).write(to: url, options: .atomic) }

  func restore(from url: URL) throws {
    let parts = String(decoding: try Data(contentsOf: url), as: UTF8.self).split(separator: " ")
    samples = Int(parts[0]) ?? 0
    sum = Float(bitPattern: UInt32(parts[1]) ?? 0)
  }

  /// For `MicroModel`.
  func tensors() throws -> [(name: String, tensor: Tensor)] {
    try (0..<2).flatMap { block -> [(name: String, tensor: Tensor)] in
      let layer = "base_model.model.blocks.\(block).attn.qkv"
      let scale = 0.1 + abs(sum).truncatingRemainder(dividingBy: 1)
      return [
        ("\(layer).lora_A.weight", try Tensor((0..<4 * 48).map { Float($0 % 7 - 3) * scale * 0.1 }, [4, 48])),
        ("\(layer).lora_B.weight", try Tensor((0..<144 * 4).map { Float($0 % 5 - 2) * 0.1 }, [144, 4])),
      ]
    }
  }
}
