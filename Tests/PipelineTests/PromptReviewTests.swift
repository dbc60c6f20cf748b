import DiTCheckpoints
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What is said of a prompt before it is drawn, by the bundled model's own files.
@Suite struct PromptReviewTests {
  private let small: ModelFolder
  private let review: PromptReview

  init() throws {
    small = try ModelFolder(Fixtures.repository.appendingPathComponent("Weights/small"))
    review = try PromptReview(small)
  }

  @Test(arguments: [
    ("seven foxes in snow", ["seven"]), ("12 penguins and many owls", ["12", "many"]), ("a fox riding a bicycle", ["riding"]),
    ("an oil painting of a castle", ["oil painting"]), ("a fox 🦊 and ♥", ["🦊", "♥"]), ("a theremin", ["theremin"]),
    ("ein roter Fuchs im Schnee", ["English", "roter"]), ("雪の中の赤い狐", ["English", "狐"]),
    ("(((a seven:1.2))) foxes", ["seven"]),
  ])
  func whatIsNotDrawnIsNamed(_ prompt: String, _ named: [String]) {
    let notes = review.notes(on: prompt)
    #expect(notes.count == 1, "\(notes)")
    for word in named { #expect(notes.first?.contains(word) == true, "\(notes)") }
  }

  @Test(arguments: [
    "", "a red fox in snow", "three (red:1.3) apples", "a four-leaf clover", "a four leaf clover in the grass", "a man dancing",
    "a flat cartoon of an apple", "a car, 3d render", "a fox — in \"snow\"…",
  ])
  func whatIsDrawnIsNot(_ prompt: String) { #expect(review.notes(on: prompt) == []) }

  /// Without a list of words or limits there is still the tokenizer.
  @Test func aModelWithoutListsIsAskedForItsPieces() throws {
    let copy = try TemporaryFolder()
    let folder = copy.file("model")
    try ModelConverter.convert(small, to: folder, as: .int8)
    for name in ["vocabulary.txt", "limits.json"] {
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path), "a conversion brings it along")
      try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
    let bareFolder = try ModelFolder(folder)
    #expect(small.defaultRequest.steps == 16 && bareFolder.defaultRequest.steps == 25)
    let bare = try PromptReview(bareFolder)
    #expect(bare.notes(on: "seven theremins riding") == [])
    #expect(bare.notes(on: "狐 🦊").map { $0.contains("狐") && $0.contains("🦊") } == [true])
  }

  @Test(arguments: [
    (64, 64, 192, 192), (160, 96, 256, 144), (512, 512, 384, 384), (640, 256, 528, 272), (256, 640, 272, 528),
    (1024, 64, 352, 176),
  ])
  func sizesThatFallApartHaveABetterOne(_ width: Int, _ height: Int, _ better: Int, _ betterHeight: Int) throws {
    let limits = try #require(small.limits)
    let found = limits.better(than: PictureSize(width: width, height: height), step: small.sizeStep)
    #expect(found == PictureSize(width: better, height: betterHeight))
    #expect(limits.better(than: try #require(found), step: small.sizeStep) == nil, "what is advised is good")
  }

  @Test(arguments: ["256x256", "320x192", "192x320", "384x384", "192x192", "272x528"])
  func goodSizesHaveNone(_ size: String) throws {
    let limits = try #require(small.limits)
    #expect(try limits.better(than: #require(PictureSize(size)), step: small.sizeStep) == nil)
  }

  /// Every legal size is good or has a good one.
  @Test func adviceIsAlwaysGood() throws {
    let limits = try #require(small.limits)
    for width in stride(from: 64, through: 1024, by: 16) {
      for height in stride(from: 64, through: 1024, by: 16) {
        guard let better = limits.better(than: PictureSize(width: width, height: height), step: 16) else { continue }
        #expect(limits.better(than: better, step: 16) == nil && better.nearestLegal(step: 16) == better, "\(width)x\(height)")
      }
    }
  }

  @Test(arguments: [
    "{", #"{"steps": 0}"#, #"{"steps": 1001}"#, #"{"sizes": {"smallest": 0, "largest": 10, "aspect": 2}}"#,
    #"{"sizes": {"smallest": 64, "largest": 65537, "aspect": 2}}"#, #"{"sizes": {"smallest": 64, "largest": 128, "aspect": 0.5}}"#,
  ])
  func damagedLimitsAreNamed(_ text: String) throws {
    let copy = try TemporaryFolder()
    for part in ["model_index.json", "transformer", "text_encoder", "tokenizer", "vae", "scheduler", "classes.json"] {
      try FileManager.default.createSymbolicLink(
        at: copy.file(part), withDestinationURL: small.url.appendingPathComponent(part))
    }
    try Data(text.utf8).write(to: copy.file("limits.json"))
    let folder = copy.file("limits.json").deletingLastPathComponent()
    let error = #expect(throws: ConfigurationError.self) { try ModelFolder(folder) }
    #expect(error.map { "\($0)".contains("limits.json") } == true)
  }
}
