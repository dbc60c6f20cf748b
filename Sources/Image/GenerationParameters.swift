/// How a picture was made, in the form that AUTOMATIC1111's web UI writes under the keyword "parameters" and that
/// galleries and other tools read:
///
///     a small red fox in the snow
///     Negative prompt: blurry
///     Steps: 25, Sampler: DPM++ 2M, CFG scale: 3, Seed: 7, Size: 128x128, Model: tiny
///
/// That form cannot tell every prompt from what follows it (think of a prompt with a line "Steps: 3, …"). Where it
/// would lose something, the exact prompts follow as two more fields, and parsing prefers those.
package struct GenerationParameters: Equatable, Sendable {
  /// One "Key: value".
  package struct Field: Equatable, Sendable {
    /// Two or more letters, digits, spaces, `-`, `_` and `/`, beginning with a letter or a digit.
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
      (self.key, self.value) = (key, value)
    }

    /// By bytes, unlike Swift's strings: "é" in one scalar is not "é" in two.
    package static func == (a: Field, b: Field) -> Bool { identical(a.key, b.key) && identical(a.value, b.value) }
  }

  package var prompt: String
  package var negativePrompt: String
  /// Everything else, in the order of the text.
  package var fields: [Field]

  package init(prompt: String = "", negativePrompt: String = "", fields: [Field] = []) {
    (self.prompt, self.negativePrompt, self.fields) = (prompt, negativePrompt, fields)
  }

  /// By bytes, as fields are.
  package static func == (a: Self, b: Self) -> Bool {
    identical(a.prompt, b.prompt) && identical(a.negativePrompt, b.negativePrompt) && a.fields == b.fields
  }

  /// The first field of that name. Setting replaces it in its place, or adds it at the end; nil removes it.
  package subscript(key: String) -> String? {
    get { fields.first { $0.key == key }?.value }
    set {
      let index = fields.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): fields[index].value = value
      case (nil, let value?): fields.append(Field(key, value))
      case (let index?, nil): fields.remove(at: index)
      case (nil, nil): break
      }
    }
  }

  // MARK: - The fields every program writes

  package var steps: Int? {
    get { self["Steps"].flatMap { Int($0) } }
    set { self["Steps"] = newValue.map(String.init) }
  }

  package var sampler: String? {
    get { self["Sampler"] }
    set { self["Sampler"] = newValue }
  }

  package var guidanceScale: Double? {
    get { self["CFG scale"].flatMap { Double($0) } }
    set { self["CFG scale"] = newValue.map { $0 == $0.rounded() && abs($0) < 1e9 ? String(Int($0)) : String($0) } }
  }

  package var seed: UInt64? {
    get { self["Seed"].flatMap { UInt64($0) } }
    set { self["Seed"] = newValue.map { String($0) } }
  }

  package var size: (width: Int, height: Int)? {
    get {
      let parts = (self["Size"] ?? "").split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
      guard parts.count == 2, let width = parts[0], let height = parts[1] else { return nil }
      return (width, height)
    }
    set { self["Size"] = newValue.map { "\($0.width)x\($0.height)" } }
  }

  package var model: String? {
    get { self["Model"] }
    set { self["Model"] = newValue }
  }

  // MARK: - In a file

  /// The keyword of the text chunk.
  package static let keyword = "parameters"

  /// The text chunk that carries these parameters.
  package var pngText: PNGText { PNGText(Self.keyword, text) }

  /// The parameters in the texts of a file, if it has any.
  package init?(texts: [PNGText]) {
    guard let text = texts.first(where: { $0.keyword == Self.keyword }) else { return nil }
    self.init(text: text.text)
  }
}

/// The same scalars, not merely strings that Unicode calls equivalent.
func identical(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
