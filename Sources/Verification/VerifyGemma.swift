import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTText
import Foundation

/// Gemma 2 folders, with and without `model.` before their names; layer by layer from the file too, and with the first tokens
/// as an instruction before the others, computed or from its file, which must give the same numbers.
@Sendable func verifyGemma2(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(Gemma2Configuration.self, at: test.beside("config.json"))
  let weights = try TextEncoders.open(test.beside("model.safetensors"))
  let encoder = try Gemma2Encoder(configuration, Parameters(weights, backend: test.backend))
  let mask = try rows(of: "input.mask", in: file)
  // A token sees none behind it: padding at the end needs no computing.
  let ids = try zip(rows(of: "input.ids", in: file), mask).map { ids, mask in Array(ids.prefix(mask.count(where: { $0 != 0 }))) }
  var shown: [ProbePoint: [Tensor]] = [:]
  var points: [ProbePoint] = []
  let states = try encoder.encode(ids) { point, tensor in
    if shown[point] == nil { points.append(point) }
    try shown[point, default: []].append(tensor.copy())
  }
  for point in points { try compareRows(&test, point.name, shown[point] ?? [], mask, file) }
  try compareRows(&test, "hidden", states, mask, file)
  func same(_ what: String, _ other: [Tensor]) { test.exact(what, other.map(\.array) == states.map(\.array)) }
  same(
    "streamed = kept",
    try Gemma2Encoder(configuration, Parameters(weights, backend: test.backend), streamed: true).encode(ids))
  if test.has("causal-lm-names.safetensors") {
    let named = try TextEncoders.open(test.beside("causal-lm-names.safetensors"))
    same("causal-lm names", try Gemma2Encoder(configuration, Parameters(named, backend: test.backend)).encode(ids))
  }
  try verifySelection(&test, encoder, ids, length: mask.first?.count ?? 0, file)
}

/// SANA's rows: the first, and the last of the padded sequence.
private func verifySelection(
  _ test: inout VerificationCase, _ encoder: Gemma2Encoder, _ ids: [[Int]], length: Int, _ file: Checkpoint
) throws {
  guard let kept = test.manifest["max_sequence_length"]?.integer, file.contains("expected.selected") else { return }
  let texts = ids.map { ids in
    let instruction = Array(ids.prefix(length - kept + 1))
    return InstructedText(instruction: instruction, Array(ids.prefix(1) + ids.dropFirst(instruction.count)))
  }
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-verify-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let place = { (tokens: [Int]) in folder.appendingPathComponent("\(tokens.count)-\(tokens.last ?? 0).safetensors") }
  let states = try encoder.encode(texts, keeping: place, probe: nil)
  try compareRows(&test, "selected", states, rows(of: "expected.selected_mask", in: file), file)
  let again = try encoder.encode(texts, keeping: place, probe: nil)
  test.exact("instruction from its file", again.map(\.array) == states.map(\.array))
}

/// As ``compareStates(_:_:_:_:_:)``, of states without padding.
private func compareRows(
  _ test: inout VerificationCase, _ name: String, _ states: [Tensor], _ mask: [[Int]], _ file: Checkpoint
) throws {
  guard file.contains("expected." + name) else { return }
  let expected = try file.tensor("expected." + name)
  let wanted = try mask.indices.flatMap { row in
    try unpadded(expected.slice(row, count: 1).reshaped(Array(expected.shape.dropFirst())), mask[row]).array
  }
  test.compare(name, expected: wanted, actual: states.flatMap(\.array))
}

/// Gemma's tokenizer from `tokenizer.model` and from `tokenizer.json`; and prompts behind SANA's instruction.
@Sendable func verifyGemmaTokenizer(_ test: inout VerificationCase) throws {
  let golden = try readConfiguration(JSONValue.self, at: test.url)
  guard golden["prompts"] == nil else { return try verifyInstruction(&test, golden) }
  for name in ["tokenizer.model", "tokenizer.json"] where test.has(name) {
    let tokenizer = try GemmaTokenizer(contentsOf: test.beside(name), maximumLength: .max)
    let actual = [
      "vocab_size": tokenizer.vocabularySize, "pad": tokenizer.padID, "eos": tokenizer.endID, "bos": tokenizer.startID,
    ]
    for (key, value) in actual.sorted(by: { $0.key < $1.key }) { test.exact("\(name): \(key)", golden[key]?.integer == value) }
    func wrong(_ list: String, _ text: (JSONValue) -> [UInt8], _ fits: ([Int], JSONValue) -> Bool) throws {
      let all = golden[list]?.array ?? []
      let wrong = try all.filter { try !fits(tokenizer.pieces(of: text($0)), $0) }
      test.exact("\(name): \(all.count) \(list)", wrong.isEmpty && !all.isEmpty, note: first(wrong))
    }
    try wrong("cases", { Array(($0["text"]?.string ?? "").utf8) }, { $0 == $1["ids"]?.integers })
    try wrong("malformed_utf8", { bytes(hex: $0["bytes_hex"]?.string ?? "") }, { $0 == $1["ids"]?.integers })
    try wrong("long", { Array(longText($0).utf8) }, { hash($0) == $1["ids_sha256_int32le"]?.string })
  }
}

private func verifyInstruction(_ test: inout VerificationCase, _ golden: JSONValue) throws {
  let lines = golden["instruction"]?.array?.compactMap(\.string) ?? []
  test.exact("instruction", lines.joined(separator: "\n") == sanaInstruction)
  let prompts = golden["prompts"]?.array ?? []
  let wrong = try prompts.filter { one in
    let longest = one["max_sequence_length"]?.integer ?? 0
    let tokenizer = try GemmaTokenizer(contentsOf: test.beside("tokenizer.model"), maximumLength: longest)
    let prompt = TextDescription.prepared(one["prompt"]?.string ?? "")
    let text = try tokenizer.encode(prompt, after: sanaInstruction), negative = try tokenizer.encode(prompt)
    let real = text.instruction.count + text.ids.count - 1
    let padded = { (ids: [Int], count: Int) in ids + Array(repeating: tokenizer.padID, count: max(0, count - ids.count)) }
    return text.instruction.count + 1 != one["instruction_tokens"]?.integer || real != one["real_tokens"]?.integer
      || text.ids.count != one["selected_real"]?.integer
      || hash(padded(text.instruction + text.ids.dropFirst(), one["length"]?.integer ?? 0)) != one["ids_sha256_int32le"]?.string
      || hash(padded(text.ids, longest)) != one["selected_ids_sha256_int32le"]?.string
      || hash(padded(negative, longest)) != one["as_negative_prompt"]?["ids_sha256_int32le"]?.string
      || negative.count != one["as_negative_prompt"]?["real_tokens"]?.integer
  }
  let note = wrong.first.flatMap { $0["prompt"]?.string } ?? ""
  test.exact("\(prompts.count) prompts", wrong.isEmpty && !prompts.isEmpty, note: note)
}

private func hash(_ ids: [Int]) -> String {
  sha256(ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } })
}
