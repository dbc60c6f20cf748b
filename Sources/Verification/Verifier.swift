import DiTCheckpoints
import DiTTensors
import DiTTextToImage
import Foundation

/// One line of the verification table.
package struct VerificationRow: Sendable {
  package let group: String
  package let name: String
  /// What was compared: a tensor's name, or "12 strings".
  package let what: String
  /// Nil where exact equality was asked for.
  package let comparison: Comparison?
  package let tolerance: String
  package let passed: Bool
  /// Why it failed, or what a reader should know.
  package let note: String
}

/// Holds the program's real code paths against a folder of golden numbers: `manifest.json` says which cases there are.
///
/// Every case of the manifest must be of a kind this program knows; a new one fails rather than passes unseen.
package struct Verifier {
  /// The folder of the manifest.
  package let root: URL
  package let backend: Backend
  private let groups: [(name: String, value: JSONValue)]

  /// Runs one kind of case. What it throws becomes a failed row.
  typealias Runner = @Sendable (inout VerificationCase) throws -> Void

  /// Kinds by name: a case's own `kind`, else its group.
  static let runners: [String: Runner] = [
    "text-dit": verifyTextDiT, "dit-official": verifyOfficialDiT, "dit-diffusers": verifyDiffusersDiT,
    "schemes": verifyScheme, "t5": verifyT5, "tokenizer": verifyTokenizer, "samplers": verifySampler, "rng": verifyRandom,
    "image": verifyImage, "files": verifyFiles, "text-to-image": verifyTextToImage, "vae": verifyAutoencoder,
    "pixart": verifyPixArt, "sana": verifySana, "uvit": verifyUViT, "few-step": verifyFewStep, "lora": verifyLoRA,
    "step-cache": verifyStepCache, "lora-train": verifyTraining,
    "clip-text": verifyCLIPText, "clip-tokenizer": verifyBytePairs,
    "clip-vision": verifyCLIPVision, "clip-preprocess": verifyCLIPPreparation,
    "dc-ae": verifyDeepAutoencoder, "gemma2": verifyGemma2, "gemma-tokenizer": verifyGemmaTokenizer,
    "vp-schedule": verifyLatentSchedule, "dpm-singlestep-times": verifySinglestepTimes, "dpm-singlestep": verifySinglestep,
    "dpm-multistep3": verifyMultistep, "uvit-t2i": verifyUViTPipeline,
    "unidiffuser": verifyUniDiffuser, "unidiffuser-mode": verifyUniDiffuserMode, "unidiffuser-caption-logits": verifyCaptionLogits,
    "unidiffuser-captions": verifyCaptions, "unidiffuser-run": verifyUniDiffuserRun,
    "unidiffuser-run-diffusers": verifyUniDiffuserRun,
  ]

  /// - Throws: `ConfigurationError` where there is no usable manifest.
  package init(_ root: URL, backend: Backend) throws {
    self.backend = backend
    // The folder of one group will do: its manifest lies beside it.
    let name = root.standardizedFileURL.lastPathComponent
    let above = root.standardizedFileURL.deletingLastPathComponent()
    let exists = { (folder: URL) in
      FileManager.default.fileExists(atPath: folder.appendingPathComponent("manifest.json").path)
    }
    let isGroup = !exists(root) && exists(above)
    self.root = isGroup ? above : root
    let url = self.root.appendingPathComponent("manifest.json")
    guard let groups = try readConfiguration(JSONValue.self, at: url)["groups"]?.object else {
      throw ConfigurationError.wrong(file: url.path, reason: "no \"groups\"; is this a fixture folder?")
    }
    self.groups = groups.filter { !isGroup || $0.key == name }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    guard !self.groups.isEmpty else {
      throw ConfigurationError.wrong(file: url.path, reason: "no group \(printable(name))")
    }
  }

  package var groupNames: [String] { groups.map(\.name) }

  /// Runs the cases of the named groups (nil: all), telling `report` of each row as it comes.
  /// - Returns: whether all passed.
  package func run(groups wanted: Set<String>? = nil, report: (VerificationRow) -> Void) -> Bool {
    var passed = true
    for (group, value) in groups where wanted?.contains(group) ?? true {
      // A group "model" lies beside its manifest, the others in folders of their names.
      let nested = root.appendingPathComponent(group)
      let folder = FileManager.default.fileExists(atPath: nested.path) ? nested : root
      for (name, manifest) in (value["cases"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
        var one = VerificationCase(
          group: group, name: name, manifest: manifest, groupManifest: value, folder: folder, backend: backend)
        do {
          let kind = manifest["kind"]?.string ?? group
          guard let runner = Verifier.runners[kind] else {
            throw VerificationError("this program does not know cases of the kind \"\(kind)\"")
          }
          try runner(&one)
          if one.rows.isEmpty { throw VerificationError("nothing was compared") }
        } catch {
          one.fail("\(error)")
        }
        one.rows.forEach(report)
        passed = passed && one.rows.allSatisfy(\.passed)
      }
    }
    return passed
  }
}

struct VerificationError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
