import DiTImage
import DiTTestSupport
import Foundation
import Testing

/// UniDiffuser in all of its modes, as a user draws with it.
@Suite(.serialized) struct UniDiffuserTests {
  let program: Program

  init() throws { program = try Program() }

  private let some = ["--model", "uni", "--steps", "4", "--seed", "1", "--size", "64", "--quiet"]
  private let files = [
    "--model", "original/uvit_v1.safetensors", "--vae", "uni/vae", "--text-encoder", "uni", "--steps", "4", "--seed", "1",
    "--size", "64", "--quiet",
  ]

  private func drawn(_ name: String, _ arguments: [String]) throws -> [UInt8] {
    let result = try program.run(arguments + ["-o", name])
    #expect(result.status == 0 && result.output.hasSuffix(name + "\n"), "\(result.errors)")
    return try Picture(contentsOf: program.folder.appendingPathComponent(name)).pixels
  }

  @Test func drawsFromWordsAndFromNothing() throws {
    defer { program.remove() }
    _ = try UniDiffuserModel(in: program)
    let fox = try drawn("fox.png", ["two dogs"] + some)
    #expect(try drawn("original.png", ["two dogs"] + files) == fox)
    #expect(try drawn("threads.png", ["two dogs", "--threads", "1"] + some) == fox)
    // Without guidance nothing is asked of the other branch; without words there is none; a negative prompt is another one.
    let others = try [
      drawn("plain.png", ["two dogs", "-g", "1"] + some), drawn("alone.png", some),
      drawn("negative.png", ["two dogs", "--negative", "cats"] + some), drawn("weighed.png", ["two (dogs:1.5)"] + some),
      drawn("diffusers.png", ["two dogs", "--dit-compat", "diffusers"] + some),
      drawn("euler.png", ["two dogs", "--sampler", "euler_a"] + some),
    ]
    #expect(Set(others + [fox]).count == others.count + 1)
    // Each as if it were alone, and again from what it says of itself.
    _ = try program.run(["two dogs"] + some + ["--count", "2", "-o", "some/"])
    let second = try drawn("second.png", ["two dogs"] + some + ["--seed", "2"])
    #expect(try Picture(contentsOf: program.folder.appendingPathComponent("some/two-dogs-2.png")).pixels == second)
    #expect(try drawn("again.png", ["--from", "original.png", "--quiet"]) == fox)
    #expect(try program.data("again.png") == program.data("original.png"))
    // What is left out is counted.
    let cached = try program.run(
      ["two dogs", "--cache", "1", "--guidance-every", "2", "--json"] + some.dropLast() + ["--steps", "20"])
    #expect(cached.status == 0 && cached.output.contains("of 40 evaluations skipped"), "\(cached.errors)")
  }

