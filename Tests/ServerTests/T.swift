import DiTServer
import Testing
@Test func x() { #expect(test() > 1) }
