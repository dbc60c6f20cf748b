import DiTAutoencoder
import DiTBatch
import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTModels
import DiTText
import DiTTextToImage
import DiTTransformer
import Foundation

/// The readers of what comes from outside, by name. Each takes any bytes, and returns or throws a `UserError`.
nonisolated(unsafe) let targets: [String: ([UInt8]) throws -> Void] = [
  "checkpoint": checkpoint, "index": index, "json": json, "picture": picture, "exif": exif, "settings": settings,
  "prompts": prompts, "words": words, "braces": braces, "respacing": respacing, "configuration": configuration,
  "tokenizer": tokenizer, "manifest": manifest, "shard": shard, "lora": lora, "bytepairs": bytePairs, "captions": captions,
  "gemma": gemma, "folder": modelFolder, "form": form, "request": request, "authority": authority,
]

// MARK: files of weights

/// Safetensors, zip with a pickle, and PyTorch's legacy format: every tensor as the numbers a model reads.
func checkpoint(_ bytes: [UInt8]) throws {
  let found = try openFile(MappedFile(named: "fuzz", bytes: bytes))
  for record in found.records.prefix(64) where record.count <= 1 << 16 {
    let name = record.name.string
    if record.type.holdsWeights { _ = try? found.tensor(name) } else { _ = try? found.integers(name) }
  }
  _ = WeightsKind(found).title
}

/// An adapter: a file of weights, or the settings of PEFT beside one.
func lora(_ bytes: [UInt8]) throws {
  let isSettings = bytes.first == UInt8(ascii: "{")
  let folder = scratch.appendingPathComponent("lora")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let file = folder.appendingPathComponent("adapter_model.safetensors")
  let layer = "base_model.model.blocks.0.attn.qkv"
  if isSettings {
    var writer = SafetensorsWriter(file)
    try writer.add(TensorName(layer + ".lora_A.weight"), type: .f32, shape: [2, 3], bytes: Data(count: 24))
    try writer.add(TensorName(layer + ".lora_B.weight"), type: .f32, shape: [6, 2], bytes: Data(count: 48))
    try writer.write()
  }
  let settings = folder.appendingPathComponent("adapter_config.json")
  try? FileManager.default.removeItem(at: settings)
  try Data(bytes).write(to: isSettings ? settings : file)
  let targets = LoRATargets([Parameter("blocks.0.attn.qkv.weight", [6, 3])], namings: [.official], stored: .official)
  try LoRAFile(isSettings ? folder : file).check(targets)
}

/// The index of a checkpoint in shards, which lie beside it.
func index(_ bytes: [UInt8]) throws {
  let path = scratch.appendingPathComponent("fuzz.index.json").path
  let found = try openFile(MappedFile(named: path, bytes: bytes), indexAllowed: true)
  _ = found.records.map(\.name.description)
}

func json(_ bytes: [UInt8]) throws {
  // What is normalised is taken by Foundation's reader, or refused in words.
  if let normalised = try? normalisedJSON(Data(bytes)) {
    _ = try? JSONDecoder().decode(JSONValue.self, from: normalised)
    precondition((try? normalisedJSON(normalised)) != nil, "normalising makes what it does not read")
  }
  bytes.withUnsafeBytes { bytes in
    var json = StrictJSON(bytes)
    _ = try? json.scalar()
    json = StrictJSON(bytes)
    _ = try? json.skip()
  }
}

// MARK: pictures

func picture(_ bytes: [UInt8]) throws {
  // Small limits keep decoding quick; what is beyond them is refused before memory is taken.
  let limits = PictureLimits(side: 1024, pixels: 1 << 18, textBytes: 1 << 16, textCount: 8)
  let contents = try PictureContents(checksummed(bytes), limits: limits)
  precondition(contents.picture.pixels.count == contents.picture.width * contents.picture.height * 3)
  _ = PictureSettings(texts: contents.texts)
  _ = Mask(contents)
}

/// A block of Exif, in a picture of one pixel.
func exif(_ bytes: [UInt8]) throws {
  let whole = try Picture(width: 1, height: 1, pixels: [1, 2, 3]).encoded()
  let contents = try PictureContents(checksummed(whole.prefix(33) + chunk("eXIf", bytes) + whole.dropFirst(33)))
  _ = PictureSettings(texts: contents.texts)
}

/// How a picture was made: keyword and text, one after the other between NULs.
func settings(_ bytes: [UInt8]) throws {
  let parts = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  let texts = stride(from: 0, to: parts.count - 1, by: 2).map { PNGText(parts[$0], parts[$0 + 1]) }
  for text in texts { _ = GenerationParameters(text: text.text) }
  guard let found = PictureSettings(texts: texts) else { return }
  // What is written is read back.
  let own = found.parameters
  _ = (own.size, own.steps, own.seed, own.guidanceScale, own.sampler, own.model)
  _ = GenerationParameters(text: own.pngText.text)
}

// MARK: what people type

func prompts(_ bytes: [UInt8]) throws {
  for ending in ["", ".txt", ".jsonl", ".csv"] {
    let file = PromptFile(name: "fuzz" + ending, bytes: bytes)
    _ = (file.lines.count, file.problems.map(\.reason))
  }
}