  /// Pictures that are drawn together, with words and without, with a sampler whose noise is the picture's too.
  @Test func aBatchChangesNothing() throws {
    defer { program.remove() }
    let model = try UniDiffuserModel(in: program)
    let lines = [("two dogs", "1"), ("", "5"), ("six cats", "7")]
    try model.write(lines.map { #"{"prompt": "\#($0)", "seed": \#($1)}"# }.joined(separator: "\n"), to: "lines.jsonl")
    let settings = ["--model", "uni", "--steps", "4", "--size", "64", "--sampler", "euler_a", "--quiet"]
    #expect(try program.run(["batch", "lines.jsonl", "-o", "all"] + settings).status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: program.folder.appendingPathComponent("all").path)
      .filter { $0.hasSuffix(".png") }.sorted()
    #expect(names.count == lines.count)
    for (name, (words, seed)) in zip(names, lines) {
      let alone = try drawn("alone.png", (words.isEmpty ? [] : [words]) + settings + ["--seed", seed])
      #expect(try Picture(contentsOf: program.folder.appendingPathComponent("all/" + name)).pixels == alone)
    }
  }

  @Test func variesThroughWords() throws {
    defer { program.remove() }
    _ = try UniDiffuserModel(in: program)
    let one = try drawn("one.png", ["--variation", "a.png"] + some)
    #expect(try drawn("two.png", ["--variation", "b.png"] + some) != one)
    #expect(try drawn("image.png", ["--image", "a.png", "two dogs"] + some) != one)
    #expect(try drawn("again.png", ["--from", "one.png", "--image", "a.png", "--quiet"]) == one)
    #expect(try program.data("again.png") == program.data("one.png"))
    try Picture(width: 64, height: 64, pixels: Array(repeating: 0, count: 32 * 64 * 3) + Array(repeating: 255, count: 32 * 64 * 3))
      .write(to: program.folder.appendingPathComponent("mask.png"))
    let kept = try drawn("kept.png", ["--image", "one.png", "--mask", "mask.png", "two dogs"] + some)
    #expect(Array(kept.prefix(20 * 64 * 3)) == Array(one.prefix(20 * 64 * 3)) && kept != one)
  }

  private struct Answer: Decodable {
    var prompt: String?, caption: String?, seed: UInt64
    var captions: [Found]

    struct Found: Decodable { var text: String }
  }

  @Test func drawsPairsAndWords() throws {
    defer { program.remove() }
    _ = try UniDiffuserModel(in: program)
    let loud = Array(some.dropLast())
    let pair = try program.run(["pair", "-o", "pair.png"] + loud)
    let words = pair.output.split(separator: "\n").first.map(String.init) ?? ""
    #expect(pair.status == 0 && pair.output.contains("pair.png  seed 1"), "\(pair.errors)")
    let told = try program.run(["info", "pair.png"]).output
    #expect(told.contains("Drawing mode  pair") && told.contains(words.trimmingCharacters(in: .whitespaces)))
    _ = try drawn("again.png", ["--from", "pair.png", "--quiet"])
    #expect(try program.data("again.png") == program.data("pair.png"))
    // What is asked for instead is no pair any more.
    #expect(try program.run(["two dogs", "--from", "pair.png", "--quiet", "-o", "dogs.png"]).status == 0)
    #expect(try !program.run(["info", "dogs.png"]).output.contains("Drawing mode"))
    let piped = try program.run(["pair", "-o", "-"] + loud)
    #expect(piped.status == 0 && piped.errors.contains(words))
    let json = try program.run(["pair", "--json", "--count", "2"] + loud).output.split(separator: "\n")
      .map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    #expect(json.map(\.seed) == [1, 2] && json.allSatisfy { $0.captions.count == 5 && $0.prompt == $0.captions[0].text })
    #expect(json.first?.prompt == words)

    let texts = try program.run(["pair", "--words-only", "--count", "2"] + loud)
    #expect(texts.status == 0 && texts.output.contains("seed 1\n") && texts.output.contains("seed 2\n"), "\(texts.errors)")
    let second = try program.run(["pair", "--words-only", "--json"] + loud + ["--seed", "2"]).output
    let answer = try JSONDecoder().decode(Answer.self, from: Data(second.utf8))
    #expect(texts.output.contains("\(answer.caption ?? "")  seed 2\n"))
    #expect(try !program.files().contains("picture.png"))
  }

  @Test func convertsAndInspects() throws {
    defer { program.remove() }
    _ = try UniDiffuserModel(in: program)
    let fox = try drawn("fox.png", ["two dogs"] + some)
    let parts = ["--image-encoder", "uni", "--caption-tokenizer", "uni"]
    let converted = try program.run(
      ["convert", "original/uvit_v1.safetensors", "out", "--type", "f32", "--vae", "uni/vae", "--text-encoder", "uni"] + parts)
    #expect(converted.status == 0, "\(converted.errors)")
    #expect(try drawn("out.png", ["two dogs"] + some + ["--model", "out"]) == fox)
    let caption = try program.run(["caption", "a.png", "--steps", "4", "--model", "uni"]).output
    #expect(try program.run(["caption", "a.png", "--steps", "4", "--model", "out"]).output == caption)
    let small = try program.run(["convert", "uni", "small", "--type", "int8", "--quiet"])
    #expect(small.status == 0 && small.output.isEmpty)
    #expect(try program.run(["caption", "a.png", "--steps", "4", "--model", "small"]).status == 0)
    let inspected = try program.run(["inspect", "uni"]).output
    let named = ["text and CLIP tokens", "caption decoder", "image encoder", "dpm++3s, 50 steps, guidance 8"]
    #expect(named.allSatisfy(inspected.contains))
    #expect(try program.run(["inspect", "original/caption_decoder.safetensors"]).output.contains("a CLIP that nothing uses"))
    #expect(try program.run(["inspect", "original/uvit_v1.safetensors"]).output.hasPrefix("a UniDiffuser; "))
    #expect(try program.run(["models", "uni"]).output.contains("3 blocks of width 12"))
  }

  @Test func whatIsWrongIsOneLine() throws {
    defer { program.remove() }
    let model = try UniDiffuserModel(in: program)
    func refused(_ arguments: [String], _ status: Int32, _ what: String) throws {
      let result = try program.run(arguments)
      let isRight = result.status == status && result.errorLines.count == 1 && result.errors.contains(what)
      #expect(isRight, "\(arguments): \(result.errors)")
    }
    try refused(["pair", "a", "fox"] + some, 64, "draw pair a fox")
    for option in ["--image", "--variation", "--from", "--class"] { try refused(["pair", option, "a.png"] + some, 64, option) }
    try refused(["pair", "--words-only", "-o", "a.png"] + some, 64, "--output")
    try refused(["pair", "--model", "small"], 65, "UniDiffuser")
    for option in ["--caption-decoder", "--caption-tokenizer", "--image-encoder"] {
      try refused(["a fox", "--model", "small", option, "none.pth"], 65, "pictures alone")
    }
    try refused(["--variation", "a.png", "a fox"] + some, 64, "--image")
    try refused(["--variation", "a.png", "--strength", "0.5"] + some, 64, "--strength")
    try refused(["a fox", "--class", "3"] + some, 64, "no classes")
    try refused(["a fox", "--attention"] + some, 64, "--attention")
    var named = files
    named[5] = "original/caption_decoder.safetensors"
    try refused(["a fox"] + named, 65, "is not used")
    let remove = { try FileManager.default.removeItem(at: program.folder.appendingPathComponent($0)) }
    try model.write(#"{"projection_dim": 30, "hidden_size": 24}"#, to: "uni/image_encoder/config.json")
    try refused(["a fox"] + some, 65, "writes 30")
    try remove("uni/image_encoder")
    try refused(["--variation", "a.png"] + some, 64, "--image-encoder")
    #expect(try program.run(["a fox"] + some).status == 0)
    try remove("uni/text_tokenizer")
    try refused(["pair"] + some, 64, "--caption-tokenizer")
    try remove("uni/text_decoder")
    try refused(["a fox"] + some, 65, "no text_decoder")
    try refused(["a fox"] + some + ["--caption-decoder", "none.pth"], 66, "none.pth")
    try remove("original/caption_decoder.safetensors")
    try refused(["a fox"] + files, 64, "--caption-decoder")
    try remove("uni/unet")
    try refused(["a fox"] + some, 65, "no unet")
  }
}
