import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// The caption decoder on random weights: what is remembered is what would be computed again, and beams are as good as all.
@Suite struct CaptionTests {
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  private static let vocabulary = 23, width = 12

  private func configuration() throws -> CaptionConfiguration {
    try JSONDecoder().decode(
      CaptionConfiguration.self,
      from: Data(
        """
        {"prefix_length": 3, "prefix_inner_dim": 8, "prefix_hidden_dim": 6, "n_embd": 12, "n_layer": 2, "n_head": 3,
        "n_positions": 16, "vocab_size": 23}
        """.utf8))
  }

  /// Weights under diffusers' names, or under those of its authors with what they leave beside it.
  private func decoder(original: Bool = false) throws -> CaptionDecoder {
    let (outer, inner) = original ? ("module.", "module.gpt.transformer.") : ("", "transformer.transformer.")
    let d = Self.width
    var shapes: [(String, [Int])] = [
      ("\(outer)encode_prefix.weight", [6, 8]), ("\(outer)encode_prefix.bias", [6]), ("\(outer)decode_prefix.weight", [d, 6]),
      ("\(outer)decode_prefix.bias", [d]), ("\(inner)wte.weight", [Self.vocabulary, d]), ("\(inner)wpe.weight", [16, d]),
      ("\(inner)ln_f.weight", [d]), ("\(inner)ln_f.bias", [d]),
    ]
    for layer in 0..<2 {
      for (name, shape) in [
        ("ln_1", [d]), ("ln_2", [d]), ("attn.c_attn", [d, 3 * d]), ("attn.c_proj", [d, d]), ("mlp.c_fc", [d, 4 * d]),
        ("mlp.c_proj", [4 * d, d]),
      ] {
        shapes += [("\(inner)h.\(layer).\(name).weight", shape), ("\(inner)h.\(layer).\(name).bias", [shape[shape.count - 1]])]
      }
    }
    var writer = SafetensorsWriter(folder.file("decoder.safetensors"))
    for (index, (name, shape)) in shapes.enumerated() {
      let values = (0..<shape.reduce(1, *)).map { sin(Float(index + 1) * 1.7 + Float($0) * 2.3) * 0.6 }
      try writer.add(TensorName(name), Tensor(values, shape))
    }
    if original { try writer.add("module.clip.logit_scale", Tensor([1], [1])) }
    try writer.write()
    return try CaptionDecoder(configuration(), folder.file("decoder.safetensors"), backend: backend)
  }

  private func text(_ seed: Float = 1) throws -> Tensor { try Tensor((0..<18).map { cos(Float($0) * 1.1 * seed) }, [3, 6]) }

  @Test func bothNamesReadTheSame() throws {
    let ids = [1, 5, 2]
    let first = try decoder().start(decoder().prefix(of: text()), ids: ids).logits
    let other = try decoder(original: true)
    #expect(try other.start(other.prefix(of: text()), ids: ids).logits.array == first.array)
    #expect(first.shape == [6, Self.vocabulary] && first.array.allSatisfy(\.isFinite))
  }

  /// Token by token as all at once, in any order of the captions.
  @Test func whatIsRememberedIsWhatWouldBeComputed() throws {
    let decoder = try decoder()
    let prefix = try decoder.prefix(of: text())
    let sequences = [[1, 5, 2], [7, 5, 0], [7, 3, 9]]
    var (_, memory) = try decoder.start(prefix, room: 3)
    try memory.choose([0, 0, 0])
    _ = try decoder.next([7, 1, 7], &memory)
    try memory.choose([1, 0, 2])
    _ = try decoder.next([5, 5, 3], &memory)
    try memory.choose([0, 1, 2])
    let last = try decoder.next(sequences.map { $0[2] }, &memory)
    #expect(!decoder.hasRoom(memory))
    for (row, ids) in sequences.enumerated() {
      let whole = try decoder.start(prefix, ids: ids).logits
      let difference = zip(whole.slice(whole.rows - 1, count: 1).array, last.slice(row, count: 1).array).map { abs($0 - $1) }.max()
      #expect(difference ?? 1 < 1e-5)
    }
  }

  /// With as many beams as there are captions of two tokens, the best of all is found.
  @Test func beamsFindTheBest() throws {
    let (decoder, end) = (try decoder(), 4)
    let prefix = try decoder.prefix(of: text())
    func logProbabilities(_ logits: Tensor) -> [Double] {
      let row = logits.slice(logits.rows - 1, count: 1).array.map(Double.init)
      let most = row.max() ?? 0
      let sum = log(row.reduce(0) { $0 + exp($1 - most) }) + most
      return row.map { $0 - sum }
    }
    let first = logProbabilities(try decoder.start(prefix).logits)
    var best = (tokens: [end], score: first[end])
    for token in 0..<Self.vocabulary where token != end {
      for (next, value) in logProbabilities(try decoder.start(prefix, ids: [token]).logits).enumerated()
      where (first[token] + value) / 2 > best.score {
        best = ([token, next], (first[token] + value) / 2)
      }
    }
    let found = try decoder.captions(of: text(), endID: end, beams: Self.vocabulary, limit: 2)
    #expect(found[0].tokens == best.tokens && abs(found[0].score - best.score) < 1e-5)
    #expect(found.map(\.score) == found.map(\.score).sorted(by: >))
  }

  /// A caption ends at its end token, at the limit, or where the decoder has no more places.
  @Test func captionsEnd() throws {
    let decoder = try decoder()
    for end in 0..<Self.vocabulary {
      for caption in try decoder.captions(of: text(2), endID: end, limit: 5) {
        #expect((1...5).contains(caption.tokens.count) && !caption.tokens.dropLast().contains(end))
      }
    }
    let all = try decoder.captions(of: text(), endID: -1, limit: 60)
    #expect(all.count == 5 && all.allSatisfy { $0.tokens.count == 14 })  // 16 places, 3 of the prefix, and one that is not read
    let one = try decoder.captions(of: text(), endID: -1, beams: 1, limit: 4)[0].tokens
    #expect(try decoder.greedyCaption(of: text(), endID: -1, limit: 4) == one)
  }

  @Test func textOfTokens() throws {
    try Data(#"{"a": 0, "Ġ": 1, ".": 2, "Ã": 3, "©": 4, "'s": 5, "n't": 6, "Ġ,": 7}"#.utf8).write(to: folder.file("vocab.json"))
    #expect { _ = try CaptionVocabulary(folder.url) } throws: { "\($0)".contains("<|EOS|>") }
    try Data(#"{"<|EOS|>": 8}"#.utf8).write(to: folder.file("added_tokens.json"))
    let vocabulary = try CaptionVocabulary(folder.url)
    #expect(vocabulary.endID == 8)
    #expect(vocabulary.text(of: [0, 1, 2, 8]) == "a." && vocabulary.text(of: [3, 4]) == "é")
    #expect(vocabulary.text(of: [3]) == "\u{FFFD}")
    #expect(vocabulary.text(of: [0, 1, 5, 1, 6, 7, 99]) == "a'sn't,")
    try Data(#"{"<|EOS|>": 12, "a": 0}"#.utf8).write(to: folder.file("vocab.json"))
    #expect(try CaptionVocabulary(folder.url).endID == 8, "of two the same each time")
    // OpenAI's own has none: it is added behind the last.
    try FileManager.default.removeItem(at: folder.file("added_tokens.json"))
    try Data(#"{"a": 0, "<|endoftext|>": 1}"#.utf8).write(to: folder.file("vocab.json"))
    #expect(try CaptionVocabulary(folder.url).endID == 2)
  }
}
