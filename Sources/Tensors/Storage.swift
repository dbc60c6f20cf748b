import Foundation
import Synchronization

/// Memory of a tensor: 64-byte aligned, freed with its last owner.
///
/// Blocks of the size that a decoder makes and drops for each layer are kept for the next one: fresh pages cost more time
/// than the convolution that fills them.
package final class Storage: @unchecked Sendable {
  package let pointer: UnsafeMutableRawPointer
  package let byteCount: Int
  private let capacity: Int

  /// - Parameter zeroed: false where a kernel is about to write every byte.
  package init(byteCount: Int, zeroed: Bool = true) {
    self.byteCount = byteCount
    capacity = max(64, (byteCount + 63) / 64 * 64)
    pointer = Recycler.take(capacity) ?? .allocate(byteCount: capacity, alignment: 64)
    if zeroed { memset(pointer, 0, capacity) }
  }

  deinit {
    if !Recycler.keep(pointer, capacity) { pointer.deallocate() }
  }
}

/// Freed blocks of middling size, by their exact size.
private enum Recycler {
  /// Blocks as addresses, which may cross threads.
  private struct Blocks {
    var free: [Int: [UInt]] = [:]
    var total = 0
  }

  /// Smaller blocks the allocator keeps itself; larger ones would hold memory that the next picture may not need.
  private static let sizes = 128 << 10...8 << 20
  private static let limit = 32 << 20
  private static let blocks = Mutex(Blocks())

  static func take(_ size: Int) -> UnsafeMutableRawPointer? {
    guard sizes.contains(size) else { return nil }
    return blocks.withLock { blocks -> UInt? in
      guard let block = blocks.free[size]?.popLast() else { return nil }
      blocks.total -= size
      return block
    }.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
  }

  static func keep(_ block: UnsafeMutableRawPointer, _ size: Int) -> Bool {
    guard sizes.contains(size) else { return false }
    let address = UInt(bitPattern: block)
    return blocks.withLock { blocks in
      guard blocks.total + size <= limit else { return false }
      blocks.free[size, default: []].append(address)
      blocks.total += size
      return true
    }
  }
}
