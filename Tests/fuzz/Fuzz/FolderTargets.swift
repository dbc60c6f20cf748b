import DiTCheckpoints
import DiTModels
import DiTText
import DiTTextToImage
import Foundation

/// Files of a folder, one after the other between NULs.
private func parts(_ bytes: [UInt8]) -> [[UInt8]] {
  bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
}

/// A folder in which lie these files and no others.
private func folder(_ name: String, _ files: [(String, [UInt8])]) throws -> URL {
  let url = scratch.appendingPathComponent(name)
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  for (name, bytes) in files { try Data(bytes).write(to: url.appendingPathComponent(name)) }
  return url
}

/// CLIP's vocabulary in each of its forms. One file, as it is; or vocab.json, merges.txt, its settings and a text.
func bytePairs(_ bytes: [UInt8]) throws {
  var file = try folder("one", [("bpe_simple_vocab_16e6.txt.gz", bytes)]).appendingPathComponent("bpe_simple_vocab_16e6.txt.gz")
  var texts = ["", "a red fox's 12 <|endoftext|>s", "\u{0}é\u{FFFD} 🦊 \n"]
  if !bytes.starts(with: [0x1F, 0x8B]), case let parts = parts(bytes), parts.count > 1 {
    let names = ["vocab.json", "merges.txt", "tokenizer_config.json"]
    file = try folder("pairs", Array(zip(names, parts + [[], []]))).appendingPathComponent("vocab.json")
    texts += parts.dropFirst(3).map { String(decoding: $0, as: UTF8.self) }
  }
  let found = try BytePairTokenizer(contentsOf: file, maximumLength: 77)
  // What is written in another form encodes the same.
  let written = try folder("written", BytePairTokenizer.files(at: file)).appendingPathComponent("vocab.json")
  guard let again = try? BytePairTokenizer(contentsOf: written, maximumLength: 77) else { preconditionFailure("not read again") }
  for text in texts {
    let ids = try found.encode(text)
    precondition(ids.count == 77 && ids.allSatisfy { (0..<found.vocabularySize).contains($0) })
    let same = try again.encode(text)
    precondition(same == ids, "a converted vocabulary encodes otherwise")
    for id in ids { _ = found.piece(id) }
  }
}

/// The vocabulary of captions: vocab.json and added_tokens.json.
func captions(_ bytes: [UInt8]) throws {
  let parts = parts(bytes) + [Array("{}".utf8)]
  let found = try CaptionVocabulary(folder("captions", [("vocab.json", parts[0]), ("added_tokens.json", parts[1])]))
  _ = found.text(of: Array(-1..<300) + [found.endID])
}

/// The bundled model with one of its small files made another, which the first byte chooses.
func modelFolder(_ bytes: [UInt8]) throws {
  guard let first = bytes.first else { return }
  let names = [
    "model_index.json", "transformer/config.json", "vae/config.json", "text_encoder/config.json",
    "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json", "classes.json", "cache.json", "vocabulary.txt",
  ]
  let changed = names[Int(first) % names.count]
  let model = scratch.appendingPathComponent("model-\(Int(first) % names.count)")
  let file = model.appendingPathComponent(changed)
  if !FileManager.default.fileExists(atPath: model.path) {
    for case let path as String in FileManager.default.enumerator(atPath: weights.path) ?? .init() where path != changed {
      let (from, to) = (weights.appendingPathComponent(path), model.appendingPathComponent(path))
      try FileManager.default.createDirectory(at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
      if !from.hasDirectoryPath { try FileManager.default.createSymbolicLink(at: to, withDestinationURL: from) }
    }
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
  }
  try Data(bytes.dropFirst()).write(to: file)
  let found = try ModelFolder(model)
  _ = (found.notes, found.defaultRequest, Vocabulary(of: found)?.unknown(in: "a red fox"))
}

/// The bundled model.
let weights = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../Weights/small")
  .standardizedFileURL
