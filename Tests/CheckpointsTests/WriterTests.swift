import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

@Suite struct WriterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: (SafetensorsTests.cases + PyTorchTests.cases).filter(\.loads))
  func copiesEveryGoodFile(_ golden: ManifestCase) throws {
    let url = folder.file("copy.safetensors")
    var writer = SafetensorsWriter(url)
    for record in try openCheckpoint(at: golden.url).records { try writer.add(record) }
    try writer.write()
    let copy = try openCheckpoint(at: url)
    try golden.expectTensors(copy)
    for record in copy.records {
      #expect(record.byteRange.lowerBound % record.type.size == 0, "\(record.name) is not aligned")
    }
    #expect(folder.names == ["copy.safetensors"])
  }

  @Test func keepsMetadataAndStrangeNames() throws {
    let url = folder.file("strange.safetensors")
    let metadata = ["format": "pt", "quote\"\\": "line\nbreak\u{1}", "猫": "🦊"]
    var writer = SafetensorsWriter(url, metadata: metadata)
    let names = ["\u{e9}", "e\u{301}", "a\"\\\n\u{7f}", ""]
    for (index, name) in names.enumerated() { try writer.add(TensorName(name), try Tensor([Float(index)], [1])) }
    try writer.write()
    let read = try openCheckpoint(at: url)
    #expect(read.metadata == metadata)
    for (index, name) in names.enumerated() { #expect(try read.tensor(name).array == [Float(index)]) }
  }

  @Test func refusesWhatItCouldNotReadBack() throws {
    let url = folder.file("no.safetensors")
    var writer = SafetensorsWriter(url)
    try writer.add("twice", try Tensor([1]))
    expectRefusal(of: url, "a name twice") { try writer.add("twice", try Tensor([2])) }
    expectRefusal(of: url, "the metadata's name") { try writer.add("__metadata__", try Tensor([2])) }
    expectRefusal(of: url, "not UTF-8") { try writer.add(TensorName(bytes: [0xFF]), try Tensor([2])) }
    expectRefusal(of: url, "overflow") {
      try writer.add("big", type: .f32, shape: [.max, 2]) { _ in }
    }
    try writer.add("short", type: .f32, shape: [2], bytes: Data(count: 7))
    expectRefusal(of: url, "too few bytes") { try writer.write() }
    #expect(folder.names.isEmpty)
  }

  @Test func leavesNothingBehindOnErrors() throws {
    let url = folder.file("full.safetensors")
    try Data("old".utf8).write(to: url)
    var writer = SafetensorsWriter(url)
    try writer.add("w", try Tensor([1 << 16]))

    // The disk is full: no space for the first byte.
    expectRefusal(of: url, "disk full") {
      try writer.write { _ in open("/dev/full", O_WRONLY) }
    }
    struct Interrupted: Error {}
    try writer.add("x", type: .f32, shape: [1]) { _ in throw Interrupted() }
    #expect(throws: Interrupted.self) { try writer.write() }
    #expect(folder.names == ["full.safetensors"])
    #expect(try Data(contentsOf: url) == Data("old".utf8))

    let nowhere = folder.file("no/such/folder.safetensors")
    expectRefusal(of: nowhere, "no folder") { try SafetensorsWriter(nowhere).write() }
    let occupied = folder.file("occupied")
    try FileManager.default.createDirectory(at: occupied, withIntermediateDirectories: true)
    expectRefusal(of: occupied, "a folder of that name") { try SafetensorsWriter(occupied).write() }
    #expect(folder.names == ["full.safetensors", "occupied"])
  }

  /// A reader keeps the file it opened when another takes its name.
  @Test func replacesAtOnce() throws {
    let url = folder.file("model.safetensors")
    func write(_ value: Float) throws {
      var writer = SafetensorsWriter(url)
      try writer.add("w", try Tensor([value], [1]))
      try writer.write()
    }
    try write(1)
    let old = try openCheckpoint(at: url)
    try write(2)
    #expect(try old.tensor("w").array == [1])
    #expect(try openCheckpoint(at: url).tensor("w").array == [2])
  }
}
