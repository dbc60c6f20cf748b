import DiTImage
import DiTModels
import DiTStudy
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

@Suite struct CompareTests {
  @Test func modesDifferAndAreCounted() throws {
    let session = try MicroModel.session()
    var request = try MicroModel.request()
    request.classIndex = 2
    let comparison = try ModeComparison(request, seeds: 2, session: session)
    #expect(comparison.outcomes.map(\.mode) == ConditionMode.allCases)
    #expect(Set(comparison.outcomes.map { $0.pictures[0].picture.pixels }).count == 4)
    #expect(Set(comparison.outcomes[3].pictures.map(\.picture.pixels)).count == 2)
    // Each is the picture that its mode draws alone.
    #expect(try session.draw([request])[0].picture == comparison.outcomes[3].pictures[0].picture)
    // Words cost keys and values; no condition at all costs one branch instead of two.
    let work = comparison.outcomes.map(\.multiplyAddsPerPicture)
    #expect(work[0] < work[1] && work[1] < work[2] && work[2] == work[3])
    #expect(comparison.outcomes.allSatisfy { $0.secondsPerPicture > 0 && $0.wordFit < 1 && $0.wordFit.isFinite })

    let report = try ComparisonReport([comparison], model: session.model)
    let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any]
    #expect((json?["overall"] as? [Any])?.count == 4)
    let sheet = try report.sheet([comparison]).drawn()
    #expect(sheet.width > 2 * 64 && sheet.height > 4 * 64)
    let several = try ComparisonReport([comparison, comparison], model: session.model)
    #expect(several.subjects.count == 2)
    let notes = several.sheet([comparison, comparison]).notes
    for words in ["Fit: ", "seed \(several.seeds[0])", several.model, several.sampler, "guidance "] {
      #expect(notes.contains(words), "\(words)")
    }
    #expect(try several.sheet([comparison, comparison]).drawn().height > 2 * 64)
  }

  @Test func guidanceScalesChangePictures() throws {
    var request = try MicroModel.request()
    request.guidanceParallel = 0.5
    let sheet = try MicroModel.session().guidanceSheet(request, scales: [1, 5], seeds: 2)
    #expect(sheet.rowLabels == ["guidance 1, parallel 0.5", "guidance 5, parallel 0.5"])
    #expect(sheet.rows.count == 2 && sheet.rows[0].count == 2)
    #expect(sheet.rows[0][0]?.picture != sheet.rows[1][0]?.picture)
  }

  /// All four schemes run at any size of the paper, and their weights make each of them alive.
  @Test func schemesAreMeasured() throws {
    let backend = try Backend(precision: .f32, threads: 1)
    let comparison = try SchemeComparison("S/8", rounds: 2, backend: backend)
    #expect(comparison.rows.map(\.scheme) == SchemeTable.schemes.map(\.rawValue))
    #expect(comparison.rows.allSatisfy { $0.secondsPerStep >= $0.fastest && $0.fastest > 0 })
    #expect(comparison.rows.last?.paperGigaMultiplyAdds == 0.36)
    #expect(comparison.text.contains("in-context"))
    #expect(comparison.chart.width == 800)
    #expect(throws: BlueprintError.self) { try SchemeComparison("Q/2", backend: backend) }
  }

  /// Random weights of unit gain: the output is of the input's order, and class and timestep move it.
  @Test(arguments: ConditioningScheme.allCases)
  func randomWeightsAreAlive(_ scheme: ConditioningScheme) throws {
    let backend = try Backend(precision: .f32, threads: 1)
    let configuration = try #require(PaperModels.configuration("S/8", scheme))
    let model = try DiT.random(configuration, seed: 5, backend: backend)
    let conditions = [Condition(classIndex: 1), Condition(classIndex: 2), Condition(classIndex: 1)]
    let run = try model.prepare(conditions, grid: configuration.nativeGrid, timesteps: [[500, 500, 100]])
    let one = (0..<4 * 32 * 32).map { sinf(Float($0) * 0.37) * 1.4 }
    let output = try run.predict(try Tensor(one + one + one, [3, 4, 32, 32]), evaluation: 0, probe: nil)
    let parts = (0..<3).map { output.slice($0, count: 1).array }
    func distance(_ a: [Float], _ b: [Float]) -> Float {
      zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / a.reduce(0) { $0 + $1 * $1 }
    }
    let power = parts[0].reduce(0) { $0 + $1 * $1 } / Float(parts[0].count)
    #expect(power > 0.05 && power < 20, "\(power)")
    #expect(distance(parts[0], parts[1]) > 1e-4)
    #expect(distance(parts[0], parts[2]) > 1e-4)
  }
}
