import DiTCKernels
import Foundation
import Synchronization

/// Memory of a tensor: 64-byte aligned, freed with its last owner.
///
/// Blocks of the size that a decoder makes and drops for each layer are kept for the next one: fresh pages cost more time
/// than the convolution that fills them.
///
/// `@unchecked`: the pointer is constant. What it points to is written by whoever made the tensor and read by many once it
/// is whole, as with any buffer; ``Tensor`` says where that is.
package final class Storage: @unchecked Sendable {
  package let pointer: UnsafeMutableRawPointer
  package let byteCount: Int
  private let capacity: Int

  /// - Parameter zeroed: false where a kernel is about to write every byte.
  /// - Throws: ``BackendError/outOfMemory(_:)``.
  package init(byteCount: Int, zeroed: Bool = true) throws {
    self.byteCount = byteCount
    capacity = max(64, (byteCount + 63) / 64 * 64)
    guard let pointer = Recycler.take(capacity) ?? dk_allocate(capacity) else {
      throw BackendError.outOfMemory("\(byteCount) bytes of a tensor")
    }
    self.pointer = pointer
    if zeroed { memset(pointer, 0, capacity) }
  }

  deinit {
    if !Recycler.keep(pointer, capacity) { dk_free(pointer) }
  }
}

/// Freed blocks of middling size, by their exact size.
package enum Recycler {
  /// Blocks as addresses, which may cross threads.
  private struct Blocks {
    var free: [Int: [UInt]] = [:]
    var total = 0
  }

  /// Smaller blocks the allocator keeps itself; larger ones would hold memory that the next picture may not need.
  package static let sizes = 128 << 10...8 << 20
  package static let limit = 32 << 20
  private static let blocks = Mutex(Blocks())

  package static func take(_ size: Int) -> UnsafeMutableRawPointer? {
    guard sizes.contains(size) else { return nil }
    return blocks.withLock { blocks -> UInt? in
      guard let block = blocks.free[size]?.popLast() else { return nil }
      blocks.total -= size
      return block
    }.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
  }

  package static func keep(_ block: UnsafeMutableRawPointer, _ size: Int) -> Bool {
    guard sizes.contains(size) else { return false }
    let address = UInt(bitPattern: block)
    return blocks.withLock { blocks in
      guard blocks.total + size <= limit else { return false }
      blocks.free[size, default: []].append(address)
      blocks.total += size
      return true
    }
  }

  /// Bytes that are kept now.
  package static var kept: Int { blocks.withLock { $0.total } }

  /// Gives back to the system what the allocator keeps between blocks in use: of blocks of 8 to 32 MiB, of which a decoder frees
  /// hundreds, that can be as much again as those in use.
  package static func trim() { dk_trim() }

  /// Gives everything back, so that a test meets the allocator.
  package static func drain() {
    let all = blocks.withLock { blocks in
      defer { blocks = Blocks() }
      return blocks.free.values.flatMap { $0 }
    }
    for address in all { dk_free(UnsafeMutableRawPointer(bitPattern: address)) }
  }
}
