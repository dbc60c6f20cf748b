import DiTCharts
import DiTImage
import Testing

@Suite struct HeatMapTests {
  @Test func coloursGetBrighter() {
    #expect(HeatMap.color(0) == Color(0x440154) && HeatMap.color(1) == Color(0xFDE725))
    #expect(HeatMap.color(.nan) == HeatMap.color(0) && HeatMap.color(9) == HeatMap.color(1))
    let luma = (0...50).map { i in
      Mask(brightnessOf: Picture(width: 1, height: 1, filledWith: HeatMap.color(Float(i) / 50))).values[0]
    }
    #expect(zip(luma, luma.dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test func normalizesAnything() {
    #expect(HeatMap.normalized([2, 4, 3]) == [0, 1, 0.5])
    #expect(HeatMap.normalized([5, 5]) == [0, 0])
    #expect(HeatMap.normalized([.nan, 1, .infinity, 2]) == [0, 0, 0, 1])
    #expect(HeatMap.normalized([-.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == [0, 1])
    #expect(HeatMap.normalized([]) == [])
    #expect(HeatMap.normalized([2, 4, 9, .nan], range: 0...8) == [0.25, 0.5, 1, 0])
    #expect(HeatMap.normalized([2, 4], range: 3...3) == [0, 0])
  }

  @Test func theHottestPlaceIsWhereItShouldBe() throws {
    let picture = Picture(width: 40, height: 20, filledWith: .black)
    var map = [[Float]](repeating: [Float](repeating: 0, count: 4), count: 2)
    map[1][2] = 7  // the middle of that cell is (25, 15)
    let heat = try picture.overlayHeat(map, alpha: 1)
    #expect(heat[25, 15].green > 200)
    #expect(heat[5, 5].green < 10 && heat[39, 0].green < 60)
    #expect(try picture.overlayHeat(map, alpha: 0) == picture)
    #expect(try picture.overlayHeat([]) == picture)
    // Of a scale that others share, the hottest place here is lukewarm.
    #expect(try picture.overlayHeat(map, alpha: 1, range: 0...14)[25, 15] != heat[25, 15])
    #expect(try picture.overlayHeat(map, alpha: 1, range: 0...7) == heat)
  }
}