/// Weights of words, and what other programs put into prompts.
func words(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  _ = try? LoRATags.taken(from: text)
  _ = ForeignSyntax.notes(text)
  _ = WeightedPrompt.plain(text)
  _ = try WeightedPrompt(text)
}

func braces(_ bytes: [UInt8]) throws {
  let template = try PromptTemplate(String(decoding: bytes, as: UTF8.self))
  precondition(template.prompts.count == template.matrix.rows.joined().count)
}

func respacing(_ bytes: [UInt8]) throws {
  _ = try StepPlan(respacing: String(decoding: bytes, as: UTF8.self), schedule: .dit)
}

/// The variables of a job array: values between line feeds, in this order.
func shard(_ bytes: [UInt8]) throws {
  let names = [
    "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT",
    "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS",
  ]
  let values = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
  let environment = Dictionary(uniqueKeysWithValues: zip(names, values.dropFirst()).filter { !$0.1.isEmpty })
  _ = try? Shard(option: nil, environment: environment)?.part(of: Array(0..<100))
  _ = try Shard(option: values[0], environment: environment)?.part(of: Array(0..<100))
}

// MARK: files of a model

/// One text as each of the configurations that a model folder holds.
func configuration(_ bytes: [UInt8]) throws {
  let url = try written(bytes, "config.json")
  let file = try ConfigurationFile(url)
  if let found = try? ModelFamilies.configuration(file, ModelHints()) {
    _ = (found.summary, try? found.traits, found.fields)
    // Not every depth: `inspect` builds a declaration of every block.
    if found.blockCount <= 12 { _ = try found.costs().total }
  }
  if let found = try? TextEncoders.configuration(file) { _ = (found.width, found.vocabularySize, found.fields) }
  _ = try? file.read(CLIPVisionConfiguration.self)
  _ = try? file.read(CaptionConfiguration.self)
  _ = try? file.read(UniDiffuserConfiguration.self)
  if let found = try? file.read(AutoencoderKLConfiguration.self), found.channels.count <= 6, found.layersPerBlock <= 4 {
    _ = try found.listing().parameters
  }
  if let found = try? file.read(TinyAutoencoderConfiguration.self), found.decoderChannels.count <= 6 {
    _ = try found.listing().parameters
  }
  if let found = try? SchedulerConfiguration(file.url), found.schedule.trainTimesteps <= 2000 {
    for spacing in Spacing.allCases { _ = try? StepPlan(spacing, steps: 20, schedule: found.schedule) }
  }
}

func tokenizer(_ bytes: [UInt8]) throws {
  let found = try SentencePieceTokenizer(contentsOf: written(bytes, "spiece.model"))
  for text in ["", "a red fox in snow", "\u{0}é\u{FFFD} 🦊 \n"] {
    let ids = try found.encode(text)
    precondition(ids.count <= found.maximumLength && ids.allSatisfy { (0..<found.vocabularySize).contains($0) })
  }
  _ = found.unknownID.map(found.piece)
}

/// Gemma's `tokenizer.json` or `tokenizer.model`.
func gemma(_ bytes: [UInt8]) throws {
  let name = bytes.first == UInt8(ascii: "{") ? "tokenizer.json" : "tokenizer.model"
  let found = try GemmaTokenizer(contentsOf: written(bytes, name), maximumLength: 30)
  for text in ["", "a red fox in snow", "\u{0}é\u{FFFD} 🦊 <bos>  \n"] {
    let ids = try found.encode(text)
    precondition(ids.first == found.startID && ids.count <= 30 && ids.allSatisfy { (0..<found.vocabularySize).contains($0) })
    for id in ids { _ = found.piece(id) }
  }
}

func manifest(_ bytes: [UInt8]) throws {
  for entry in try Manifest.entries(of: written(bytes, "manifest.jsonl")) { _ = entry.jsonLine }
}

// MARK: - Files

/// A folder in memory, beside the shards that an index may name.
let scratch = URL(fileURLWithPath: ProcessInfo.processInfo.environment["FUZZ_SCRATCH"] ?? NSTemporaryDirectory())

private func written(_ bytes: [UInt8], _ name: String) throws -> URL {
  let url = scratch.appendingPathComponent(name)
  try Data(bytes).write(to: url)
  return url
}

// MARK: - PNG

/// A PNG file with the checksums that its chunks should have, for no mutation hits them; anything else as it is.
private func checksummed(_ bytes: some Sequence<UInt8>) -> [UInt8] {
  var bytes = Array(bytes)
  guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return bytes }
  var start = 8
  while start + 12 <= bytes.count {
    let count = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    guard count <= bytes.count - start - 12 else { break }
    let sum = crc(bytes[start + 4..<start + 8 + count])
    bytes.replaceSubrange(start + 8 + count..<start + 12 + count, with: bigEndian(sum))
    start += 12 + count
  }
  return bytes
}

private func chunk(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
  bigEndian(UInt32(bytes.count)) + name.utf8 + bytes + [0, 0, 0, 0]
}

private func bigEndian(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

private func crc(_ bytes: some Sequence<UInt8>) -> UInt32 {
  ~bytes.reduce(UInt32.max) { sum, byte in
    (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 0 ? 0 : 0xEDB8_8320) }
  }
}
