import DiTCheckpoints
import DiTModels
import DiTStudy
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

@Suite struct InspectTests {
  private struct Oracle: Decodable {
    struct Row: Decodable {
      let model: String
      let scheme: ConditioningScheme
      let parameters: Int
      let macs: [String: Int]
    }
    let rows: [Row]
  }

  /// Counted by another program, exactly.
  @Test func paperModelsEqualTheOracle() throws {
    let oracle = try readConfiguration(Oracle.self, at: Fixtures.url("schemes/parameter_mac_oracle.json"))
    #expect(oracle.rows.count == 48)
    for row in oracle.rows {
      for (latentSize, multiplyAdds) in row.macs {
        let counted = try SchemeTable.counted(row.model, row.scheme, latentSize: try #require(Int(latentSize)))
        #expect(counted == Cost(parameters: row.parameters, multiplyAdds: multiplyAdds), "\(row.model) \(row.scheme)")
      }
    }
  }

  /// To three digits, with which the paper's own counts agree among themselves (its G are of a tracer, 0.03 % more).
  @Test func paperModelsEqualThePaper() throws {
    var compared = 0
    for name in PaperModels.names {
      for scheme in ConditioningScheme.allCases {
        guard let printed = PaperModels.printed(name, scheme) else { continue }
        let counted = try #require(try SchemeTable.counted(name, scheme, latentSize: 32))
        #expect(abs(Double(counted.parameters) / 1e6 - Double(printed.parameters)!) <= 1, "\(name)")
        let macs = Double(counted.multiplyAdds) / 1e9
        #expect(abs(macs - Double(printed.gigaMACs)!) <= max(0.006, macs * 5e-4), "\(name) \(macs)")
        compared += 1
      }
    }
    #expect(compared == 15)
    let large = try #require(try SchemeTable.counted("XL/2", .adaLNZero, latentSize: 64))
    #expect(String(format: "%.2f", Double(large.multiplyAdds) / 1e9) == "524.54")
    #expect(try SchemeTable.text().contains("118.62"))
  }

  /// What docs/MODELS.md says of published models is what is counted.
  @Test func publishedModelsAreThoseOfTheDocumentation() throws {
    let page = try String(
      contentsOf: Fixtures.repository.appendingPathComponent("docs/MODELS.md"), encoding: .utf8)
    #expect(try page.contains(PublishedModels.table()))
  }

  /// The list of tensors and the sum of the stages are two ways to one number.
  @Test func parametersAreTheTensors() throws {
    for scheme in ConditioningScheme.allCases {
      let configuration = try #require(PaperModels.configuration("S/4", scheme))
      let listing = try configuration.listing()
      #expect(listing.parameters.reduce(0) { $0 + $1.count } == listing.costs(Workload()).total.parameters)
    }
    let small = try ModelInspection(configuration: "small")
    #expect(small.parts.reduce(0) { $0 + $1.parameters } == small.storedParameters)
    #expect(small.parts.map(\.name) == ["transformer", "text encoder", "autoencoder"])
    let share = try #require(small.textCrossAttentionShare)
    #expect(share > 0.1 && share < 0.2)
    #expect(throws: BlueprintError.self) { try ModelInspection(configuration: "XXL/3") }
  }

  /// What a folder holds is what its configuration says, and its numbers are not needed.
  @Test func foldersAreTheirConfigurations() throws {
    let micro = try MicroModel.folder()
    let stored = try ModelInspection(folder: micro)
    let planned = try ModelInspection(configuration: "micro")
    #expect(stored.storedParameters == planned.storedParameters)
    #expect(Set(stored.tensors.map { "\($0.shape)" }) == Set(planned.tensors.map { "\($0.shape)" }))
    let part = try ModelInspection(checkpoint: micro.url.appendingPathComponent("transformer"))
    #expect(part.parts.first?.parameters == part.storedParameters)
    let wide = try ModelInspection(folder: micro, size: PictureSize(width: 128, height: 64))
    #expect(wide.grid == [4, 8])
    #expect(throws: RequestError.self) { try ModelInspection(folder: micro, size: PictureSize(width: 120, height: 64)) }
  }
}
