import DiTTestSupport
import Foundation
import Testing

/// `caption`, with a UniDiffuser of random numbers.
@Suite(.serialized) struct CaptionTests {
  let program: Program

  init() throws { program = try Program() }

  private struct Answer: Decodable {
    var file, caption: String
    var score: Double
    var captions: [Found]

    struct Found: Decodable { var text: String, score: Double }
  }

  @Test func saysWhatPicturesShow() throws {
    defer { program.remove() }
    _ = try UniDiffuserModel(in: program)
    let some = ["--model", "uni", "--steps", "4"]
    let alone = try program.run(["caption", "a.png"] + some)
    #expect(alone.status == 0 && alone.errors.isEmpty && !alone.output.isEmpty)
    #expect(try program.run(["caption", "a.png", "--threads", "1"] + some).output == alone.output)
    // The same words beside another picture.
    let both = try program.run(["caption", "b.png", "a.png"] + some)
    #expect(both.output.hasPrefix("b.png: ") && both.output.hasSuffix("a.png: " + alone.output))
    let answers = try program.run(["caption", "a.png", "b.png", "--json", "--seed", "5"] + some).output.split(separator: "\n")
      .map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    #expect(answers.map(\.file) == ["a.png", "b.png"] && answers.allSatisfy { $0.captions.count == 5 })
    #expect(answers.allSatisfy { $0.caption == $0.captions[0].text && $0.score == $0.captions[0].score })
    #expect(answers.allSatisfy { $0.captions.map(\.score) == $0.captions.map(\.score).sorted(by: >) })
    // Another seed, another text to begin with.
    let other = try program.run(["caption", "a.png", "--json"] + some).output
    #expect(try JSONDecoder().decode(Answer.self, from: Data(other.utf8)).score != answers[0].score)
    // Its authors' files say the same.
    let files = [
      "--model", "original/uvit_v1.safetensors", "--vae", "uni/vae", "--image-encoder", "uni/image_encoder",
      "--caption-tokenizer", "uni", "--steps", "4",
    ]
    #expect(try program.run(["caption", "a.png"] + files).output == alone.output)
  }

  @Test func whatIsWrongIsOneLine() throws {
    defer { program.remove() }
    let model = try UniDiffuserModel(in: program)
    let some = ["--model", "uni", "--steps", "1"]
    func refused(_ arguments: [String], _ status: Int32, _ what: String) throws {
      let result = try program.run(["caption"] + arguments)
      #expect(result.status == status && result.errorLines.count == 1 && result.errors.contains(what), "\(result.errors)")
    }
    try refused(["none.png"] + some, 66, "none.png")
    try refused(["a.png", "--model", Fixtures.url("uvit/class").path], 65, "UniDiffuser")
    let file = "original/uvit_v1.safetensors"
    try refused(["a.png", "--model", file], 64, "--vae")
    try refused(["a.png", "--model", file, "--vae", "uni/vae"], 64, "--caption-tokenizer")
    try refused(["a.png", "--model", file, "--vae", "uni/vae", "--caption-tokenizer", "uni"], 64, "--image-encoder")
    try model.write(#"{"size": 12, "crop_size": 12}"#, to: "uni/clip_image_processor/preprocessor_config.json")
    try refused(["a.png"] + some, 65, "12")
    try FileManager.default.removeItem(at: program.folder.appendingPathComponent("uni/text_tokenizer"))
    try refused(["a.png"] + some, 64, "no text_tokenizer")
  }
}
