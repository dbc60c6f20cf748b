import Foundation
import DiTTestSupport
import Testing
import DiTText

@Suite struct RelativePositionTests {
  private struct Golden: Decodable {
    let wide: [Int]
    let narrow: [Int]

    enum CodingKeys: String, CodingKey {
      case wide = "buckets32_max128", narrow = "buckets16_max64"
    }
  }

  /// The whole golden table: relative positions −300…300.
  @Test func everyBucket() throws {
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Fixtures.url("text-dit/relative_bucket.json")))
    for (table, buckets, distance) in [(golden.wide, 32, 128), (golden.narrow, 16, 64)] {
      let middle = table.count / 2
      #expect(table.count == 601)
      let actual = (-middle...middle).map { relativePositionBucket($0, buckets: buckets, maxDistance: distance) }
      #expect(actual == table)
    }
  }
}
