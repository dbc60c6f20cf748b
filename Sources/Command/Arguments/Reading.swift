import ArgumentParser
import DiTArguments
import DiTModels
import Foundation

extension Reading {
  /// A number with a fraction.
  static func number<Number: BinaryFloatingPoint & LosslessStringConvertible & Sendable>(_ range: ClosedRange<Number>)
    -> @Sendable (String) throws -> Number
  {
    let ends = [range.lowerBound, range.upperBound].map { $0 == $0.rounded() ? String(Int($0)) : "\($0)" }
    return value("a number from \(ends[0]) to \(ends[1])") { text in
      Number(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A name, a path, words: anything but nothing.
  static let path = value("a file or folder") { $0.isEmpty ? nil : $0 }

  static let size = value("512 or 384x256, in pixels") { text in
    PictureSize(text) ?? PictureSize("\(text)x\(text)")
  }
}

/// `7`, `1,5,9`, or `-1` for one by chance. PyTorch's generator, like ours, reads 32 bits of a seed: of a larger one
/// (other programs have 64) that is what counts and what is recorded.
struct Seeds {
  /// None: by chance.
  let values: [UInt64]

  static let read = Reading.value("a whole number from 0 to 4294967295, several as 1,5,9, or -1 for one by chance", Seeds.init)

  init?(_ text: String) {
    if text.trimmingCharacters(in: .whitespaces) == "-1" {
      values = []
      return
    }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { UInt64($0.trimmingCharacters(in: .whitespaces)) }
    guard numbers.count <= 10_000, !numbers.contains(nil) else { return nil }
    values = numbers.compactMap { $0.map(Seeds.reduced) }
  }

  /// The only one, for what draws from a single seed; nil for one by chance.
  func only() throws -> UInt64? {
    guard values.count <= 1 else { throw ValidationError("--seed: one is enough here, not \(values.count)") }
    return values.first
  }

  static func reduced(_ seed: UInt64) -> UInt64 { seed & 0xFFFF_FFFF }
}
