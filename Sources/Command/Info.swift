import ArgumentParser
import DiTArguments
import DiTErrors
import DiTImage
import Foundation

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show what a picture says about how it was made.",
    discussion: """
      Reads PNG, JPEG and WebP, and the settings of this program, the web UI and its kin, ComfyUI, InvokeAI and NovelAI.

      Examples:
        dit-t2i info fox.png
        dit-t2i info *.jpg --json | jq .seed
      """)

  @Argument(help: "The pictures.", completion: .file(), transform: Reading.path)
  var pictures: [String]

  @Flag(help: "Print an object of JSON a line for each picture.")
  var json = false

  /// A picture that cannot be read does not keep the others from being shown; the first decides the exit code.
  func run() throws {
    var failure: ExitCode?
    for (index, path) in pictures.enumerated() {
      do {
        let contents = try PictureContents(contentsOf: URL(fileURLWithPath: path))
        if json {
          Terminal.print(try jsonText(PictureReport(path, contents), isLine: true))
        } else {
          if index > 0 { Terminal.print("") }
          Terminal.print(PictureReport(path, contents).text)
        }
      } catch let error as any UserError {
        complain("\(error)")
        failure = failure ?? ExitCode(error.kind.exitCode)
      }
    }
    if let failure { throw failure }
  }
}

/// A picture's settings for people and for programs.
private struct PictureReport: Encodable {
  var file: String
  var format: String
  var width: Int
  var height: Int
  /// What wrote the settings; nil, as what follows: the picture has none.
  var program: String?
  var prompt: String?
  var negativePrompt: String?
  /// Under the web UI's names.
  var settings: [String: String]?
  /// All that the file says, by keyword.
  var texts: [String: String]
  /// How many texts are too long to be read, or too many.
  var omittedTexts: Int
  private let fields: [GenerationParameters.Field]

  private enum CodingKeys: CodingKey {
    case file, format, width, height, program, prompt, negativePrompt, settings, texts, omittedTexts
  }

  init(_ path: String, _ contents: PictureContents) {
    file = path
    format = contents.format.rawValue
    (width, height) = (contents.picture.width, contents.picture.height)
    texts = Dictionary(contents.texts.map { ($0.keyword, $0.text) }, uniquingKeysWith: { first, _ in first })
    omittedTexts = contents.omittedTexts
    let found = PictureSettings(texts: contents.texts)
    fields = found?.parameters.fields ?? []
    program = found?.program
    prompt = found?.parameters.prompt
    negativePrompt = found.flatMap { $0.parameters.negativePrompt.isEmpty ? nil : $0.parameters.negativePrompt }
    settings = found.map { _ in Dictionary(fields.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }) }
  }

  var text: String {
    let heading = "\(file)  \(format), \(width)x\(height)"
    guard let program else {
      let omitted = omittedTexts == 0 ? "" : "; texts that are too long to be read: \(omittedTexts)"
      return "\(heading)\n  no settings are stored in it\(omitted)" + table(texts.sorted { $0.key < $1.key })
    }
    let known = [("Made by", program), ("Prompt", prompt ?? ""), ("Negative prompt", negativePrompt ?? "")]
    let lines = known.filter { !$0.1.isEmpty } + fields.filter { $0.key != "Version" }.map { ($0.key, $0.value) }
    return heading + table(lines)
  }

  /// A line for each, values in a column of their own.
  private func table(_ lines: [(key: String, value: String)]) -> String {
    let width = lines.map(\.key.count).max() ?? 0
    let indent = "\n" + String(repeating: " ", count: width + 4)
    return lines.map { key, value in
      let padding = String(repeating: " ", count: width + 2 - key.count)
      return "\n  " + printable(key) + padding + printable(value).replacing("\n", with: indent)
    }.joined()
  }

  /// Without what a terminal would obey.
  private func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0.properties.generalCategory != .control }))
  }
}
