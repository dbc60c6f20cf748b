/// The training timesteps that a respacing text keeps, as the DiT repository reads it (`space_timesteps`).
///
/// - "250": 250 evenly spaced steps, both ends included.
/// - "10,20,5": the range cut into equal sections, so many steps in each.
/// - "ddim50": every n-th step from 0, n the smallest whole stride that gives exactly 50.
///
/// Steps are rounded half to even from a running float64 sum, which decides a few of them.
/// - Returns: ascending timesteps.
/// - Throws: ``DiffusionError/respacing(_:reason:)``.
func respacedTimesteps(_ text: String, of trainTimesteps: Int) throws -> [Int] {
  if text.hasPrefix("ddim") {
    guard let count = Int(text.dropFirst(4)), count > 0 else {
      throw DiffusionError.respacing(text, reason: "a number of steps must follow 'ddim'")
    }
    for stride in 1...max(1, trainTimesteps - 1) where (trainTimesteps + stride - 1) / stride == count {
      return Array(Swift.stride(from: 0, to: trainTimesteps, by: stride))
    }
    throw DiffusionError.respacing(text, reason: "no whole stride takes \(count) of \(trainTimesteps) steps")
  }

  let counts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
  guard counts.allSatisfy({ $0 > 0 }) else {
    throw DiffusionError.respacing(text, reason: "expected whole numbers such as '250', '10,20,5' or 'ddim50'")
  }
  var timesteps: [Int] = []
  var start = 0
  for (index, count) in counts.enumerated() {
    let size = trainTimesteps / counts.count + (index < trainTimesteps % counts.count ? 1 : 0)
    guard count <= size else {
      throw DiffusionError.respacing(text, reason: "\(count) steps do not fit into a section of \(size)")
    }
    let stride = count == 1 ? 1 : Double(size - 1) / Double(count - 1)
    var at = 0.0
    for _ in 0..<count {
      timesteps.append(start + Int(at.rounded(.toNearestOrEven)))
      at += stride
    }
    start += size
  }
  return timesteps
}
