import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTText
import Foundation

/// Hugging Face's T5 encoder, both forms; block by block from the file too, which must give the same numbers.
@Sendable func verifyT5(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(T5Configuration.self, at: test.beside("config.json"))
  let weights = try openCheckpoint(at: test.beside("model.safetensors"))
  let encoder = try T5Encoder(configuration, Parameters(weights, backend: test.backend))
  let ids = try rows(of: "input.ids", in: file)
  let mask = try rows(of: "input.mask", in: file)
  var shown: [ProbePoint: [Tensor]] = [:]
  var points: [ProbePoint] = []
  let states = try zip(ids, mask).map { ids, mask in
    try encoder.encode(ids, mask: mask.map { UInt8(clamping: $0) }) { point, tensor in
      if shown[point] == nil { points.append(point) }
      try shown[point, default: []].append(tensor.copy())
    }
  }
  for point in points { try compareStates(&test, point.name, shown[point] ?? [], mask, file) }
  try compareStates(&test, "hidden", states, mask, file)
  let streamed = try T5Encoder(configuration, Parameters(weights, backend: test.backend), streamed: true)
  let same = try streamed.encode(ids).map(\.array) == encoder.encode(ids).map(\.array)
  test.exact("streamed = kept", same)
}

/// Texts to ids, all exact: short ones, malformed UTF-8 and long ones by their hash; or a model's own list with end tokens.
@Sendable func verifyTokenizer(_ test: inout VerificationCase) throws {
  let golden = try readConfiguration(JSONValue.self, at: test.url)
  if let list = golden.array {
    let tokenizer = try ModelFolder(modelFolder(of: test)).tokenizer()
    let wrong = try list.filter { try tokenizer.encode($0["text"]?.string ?? "") != $0["ids"]?.integers }
    return test.exact("\(list.count) strings", wrong.isEmpty && !list.isEmpty, note: first(wrong))
  }
  let name = golden["model"]?.string ?? test.url.deletingPathExtension().lastPathComponent + ".spiece.model"
  let tokenizer = try SentencePieceTokenizer(contentsOf: test.beside(name))
  for key in ["vocab_size", "pad", "eos", "unk"] {
    let actual = [
      "vocab_size": tokenizer.vocabularySize, "pad": tokenizer.padID, "eos": tokenizer.endID, "unk": tokenizer.unknownID,
    ]
    test.exact(key, golden[key]?.integer == actual[key])
  }
  var ties = 0
  var wrong: [JSONValue] = []
  let cases = golden["cases"]?.array ?? []
  for one in cases {
    let ids = try tokenizer.pieces(of: Array((one["text"]?.string ?? "").utf8))
    if ids == one["ids"]?.integers { continue }
    // Equal scores: SentencePiece before 0.2.2 chose the other segmentation, and Debian 12 has 0.1.97.
    if let other = one["ids_sentencepiece_0.2.1"]?.integers, ids == other { ties += 1 } else { wrong.append(one) }
  }
  let note = ties > 0 ? "\(ties) exact score ties as SentencePiece < 0.2.2 breaks them" : ""
  test.exact("\(cases.count) strings", wrong.isEmpty && !cases.isEmpty, note: wrong.isEmpty ? note : first(wrong))
  let malformed = golden["malformed_utf8"]?.array ?? []
  let broken = try malformed.filter {
    try tokenizer.pieces(of: bytes(hex: $0["bytes_hex"]?.string ?? "")) != $0["ids"]?.integers
  }
  test.exact("\(malformed.count) malformed", broken.isEmpty && !malformed.isEmpty, note: first(broken))
  let long = golden["long"]?.array ?? []
  let different = try long.filter { one in
    let ids = try tokenizer.pieces(of: Array(longText(one).utf8))
    return sha256(ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } })
      != one["ids_sha256_int32le"]?.string
  }
  test.exact("\(long.count) long strings", different.isEmpty && !long.isEmpty, note: first(different))
}

/// The text itself, or a unit repeated to a length in characters; one is "x", 5000 spaces and "y".
func longText(_ one: JSONValue) -> String {
  if let text = one["text"]?.string { return text }
  let unit = Array((one["repeat"]?.string ?? "").unicodeScalars)
  let length = min(one["length"]?.integer ?? 0, 1 << 20)
  var scalars = String.UnicodeScalarView()
  for index in 0..<length where !unit.isEmpty { scalars.append(unit[index % unit.count]) }
  let repeated = String(scalars)
  if sha256(Array(repeated.utf8)) == one["sha256_utf8"]?.string { return repeated }
  return "x" + String(repeating: " ", count: max(0, length - 2)) + "y"
}

func bytes(hex: String) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

func first(_ wrong: [JSONValue]) -> String {
  guard let one = wrong.first else { return "" }
  let name = one["text"]?.string ?? one["bytes_hex"]?.string ?? one["repeat"]?.string ?? "?"
  return "\(wrong.count) differ, first \"\(name.prefix(40))\""
}
