import DiTTensors
import DiTCKernels
import Testing

@Suite struct ViewTests {
  @Test func viewsShareNumbers() throws {
    let tensor = try Tensor((0..<24).map(Float.init), [2, 3, 4])
    #expect(tensor.rows == 6 && tensor.columns == 4 && tensor.count == 24)
    let view = tensor.slice(1, count: 1).reshaped([3, 4])
    view.withFloats { $0[0] = 100 }
    #expect(tensor.array[12] == 100)
    let copy = try tensor.copy()
    copy.withFloats { $0[0] = -1 }
    #expect(tensor.array[0] == 0)
  }

  @Test func shapesThatDoNotFitAreErrors() throws {
    let tensor = try Tensor([2, 3])
    for make: () throws -> Void in [
      { _ = try Tensor([1, 2, 3], [2, 2]) },
      { _ = try tensor.copy(into: Tensor([7])) },
      { _ = try tensor.copy(into: Tensor([2, 3], type: .bf16)) },
      { _ = try Tensor.concatenated([]) },
      { _ = try Tensor.concatenated([tensor, Tensor([2, 4])]) },
      { _ = try Matrix(tensor, from: 2, count: 2) },
      { _ = try Matrix(tensor, from: -1, count: 1) },
      { _ = try Matrix(tensor, from: .max, count: 1) },
    ] {
      #expect(throws: BackendError.self, performing: make)
    }
  }

  /// Sizes are checked before memory is asked for.
  @Test func impossibleSizesAreErrors() {
    for shape in [[Int.max, 2], [1 << 31, 1 << 31, 4], [-1], [3, -2]] {
      #expect(throws: BackendError.self) { try Tensor(shape) }
    }
  }

  @Test func aMatrixIsARangeOfColumns() throws {
    let tensor = try Tensor((0..<12).map(Float.init), [2, 6])
    let part = try Matrix(tensor, from: 2, count: 3)
    #expect(part.rows == 2 && part.columns == 3)
    var row = [Float](repeating: 0, count: 3)
    tensor.read(row: 1, from: 2, into: &row)
    #expect(row == [8, 9, 10])
  }

  @Test func stacksInOrderAndType() throws {
    let parts = try [Tensor([1, 2], [1, 2]), Tensor([3, 4, 5, 6], [2, 2])]
    let stack = try Tensor.concatenated(parts)
    #expect(stack.shape == [3, 2] && stack.array == [1, 2, 3, 4, 5, 6])
  }

  @Test func memoryThatRunsOutIsAnError() throws {
    dk_fail_allocation(1)
    defer { dk_fail_allocation(0) }
    #expect(throws: BackendError.self) { try Tensor([4, 4]) }
    _ = try Tensor([4, 4])
  }
}

/// One after the other: there is one recycler.
@Suite(.serialized) struct RecyclerTests {
  @Test func keepsBlocksOfMiddlingSizeAlone() {
    #expect(Recycler.take(64) == nil)
    #expect(Recycler.take(Recycler.sizes.upperBound + 64) == nil)
    let size = Recycler.sizes.lowerBound + 64 * 12_345  // a size nobody else asks for
    guard let block = dk_allocate(size) else { return }
    #expect(Recycler.take(size) == nil)
    // Tests beside this one may have filled it, and fill it again.
    let isKept = (0..<1_000).contains { _ in
      Recycler.drain()
      return Recycler.keep(block, size)
    }
    #expect(isKept)
    #expect(Recycler.take(size) == block)
    dk_free(block)
  }

  @Test func isBounded() {
    let size = Recycler.sizes.upperBound - 64 * 7  // nor this one
    let blocks = (0..<8).compactMap { _ in dk_allocate(size) }
    for block in blocks where !Recycler.keep(block, size) { dk_free(block) }
    #expect(Recycler.kept <= Recycler.limit)
    Recycler.drain()
    #expect(Recycler.take(size) == nil)
  }
}
