import DiTDiffusion
import DiTErrors
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

/// The fields of a request for pictures; other programs' are translated into these. What is left out is the model's own.
package struct PictureFields: Sendable, Equatable, Decodable {
  /// Nil: the first.
  package var model: String?
  package var prompt: String?
  package var negative: String?
  package var classText: ClassField?
  /// "320x192", or "256" for a square.
  package var size: String?
  /// -1: by chance; of several pictures the first, from which the others count up.
  package var seed: Int?
  package var count: Int?
  package var steps: Int?
  package var guidance: Double?
  package var sampler: String?
  /// True: in the few steps that the model has an adapter for.
  package var fast: Bool?
  /// A picture to start from, and where it is drawn anew (white): PNG, JPEG or WebP.
  package var image: SentPicture?
  package var mask: SentPicture?
  package var strength: Double?
  /// The finished picture so many times larger.
  package var scale: Int?
  /// How many pictures to send on the way.
  package var previews: Int?
  /// Whether to tell where the words were looked for.
  package var attention: Bool?
  /// False: draws without the LoRAs whose word the prompt has.
  package var lora: Bool?

  package init() {}

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case model, prompt, negative, classText = "class", size, seed, count, steps, guidance, sampler, fast, image, mask, strength
    case scale, previews, attention, lora
  }

  /// - Throws: ``FieldError`` for a field that there is not.
  package init(from decoder: any Decoder) throws {
    try FieldError.checkNames(decoder, known: CodingKeys.allCases.map(\.rawValue))
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    model = try fields.decodeIfPresent(String.self, forKey: .model)
    prompt = try fields.decodeIfPresent(String.self, forKey: .prompt)
    negative = try fields.decodeIfPresent(String.self, forKey: .negative)
    classText = try fields.decodeIfPresent(ClassField.self, forKey: .classText)
    size = try fields.decodeIfPresent(String.self, forKey: .size)
    seed = try fields.wholeNumber(forKey: .seed)
    count = try fields.wholeNumber(forKey: .count)
    steps = try fields.wholeNumber(forKey: .steps)
    guidance = try fields.decodeIfPresent(Double.self, forKey: .guidance)
    sampler = try fields.decodeIfPresent(String.self, forKey: .sampler)
    fast = try fields.decodeIfPresent(Bool.self, forKey: .fast)
    image = try fields.decodeIfPresent(SentPicture.self, forKey: .image)
    mask = try fields.decodeIfPresent(SentPicture.self, forKey: .mask)
    strength = try fields.decodeIfPresent(Double.self, forKey: .strength)
    scale = try fields.wholeNumber(forKey: .scale)
    previews = try fields.wholeNumber(forKey: .previews)
    attention = try fields.decodeIfPresent(Bool.self, forKey: .attention)
    lora = try fields.decodeIfPresent(Bool.self, forKey: .lora)
  }
}

/// A picture's file as it was sent.
package enum SentPicture: Sendable, Equatable, Decodable {
  /// In base64, or as a data: URL of it.
  case text(String)
  case file([UInt8])

  package init(from decoder: any Decoder) throws { self = .text(try decoder.singleValueContainer().decode(String.self)) }

  /// - Throws: ``FieldError/notBase64(_:)``.
  package func bytes(field: String) throws(FieldError) -> [UInt8] {
    switch self {
    case .text(let text): try FieldError.bytes(text, field: field)
    case .file(let bytes): bytes
    }
  }
}

/// A class by name or by index.
package enum ClassField: Sendable, Equatable, Decodable {
  case name(String)
  case index(Int)

  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let index = try? value.decode(Int.self) { self = .index(index) } else { self = .name(try value.decode(String.self)) }
  }
}

