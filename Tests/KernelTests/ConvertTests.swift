import DiTCKernels
import Foundation
import Testing

@Suite struct ConvertTests {
  /// The value of a 16-bit float by its definition.
  static func value(_ bits: UInt16, _ type: dk_stored) -> Double {
    let (fractionBits, bias) = type == DK_STORED_F16 ? (10, 15) : (7, 127)
    let exponents = 1 << (15 - fractionBits)
    let exponent = Int(bits >> fractionBits) & (exponents - 1), fraction = Int(bits) & ((1 << fractionBits) - 1)
    let sign: Double = bits >> 15 == 1 ? -1 : 1
    if exponent == exponents - 1 { return fraction == 0 ? sign * .infinity : .nan }
    let significand = Double(fraction) / Double(1 << fractionBits) + (exponent == 0 ? 0 : 1)
    return sign * significand * pow(2, Double(max(exponent, 1) - bias))
  }

  @Test(arguments: [DK_STORED_F16, DK_STORED_BF16])
  func everyValueSurvives(type: dk_stored) {
    let all = (0...UInt16.max).map { $0 }
    var floats = [Float](repeating: 0, count: all.count), back = [UInt16](repeating: 0, count: all.count)
    dk_to_f32(type, all, all.count, &floats)
    dk_from_f32(type, floats, all.count, &back)
    for bits in all {
      let expected = Self.value(bits, type), float = floats[Int(bits)]
      if expected.isNaN {
        #expect(float.isNaN && Self.value(back[Int(bits)], type).isNaN)
      } else if Double(float) != expected || back[Int(bits)] != bits || (float.sign == .minus) != (bits >> 15 == 1) {
        Issue.record("\(bits) became \(float) and \(back[Int(bits)])")
      }
      // One at a time takes the path of the remainders.
      var single = Float(0), word = bits
      dk_to_f32(type, &word, 1, &single)
      if single.bitPattern != float.bitPattern && !single.isNaN { Issue.record("alone \(bits) became \(single)") }
    }
  }

  /// The result is the nearest value, and on a tie the even one, whether in a long run or alone.
  @Test(arguments: [DK_STORED_F16, DK_STORED_BF16])
  func roundsToNearestEven(type: dk_stored) {
    var random = TestRandom(3)
    var numbers: [Float] = [0, -0.0, 65504, 65519.99, 65520, 1e-8, -6e-8, 2.98e-8, 2.9802322e-8, 3.4e38, .infinity, -.infinity]
    for _ in 0..<20000 {
      let bits = UInt16.random(in: 0...UInt16.max, using: &random)
      let here = Self.value(bits, type), next = Self.value(bits ^ 1, type)
      if here.isFinite && next.isFinite { numbers += [Float((here + next) / 2), Float(here * 0.7 + next * 0.3)] }
    }
    var bits = [UInt16](repeating: 0, count: numbers.count)
    dk_from_f32(type, numbers, numbers.count, &bits)
    for (number, result) in zip(numbers, bits) {
      var alone = UInt16(0), copy = number
      dk_from_f32(type, &copy, 1, &alone)
      #expect(alone == result)
      let value = Self.value(result, type)
      guard value.isFinite else {
        #expect(abs(Double(number)) >= (type == DK_STORED_F16 ? 65520 : 3.3961775e38))
        continue
      }
      let distance = abs(value - Double(number))
      for neighbour in [result &- 1, result &+ 1] where Self.value(neighbour, type).isFinite {
        let other = abs(Self.value(neighbour, type) - Double(number))
        if other < distance || (other == distance && result & 1 == 1 && other > 0) {
          Issue.record("\(number) became \(value)")
        }
      }
    }
  }

  @Test func unalignedBytesAreRead() {
    var random = TestRandom(4)
    let numbers = random.floats(37)
    for type in [DK_STORED_F32, DK_STORED_F16, DK_STORED_BF16, DK_STORED_F64] {
      let size = type == DK_STORED_F64 ? 8 : type == DK_STORED_F32 ? 4 : 2
      let memory = GuardedMemory(byteCount: 37 * size + 1)  // starts at an odd address whatever the type
      dk_from_f32(type, numbers, 37, memory.pointer)
      memmove(memory.pointer + 1, memory.pointer, 37 * size)
      var back = [Float](repeating: 0, count: 37)
      dk_to_f32(type, memory.pointer + 1, 37, &back)
      #expect(zip(numbers, back).allSatisfy { abs($0 - $1) <= abs($0) * (size == 2 ? 0.004 : 0) })
    }
  }

  @Test func quantisedRowsAreSymmetric() {
    var random = TestRandom(5)
    for count in [1, 7, 8, 9, 64, 101] {
      let numbers = random.floats(count), largest = numbers.map(abs).max()!
      var levels = [Int8](repeating: 0, count: count), back = [Float](repeating: 0, count: count)
      let scale = dk_f32_to_i8(numbers, count, &levels)
      dk_i8_to_f32(levels, scale, count, &back)
      #expect(scale == largest / 127)
      #expect(levels.map { abs(Int($0)) }.max() == 127)
      for (number, level) in zip(numbers, levels) {
        #expect(Float(level) == (number / scale).rounded(.toNearestOrEven))
      }
      #expect(zip(back, levels).allSatisfy { $0 == Float($1) * scale })
    }
    var zeros = [Int8](repeating: 1, count: 9)
    #expect(dk_f32_to_i8([Float](repeating: 0, count: 9), 9, &zeros) == 1 && zeros.allSatisfy { $0 == 0 })
  }
}
