import DiTCheckpoints
import DiTImage
import DiTTensors
import DiTText
import DiTTextToImage
import Foundation

/// CLIP's text encoder under each of its names; what it is called in the goldens beside what a probe sees.
@Sendable func verifyCLIPText(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let ids = try rows(of: "input.ids", in: file)
  let mask = try file.contains("input.mask") ? rows(of: "input.mask", in: file) : ids.map { $0.map { _ in 1 } }
  for name in ["model.safetensors", "openai-names.safetensors"] where test.has(name) {
    guard let sizes = try TextEncoders.configuration(of: test.beside(name)) as? CLIPTextConfiguration,
      let encoder = try sizes.load(TextEncoders.open(test.beside(name)), backend: test.backend) as? CLIPTextEncoder
    else { throw VerificationError("\(name) is no CLIP") }
    var shown: [(name: String, states: [Tensor])] = []
    func show(_ name: String, _ states: Tensor) throws {
      let index = shown.firstIndex { $0.name == name } ?? shown.endIndex
      if index == shown.endIndex { shown.append((name, [])) }
      shown[index].states.append(try states.copy())
    }
    for (ids, mask) in zip(ids, mask) {
      let mask = mask.contains(0) ? mask.map { UInt8(clamping: $0) } : nil
      let states = try encoder.states(of: ids, mask: mask) { try show($0.name, $1) }
      try show("penultimate", states.penultimate)
      try show("penultimate_normed", encoder.normed(states.penultimate))
      try show("hidden", states.hidden)
      try show("pooled", states.pooled)
      if let embedding = states.embedding { try show("text_embeds", embedding) }
    }
    for (name, states) in shown {
      if ["pooled", "text_embeds"].contains(name) {
        try test.compare(name, in: file, actual: .concatenated(states))
      } else {
        try compareStates(&test, name, states, mask, file)
      }
    }
  }
}

/// SHA-256 of ids as little-endian numbers of 32 bits.
private func hash(_ ids: [Int]) -> String {
  sha256(ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } })
}

/// CLIP's tokenizer: short texts, long ones by their hash, and some of its pieces by their id.
@Sendable func verifyBytePairs(_ test: inout VerificationCase) throws {
  let golden = try readConfiguration(JSONValue.self, at: test.url)
  let cases = golden["cases"]?.array ?? []
  let length = cases.first?["input_ids"]?.integers?.count ?? 77
  let files = BytePairTokenizer.fileNames.filter(test.has)
  for name in files {
    let tokenizer = try BytePairTokenizer(contentsOf: test.beside(name), maximumLength: length)
    test.exact("\(name): \(tokenizer.vocabularySize) pieces", golden["vocab_size"]?.integer == tokenizer.vocabularySize)
    for (key, id) in [("bos", tokenizer.startID), ("eos", tokenizer.endID), ("pad", tokenizer.padID)] {
      test.exact(key, golden[key]?.integer == id)
    }
    let pieces = golden["vocabulary"]?.array ?? []
    test.exact("\(pieces.count) pieces", pieces.allSatisfy { $0.array?[0].integer.map(tokenizer.spelling) == $0.array?[1].string })
    let wrong = try cases.filter { one in
      let text = one["text"]?.string ?? ""
      return try tokenizer.pieces(of: Array(text.utf8)) != one["ids"]?.integers
        || one["input_ids"].map { try tokenizer.encode(text) != $0.integers } ?? false
    }
    test.exact("\(cases.count) strings", wrong.isEmpty && !cases.isEmpty, note: first(wrong))
    // A golden that is the hash of the short string's ids at its place was written for that: it tells nothing of the long one.
    let short = cases.map { hash($0["ids"]?.integers ?? []) }
    let long = zip(golden["long"]?.array ?? [], short).filter { $0["ids_sha256_int32le"]?.string != $1 }.map(\.0)
    let unusable = (golden["long"]?.array?.count ?? 0) - long.count
    let different = try long.filter { hash(try tokenizer.pieces(of: Array(longText($0).utf8))) != $0["ids_sha256_int32le"]?.string }
    let note = unusable > 0 ? "\(unusable) not compared: their goldens are the ids of short strings" : ""
    test.exact("\(long.count) long strings", different.isEmpty, note: different.isEmpty ? note : first(different))
  }
}

/// CLIP's encoder of pictures under both of its names.
@Sendable func verifyCLIPVision(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let sizes = try readConfiguration(CLIPVisionConfiguration.self, at: test.beside("config.json"))
  let pixels = try file.tensor("input.pixel_values")
  for name in ["model.safetensors", "openai-names.safetensors"] where test.has(name) {
    let encoder = try sizes.load(test.beside(name), backend: test.backend)
    var shown: [(name: String, states: [Tensor])] = []
    func show(_ name: String, _ states: Tensor) throws {
      let index = shown.firstIndex { $0.name == name } ?? shown.endIndex
      if index == shown.endIndex { shown.append((name, [])) }
      shown[index].states.append(try states.copy())
    }
    for picture in 0..<pixels.shape[0] {
      let one = pixels.slice(picture, count: 1).reshaped(Array(pixels.shape.dropFirst()))
      let states = try encoder.states(of: one) { try show($0.name, $1) }
      try show("hidden", states.hidden)
      try show("pooled", states.pooled)
      if let embedding = states.embedding { try show("image_embeds", embedding) }
    }
    for (point, states) in shown { try test.compare(point, in: file, actual: .concatenated(states), note: name) }
  }
}

/// What CLIP is shown of a picture, and what UniDiffuser is: to the last bit, and as numbers.
@Sendable func verifyCLIPPreparation(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let preparation = try readConfiguration(CLIPPreparation.self, at: test.beside("preprocessor_config.json"))
  let side = test.manifest["square"]?.integer ?? 0
  for record in file.records where record.name.string.hasPrefix("input.") {
    let name = String(record.name.string.dropFirst("input.".count))
    let bytes = try file.integers(record.name.string).map { UInt8(clamping: $0) }
    let picture = try Picture(width: record.shape[1], height: record.shape[0], pixels: bytes)
    let square = try preparation.square(of: picture).pixels.map(Int.init)
    test.exact("\(name).u8", try square == file.integers("expected.\(name).u8"))
    let whole = try picture.centerSquare(side).pixels.map(Int.init)
    test.exact("\(name).square_u8", try whole == file.integers("expected.\(name).square_u8"))
    try test.compare("\(name).pixel_values", in: file, actual: preparation.pixels(of: picture))
  }
}
