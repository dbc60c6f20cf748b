import DiTCharts
import DiTImage
import DiTTensors
import DiTTransformer
import Foundation

/// The four conditioning schemes of one size side by side: parameters, multiply-adds and measured time of a step.
///
/// Weights are random, which takes the same time. A step is one evaluation of one picture.
package struct SchemeComparison: Encodable, Sendable {
  package struct Row: Encodable, Sendable {
    package let scheme: String
    package let parameters: Int
    package let multiplyAdds: Int
    /// The median.
    package let secondsPerStep: Double
    package let fastest: Double
    /// As the paper prints them for this very model; nil where it does not.
    package let paperMillionParameters: Double?
    package let paperGigaMultiplyAdds: Double?
  }

  package let configuration: String
  package let precision: String
  package let threads: Int
  package let rows: [Row]

  /// - Parameters:
  ///   - name: "S/2" … "XL/8".
  ///   - rounds: how often each is measured; all four in turn, so that a busy machine is fair to them.
  package init(
    _ name: String, latentSize: Int = 32, rounds: Int = 9, backend: Backend, progress: (String) throws -> Void = { _ in }
  ) throws {
    guard rounds > 0 else { throw BlueprintError.rounds(rounds) }
    let schemes = SchemeTable.schemes
    let timesteps = (0..<rounds + 1).map { [Float(1000 - 10 * $0)] }
    var runs: [any TransformerRun] = []
    for scheme in schemes {
      try progress("making \(name) \(scheme.rawValue)")
      guard let configuration = PaperModels.configuration(name, scheme, latentSize: latentSize) else {
        throw BlueprintError.unknown(name)
      }
      guard latentSize > 0, latentSize % configuration.patchSize == 0 else {
        throw BlueprintError.latents(latentSize, patch: configuration.patchSize)
      }
      let model = try DiT.random(configuration, backend: backend)
      try runs.append(model.prepare([Condition(classIndex: 7)], grid: configuration.nativeGrid, timesteps: timesteps))
    }
    let latents = try Tensor((0..<4 * latentSize * latentSize).map { sinf(Float($0)) }, [1, 4, latentSize, latentSize])
    var seconds = schemes.map { _ in [Double]() }
    for round in 0...rounds {
      try progress("measuring, round \(round) of \(rounds)")
      for (index, run) in runs.enumerated() {
        let start = ContinuousClock.now
        _ = try run.predict(latents, evaluation: round, probe: nil)
        // The first makes the modulations of all steps, and touches memory for the first time.
        if round > 0 { seconds[index].append((ContinuousClock.now - start) / .seconds(1)) }
      }
    }
    configuration = name
    precision = backend.precision.rawValue
    threads = backend.threads
    rows = try schemes.enumerated().map { index, scheme in
      let cost = try SchemeTable.counted(name, scheme, latentSize: latentSize) ?? Cost()
      let printed = latentSize == 32 ? PaperModels.printed(name, scheme) : nil
      let times = seconds[index].sorted()
      return Row(
        scheme: scheme.rawValue, parameters: cost.parameters, multiplyAdds: cost.multiplyAdds,
        secondsPerStep: times[times.count / 2], fastest: times[0],
        paperMillionParameters: printed.flatMap { Double($0.parameters) },
        paperGigaMultiplyAdds: printed.flatMap { Double($0.gigaMACs) })
    }
  }

  /// A table for people. The paper's numbers, of XL/2 for all four schemes, relative to adaLN-Zero.
  package var text: String {
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(0, width - text.count)) }
    var lines = [
      "DiT-\(configuration), \(precision), \(threads) threads; shares are of adaLN-Zero, the paper's of XL/2",
      pad("scheme", 17) + "     M params   (paper)       GMAC   (paper)    ms a step",
    ]
    for row in rows {
      let share = relative(row)
      let paper = SchemeComparison.paper(row.scheme)
      lines.append(
        pad(row.scheme, 17)
          + String(
            format: "%8.1f  %.2f  (%.2f)  %9.2f  %.3f  (%.3f)  %9.2f  %.3f", Double(row.parameters) / 1e6,
            share.parameters, paper.parameters, Double(row.multiplyAdds) / 1e9, share.multiplyAdds, paper.multiplyAdds,
            row.secondsPerStep * 1e3, share.seconds))
    }
    return lines.joined(separator: "\n")
  }

  /// The same as bars, all against adaLN-Zero.
  package var chart: Picture {
    let shares = rows.map(relative)
    let papers = rows.map { SchemeComparison.paper($0.scheme) }
    return BarChart(
      title: "DiT-\(configuration): four conditioning schemes against adaLN-Zero", unit: "adaLN-Zero = 1",
      groups: rows.map(\.scheme),
      series: [
        BarChart.Series("parameters", shares.map(\.parameters)),
        BarChart.Series("parameters, paper's XL/2", papers.map(\.parameters)),
        BarChart.Series("multiply-adds", shares.map(\.multiplyAdds)),
        BarChart.Series("multiply-adds, paper's XL/2", papers.map(\.multiplyAdds)),
        BarChart.Series("time of a step (\(precision), \(threads) threads)", shares.map(\.seconds)),
      ]
    ).drawn()
  }

  /// Against adaLN-Zero, the last row.
  package func relative(_ row: Row) -> (parameters: Double, multiplyAdds: Double, seconds: Double) {
    let base = rows[rows.count - 1]
    return (
      Double(row.parameters) / Double(base.parameters), Double(row.multiplyAdds) / Double(base.multiplyAdds),
      row.secondsPerStep / base.secondsPerStep
    )
  }

  /// The paper's XL/2 against its adaLN-Zero: the only size it prints for every scheme.
  static func paper(_ scheme: String) -> (parameters: Double, multiplyAdds: Double) {
    func number(_ text: String?) -> Double { text.flatMap { Double($0) } ?? .nan }
    let printed = ConditioningScheme(rawValue: scheme).flatMap { PaperModels.printed("XL/2", $0) }
    let base = PaperModels.printed("XL/2", .adaLNZero)
    return (
      number(printed?.parameters) / number(base?.parameters), number(printed?.gigaMACs) / number(base?.gigaMACs)
    )
  }
}
