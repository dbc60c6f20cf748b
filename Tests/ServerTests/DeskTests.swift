import DiTServer
import Testing

@Suite struct DeskTests {
  @Test func limits() { #expect(OrderLimits().count == 16) }
}