extension PictureFields {
  /// The pictures, checked.
  /// - Parameters:
  ///   - adapters: those that prompts use.
  ///   - onWord: is told of each that the prompt has the word of.
  /// - Throws: a `UserError`: what is wrong with a field.
  package func requests(
    for folder: ModelFolder, limits: OrderLimits, adapters: PromptAdapters? = nil,
    onWord: @escaping (LoRAShelf.WordUse) -> Void = { _ in }
  ) throws -> [GenerationRequest] {
    try checkLengths()
    let count = count ?? 1
    guard (1...limits.count).contains(count) else { throw FieldError.range("count", "\(count)", "1 to \(limits.count)") }
    if let previews, !(0...50).contains(previews) { throw FieldError.range("previews", "\(previews)", "0 to 50") }
    if attention == true, folder.text == nil || !folder.traits.recordsAttention { throw FieldError.noAttention(folder.name) }
    let request = try request(for: folder, adapters, onWord)
    let steps = folder.steps(of: request)
    guard steps <= limits.steps else { throw FieldError.range("steps", "\(steps)", "1 to \(limits.steps)") }
    let size = request.finishedSize
    guard size.width * size.height <= limits.pixels else { throw FieldError.tooLarge(size, most: limits.pixels) }
    try folder.check(request)
    let first = try seed.map(FieldError.seed) ?? UInt64.random(in: 0..<(1 << 32))
    return (0..<UInt64(count)).map { index in
      var one = request
      one.seed = (first &+ index) & 0xFFFF_FFFF
      return one
    }
  }

  /// Reading a long text takes long.
  private func checkLengths() throws(FieldError) {
    for (field, text) in [("prompt", prompt), ("negative", negative)] {
      try FieldError.checkLength(of: text, field, most: OrderLimits.promptCharacters)
    }
    for (field, text) in [("size", size), ("sampler", sampler), ("class", classText?.description)] {
      try FieldError.checkLength(of: text, field, most: OrderLimits.nameCharacters)
    }
  }

  /// All but the seed.
  private func request(
    for folder: ModelFolder, _ adapters: PromptAdapters?, _ onWord: @escaping (LoRAShelf.WordUse) -> Void
  ) throws -> GenerationRequest {
    var request = folder.defaultRequest
    request.prompt = prompt ?? ""
    do {
      let taught = lora == false ? nil : adapters?.words
      try LoRAShelf(adapters?.folder, for: folder, taught: taught, onWord: onWord).takeAdapters(of: &request)
    } catch LoRAUseError.noFolder(let name) {
      throw FieldError.noAdapter(name, there: [])
    } catch LoRAUseError.notFound(let name, _, let there) {  // without the folder, which is no client's matter
      throw FieldError.noAdapter(name, there: there)
    } catch let error as any UserError where [.damagedData, .notFound].contains(error.kind) {
      throw FieldError.badAdapter(adapters?.line(error.localizedDescription) ?? error.localizedDescription)
    }
    request.negativePrompt = negative ?? ""
    do {
      switch classText {
      case .name(let name) where !name.isEmpty: request.classIndex = try folder.askedClass(name)
      case .index(let index): request.classIndex = index
      case .name, nil: break
      }
    } catch ModelError.noSuchClass(let name, let near, _) {
      throw FieldError.noClass(name, near: near)
    }
    do {
      if fast == true { try folder.drawFast(&request) }
    } catch RequestError.noFastAdapter(let model) {
      throw FieldError.noFewSteps(model)
    }
    if let sampler { folder.use(sampler, for: &request) }
    if let size {
      guard let size = PictureSize(size) ?? PictureSize("\(size)x\(size)"), max(size.width, size.height) <= 1 << 16 else {
        throw FieldError.value("size", size, "\"320x192\" or \"256\", in pixels")
      }
      request.size = size
    }
    if let steps { request.steps = steps }
    if let guidance { request.guidanceScale = Float(guidance) }
    if let scale {
      guard (1...4).contains(scale) else { throw RequestError.enlargement(scale) }
      request.enlargement = scale
    }
    if image == nil, mask != nil || strength != nil { throw FieldError.noImage(mask != nil ? "mask" : "strength") }
    if let image {
      let source = try SourcePicture(
        bytes: image.bytes(field: "image"), name: "image", mask: mask.map { (try $0.bytes(field: "mask"), "mask") },
        size: size == nil ? nil : request.size, step: folder.sizeStep)
      (request.size, request.source) = (source.size, source)
      request.strength = strength ?? (mask == nil ? 0.6 : 1)
    }
    return request
  }
}

/// The most that one order may ask for.
package struct OrderLimits: Sendable {
  /// Pictures.
  package var count = 16
  package var steps = 250
  /// Of the finished picture.
  package var pixels = 2048 * 2048
  /// Of a prompt, and of what names something.
  package static let promptCharacters = 32_000, nameCharacters = 500

  package init() {}
}
