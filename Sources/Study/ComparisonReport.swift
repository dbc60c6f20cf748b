import DiTCharts
import DiTErrors
import DiTImage
import DiTTensors
import DiTTextToImage
import Foundation

/// What `compare` says for programs, and its sheet for people.
package struct ComparisonReport: Encodable, Sendable {
  package struct Mode: Encodable, Sendable {
    package let mode: ConditionMode
    package let secondsPerPicture: Double
    package let multiplyAddsPerPicture: Int
    /// Share of the model's error in predicting the picture's noise that knowing the words takes away.
    package let wordFit: Double
  }

  package struct Subject: Encodable, Sendable {
    package let prompt: String
    package let className: String
    package let modes: [Mode]
  }

  package let model: String
  package let backend: String
  package let precision: String
  package let threads: Int
  package let size: String
  package let steps: Int
  package let sampler: String
  package let guidance: Float
  package let guidanceParallel: Float
  package let seeds: [UInt64]
  package let subjects: [Subject]
  /// Means over the subjects; the median of the seconds, because a busy machine has outliers.
  package let overall: [Mode]

  /// - Parameter comparisons: one at least, all with one number of seeds.
  /// - Throws: ``ComparisonError/unlike``.
  package init(_ comparisons: [ModeComparison], model: TextToImage) throws {
    let counts = Set(comparisons.flatMap { $0.outcomes.map(\.pictures.count) })
    guard let request = comparisons.first?.request, counts.count == 1 else { throw ComparisonError.unlike }
    self.model = model.folder.name
    backend = model.backend.kind.rawValue
    precision = model.backend.precision.rawValue
    threads = model.backend.threads
    size = request.size.description
    steps = model.folder.steps(of: request)
    sampler = request.sampler
    guidance = request.guidanceScale
    guidanceParallel = request.guidanceParallel
    seeds = comparisons[0].outcomes[0].pictures.map(\.request.seed)
    subjects = comparisons.map { comparison in
      Subject(
        prompt: comparison.request.prompt,
        className: comparison.request.classIndex.map(model.folder.className) ?? "",
        modes: comparison.outcomes.map {
          Mode(
            mode: $0.mode, secondsPerPicture: $0.secondsPerPicture, multiplyAddsPerPicture: $0.multiplyAddsPerPicture,
            wordFit: $0.wordFit)
        })
    }
    overall = ConditionMode.allCases.enumerated().map { [subjects] index, mode in
      let all = subjects.map { $0.modes[index] }
      return Mode(
        mode: mode, secondsPerPicture: all.map(\.secondsPerPicture).sorted()[all.count / 2],
        multiplyAddsPerPicture: all.map(\.multiplyAddsPerPicture).reduce(0, +) / all.count,
        wordFit: all.map(\.wordFit).reduce(0, +) / Double(all.count))
    }
  }

  /// One subject: modes down, seeds across. Several: subjects down, modes across, the first seed each.
  package func sheet(_ comparisons: [ModeComparison]) -> ContactSheet {
    let guidance = comparisons.first?.request.guidanceWords ?? ""
    let common = "\(model), \(size), \(counted(steps, "step")), \(sampler), \(guidance)"
    let fit = "Fit: the share of the model's error in predicting a picture's noise that knowing the words takes away."
    if comparisons.count == 1 {
      let outcomes = comparisons[0].outcomes
      return ContactSheet(
        rows: outcomes.map { $0.pictures.map { ContactSheet.Item($0.picture) } },
        title: "\(subjects[0].prompt)  ·  class \(subjects[0].className)",
        columnHeaders: seeds.map { "seed \($0)" },
        rowLabels: overall.map {
          String(format: "%@\n%.2f s\nfit %.1f %%", $0.mode.rawValue, $0.secondsPerPicture, 100 * $0.wordFit)
        }, notes: "\(common)\n\(fit)")
    }
    return ContactSheet(
      rows: comparisons.map { $0.outcomes.map { ContactSheet.Item($0.pictures[0].picture) } },
      columnHeaders: overall.map { String(format: "%@\nfit %.1f %%", $0.mode.rawValue, 100 * $0.wordFit) },
      rowLabels: subjects.map { "\($0.prompt)\nclass \($0.className)" },
      notes: "\(common), seed \(seeds[0])\n\(fit) The means of \(counted(seeds.count, "seed")).")
  }
}

extension DrawingSession {
  /// The effect of the guidance scale: scales down, seeds across.
  package func guidanceSheet(
    _ request: GenerationRequest, scales: [Float], seeds: Int, progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws -> ContactSheet {
    let requests = scales.map { scale in
      var one = request
      one.guidanceScale = scale
      return one
    }
    let rows = try requests.enumerated().map { index, one in
      let pictures = try draw(one.withSeeds(seeds)) { event in
        if case .step(let step, let steps) = event { try progress(index * steps + step, scales.count * steps) }
      }
      return pictures.map { ContactSheet.Item($0.picture) }
    }
    let title = [request.prompt, request.classIndex.map { "class \(model.folder.className($0))" }].compactMap { $0 }
    return ContactSheet(
      rows: rows, title: title.filter { !$0.isEmpty }.joined(separator: "  ·  "),
      columnHeaders: request.withSeeds(seeds).map { "seed \($0.seed)" }, rowLabels: requests.map(\.guidanceWords),
      notes: "\(model.folder.name), \(request.size), \(counted(model.folder.steps(of: request), "step")), \(request.sampler)")
  }
}
