import DiTCheckpoints
import Foundation
import DiTTensors
import Testing

/// Good files with a few bytes changed: every one is read or refused, without a crash or memory beyond its size.
@Suite struct FuzzTests {
  /// More of them in a long run: `DIT_T2I_FUZZ=100000`.
  static let mutations = ProcessInfo.processInfo.environment["DIT_T2I_FUZZ"].flatMap { Int($0) } ?? 400
  static let seeds = (SafetensorsTests.cases + PyTorchTests.cases).filter(\.loads)

  @Test(arguments: seeds)
  func mutants(_ golden: ManifestCase) throws {
    let original = Array(try Data(contentsOf: golden.url))
    var random = Random(state: UInt64(original.count))
    for _ in 0..<Self.mutations {
      let file = try MappedFile(named: "mutant", bytes: mutate(original, &random))
      do {
        let checkpoint = try openFile(file)
        for record in checkpoint.records {
          #expect(record.byteRange.lowerBound >= 0 && record.byteRange.upperBound <= record.file.bytes.count)
          _ = try? checkpoint.tensor(record.name.string)
          _ = try? checkpoint.integers(record.name.string)
        }
      } catch let error as LoadError {
        #expect(!error.description.contains { $0.isNewline })
      }
    }
    #expect(!FileManager.default.fileExists(atPath: "/tmp/dit-t2i-pickle-was-executed"))
  }

  private func mutate(_ original: [UInt8], _ random: inout Random) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      // Headers are at both ends of the files: three quarters of the changes go there.
      let zone = min(bytes.count, 300)
      let place =
        switch Int.random(in: 0..<4, using: &random) {
        case 0: Int.random(in: 0..<bytes.count, using: &random)
        case 1: bytes.count - 1 - Int.random(in: 0..<zone, using: &random)
        default: Int.random(in: 0..<zone, using: &random)
        }
      switch Int.random(in: 0..<7, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes[place] = [0x00, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
      case 3: bytes.remove(at: place)
      case 4: bytes.insert(bytes[place], at: place)
      case 5: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...16, using: &random)))
      default:  // a large number
        for offset in place..<min(bytes.count, place + 8) { bytes[offset] = 0xFF }
      }
    }
    return bytes
  }

  /// SplitMix64: the same mutations on every machine.
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
  }
}
