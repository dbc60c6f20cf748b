import DiTCheckpoints
import Foundation
import DiTTestSupport
import Testing

/// Attacks beyond those of the manifest, each one change away from a file that loads.
@Suite struct HostileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func load(_ bytes: [UInt8]) throws -> Checkpoint {
    try openCheckpoint(at: folder.write("model.pt", bytes))
  }

  private func expectRefusal(
    _ what: String, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      _ = try load(bytes)
    } throws: { error in
      let text = "\(error)"
      if !text.contains(what) { print("    \(what) ≠ \(text)") }
      return error is LoadError && text.contains(what) && !text.contains { $0.isNewline }
    }
  }

  /// Values that a pickle makes once and hands over again and again, each time at the cost of their size.
  @Test func pickledRepetitions() {
    func expect(_ what: String, times: Int, _ prepare: (inout PickleBuilder) -> Void, _ repeated: (inout PickleBuilder) -> Void) {
      var pickle = PickleBuilder()
      prepare(&pickle)
      var body = PickleBuilder()
      body.bytes = []
      repeated(&body)
      for _ in 0..<times { pickle.bytes += body.bytes }
      let bytes = ZipBuilder.model(pickle.bytes).bytes
      #expect(processorTime { expectRefusal(what, bytes) } < .seconds(20))
    }
    // 200,000 pairs in a list, of which a dictionary is made each time.
    expect("opcodes", times: 2_000) {
      $0.op("](")
      $0.op("NN\u{86}q\u{0}" + String(repeating: "h\u{0}", count: 200_000) + "e\u{85}q\u{1}0")
    } _: { $0.global("collections", "OrderedDict"); $0.op("h\u{1}R0") }
    // A key of a megabyte for a storage.
    expect("name of more than", times: 20_000) {
      $0.op("(")
      $0.string("storage")
      $0.global("torch", "FloatStorage")
      $0.string(String(repeating: "k", count: 1 << 20))
      $0.string("cpu")
      $0.integer(1)
      $0.op("tq\u{0}0")
    } _: { $0.op("h\u{0}Q0") }
  }

  @Test func theUnchangedFileLoads() throws {
    #expect(try load(ZipBuilder.model().bytes)["weight"]?.shape == [2, 3])
    var wide = ZipBuilder.model(PickleBuilder.model(), [("byteorder", Array("little".utf8))])
    for index in wide.entries.indices { wide.entries[index].wide = true }
    #expect(try load(wide.bytes)["weight"]?.shape == [2, 3])
  }

  @Test func zips() {
    func change(_ edit: (inout ZipBuilder) -> Void) -> [UInt8] {
      var zip = ZipBuilder.model()
      edit(&zip)
      return zip.bytes
    }
    expectRefusal(
      "not little-endian", ZipBuilder.model(PickleBuilder.model(), [("byteorder", Array("big".utf8))]).bytes)
    expectRefusal("more than one root", change { $0.entries[1].name = "other/data/0" })
    expectRefusal("in no folder", change { $0.entries[1].name = "data" })
    expectRefusal("leaves its folder", change { $0.entries[1].name = "archive/../data/0" })
    expectRefusal("leaves its folder", change { $0.entries[1].name = "/archive/data/0" })
    expectRefusal("leaves its folder", change { $0.entries[1].name = "archive\\..\\data/0" })
    expectRefusal("disagree", change { $0.entries[1].localName = "archive/data/1" })
    expectRefusal("disagree", change { $0.entries[1].localSize = 12 })
    expectRefusal("disagree", change { $0.entries[1].localFlags = 0x800 })
    expectRefusal("encrypted", change { $0.entries[1].flags = 1 })
    expectRefusal("TorchScript", change { $0.entries.append(.init(name: "archive/code/m.py", data: [1, 2], method: 8)) })
    expectRefusal("compressed", change { $0.entries[1].method = 8 })
    expectRefusal("overlaps", change { $0.entries[1].offset = 0 })
    expectRefusal("there twice", change { $0.entries.append($0.entries[1]) })
    expectRefusal("entries, its end record says", change { $0.count = 3 })
    expectRefusal("no end record at its end", change { $0.suffix = [0] })
    expectRefusal("no end record at its end", change { $0.comment = Array("hello".utf8) })
    // Bytes before the archive: the offsets no longer fit, or another format's magic comes first.
    expectRefusal("neither", change { $0.prefix = Array("#!/bin/sh\n".utf8) })
    expectRefusal("the zip is empty", ZipBuilder(entries: [], prefix: [0x50, 0x4B, 3, 4]).bytes)
    // A deferred size needs the descriptor it promises.
    expectRefusal("disagree", change { $0.entries[0].flags = 8 })
  }

  @Test func tensors() {
    func refuse(_ what: String, _ pickle: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
      expectRefusal(what, ZipBuilder.model(pickle).bytes, sourceLocation: sourceLocation)
    }
    refuse(
      "9 dimensions", PickleBuilder.model(size: .init(repeating: 1, count: 9), stride: .init(repeating: 1, count: 9)))
    refuse("far more than the file", PickleBuilder.model(size: [1 << 40], stride: [0]))
    refuse("impossible size", PickleBuilder.model(size: [1 << 62, 1 << 62, 0], stride: [0, 0, 0]))
    refuse("impossible size", PickleBuilder.model(size: [.max, 2], stride: [0, 0]))
    refuse("reaches past", PickleBuilder.model(size: [2, 2], stride: [.max, 1]))
    refuse("reaches past", PickleBuilder.model(offset: .max))
    refuse("elements", PickleBuilder.model(count: .max))
    refuse("too few for", PickleBuilder.model(type: "DoubleStorage"))
    refuse("torch.UntypedStorage", PickleBuilder.model(type: "UntypedStorage"))
    refuse(
      "two ways",
      PickleBuilder.dictionary {
        $0.tensor("a")
        $0.tensor("b", type: "IntStorage")
      })
    refuse(
      "two tensors of this name",
      PickleBuilder.dictionary {
        $0.tensor("a")
        $0.tensor("a")
      })
    refuse(
      "far more than the file",
      PickleBuilder.dictionary { pickle in
        for index in 0..<200 { pickle.tensor("t\(index)", size: [1 << 20], stride: [0]) }
      })
  }

  @Test func pickles() {
    func refuse(
      _ what: String, _ fill: (inout PickleBuilder) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      var pickle = PickleBuilder()
      fill(&pickle)
      expectRefusal(what, ZipBuilder.model(pickle.bytes).bytes, sourceLocation: sourceLocation)
    }
    refuse("protocol 2 to 5") { $0.bytes[1] = 1 }
    refuse("protocol 2 to 5") { $0.bytes[1] = 6 }
    refuse("no dictionary of tensors") { $0.op("}.") }
    refuse("bytes follow the pickle") { $0.bytes = PickleBuilder.model() + [0] }
    refuse("values left over") { $0.op("NN.") }
    refuse("values left over") { $0.op("(N.") }
    refuse("empty stack") { $0.op("N(0R.") }
    refuse("key without a value") { $0.op("}(Nu.") }
    refuse("no list") { $0.op("}Na.") }
    refuse("no dictionary") { $0.op("](NNu.") }
    refuse("calls a non-function") { $0.op("N)R.") }
    refuse("constructor of a storage") {
      $0.global("torch", "FloatStorage")
      $0.op(")R.")
    }
    refuse("no class") {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.op(")\u{81}.")
    }
    refuse("what has none") { $0.op("NNb.") }
    refuse("opcode 0x82") { $0.op("\u{82}\u{1}.") }
    refuse("opcode 0x92") { $0.op(")}\u{92}.") }
    refuse("more than 1000 bytes") { $0.op("c" + String(repeating: "a", count: 2000) + "\n\n.") }
    // The refused name is shown on one line, whatever it holds.
    refuse(#"os\u{1B}[31m.system"#) { $0.global("os\u{1B}[31m", "system") }
    // A dictionary in itself, and lists nested as deep as the pickle is long: neither may cost any stack.
    refuse("no dictionary of tensors") { $0.op("}q\0(NNu(Kah\0u.") }
    refuse("no dictionary of tensors") { pickle in
      pickle.op("]q\0" + "0")
      for _ in 0..<200_000 { pickle.op("]h\0aq\0" + "0") }
      pickle.op("}.")
    }
    refuse("a value from an empty stack") { $0.op(String(repeating: "0", count: 3)) }
    refuse("stack is over its limit") { $0.op(String(repeating: "N", count: 1_000_001)) }
  }

  @Test func jsonOfSafetensors() {
    func refuse(_ what: String, _ json: String, data: Int = 4, sourceLocation: SourceLocation = #_sourceLocation) {
      let header = Array(json.utf8)
      let bytes = littleEndian(UInt64(header.count)) + header + [UInt8](repeating: 0, count: data)
      expectRefusal(what, bytes, sourceLocation: sourceLocation)
    }
    func tensor(_ fields: String) -> String { "{\"w\":{\(fields)}}" }
    let good = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#
    refuse("the key \"dtype\" twice", tensor(good + #","dtype":"F32""#))
    refuse("the key \"w\" twice", #"{"\u0077":{"# + good + #"},"w":{"# + good + "}}")
    refuse("the key \"__metadata__\" twice", #"{"__metadata__":{},"__metadata__":{}}"#, data: 0)
    refuse("nested deeper", tensor(good + #","x":"# + String(repeating: "[", count: 40)))
    refuse("half a surrogate", tensor(good).replacingOccurrences(of: "\"w\"", with: #""\ud800""#))
    refuse("half a surrogate", tensor(good).replacingOccurrences(of: "\"w\"", with: #""\udc00x""#))
    refuse("control character", tensor(good).replacingOccurrences(of: "\"w\"", with: "\"w\n\""))
    refuse("unknown escape", tensor(good).replacingOccurrences(of: "\"w\"", with: #""\x41""#))
    refuse("leading zero", tensor(good).replacingOccurrences(of: "[1]", with: "[01]"))
    refuse("not whole", tensor(good).replacingOccurrences(of: "[1]", with: "[1e0]"))
    refuse("no whole number", tensor(good).replacingOccurrences(of: "[1]", with: "[-0]"))
    refuse("no whole number", tensor(good).replacingOccurrences(of: "[1]", with: "[1,]"))
    refuse("too large", tensor(good).replacingOccurrences(of: "[1]", with: "[9223372036854775808]"))
    refuse(
      "overflows", tensor(good).replacingOccurrences(of: "[1]", with: "[9223372036854775807,9223372036854775807,0]"))
    refuse("no value", tensor(good + #","x":nul"#))
    refuse("bytes after", tensor(good) + "\n")
    refuse("unfinished string", "{\"w")
  }
}
