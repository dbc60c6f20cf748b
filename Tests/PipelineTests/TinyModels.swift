import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation

/// Folders of published kinds, put together from the fixtures' tiny weights.
struct TinyModels {
  let folder: TemporaryFolder

  static let vae = TinyParts.autoencoder

  init() throws { folder = try TemporaryFolder() }

  /// diffusers' DiT: ten classes with ImageNet-like labels.
  func diffusersDiT() throws -> URL {
    let labels = (0..<10).map { "\"\($0)\": \"thing \($0), res \($0)\"" }.joined(separator: ", ")
    try folder.write(#"{"_class_name": "DiTPipeline", "id2label": {\#(labels)}}"#, to: "dit/model_index.json")
    try transformer("dit-diffusers/p2", in: "dit")
    try autoencoder(in: "dit")
    try folder.write(
      #"{"_class_name": "DDIMScheduler", "beta_schedule": "linear", "num_train_timesteps": 1000}"#,
      to: "dit/scheduler/scheduler_config.json")
    return folder.file("dit")
  }

  /// PixArt with a text encoder; `fields` replaces fields of the transformer's configuration.
  func pixArt(
    _ pipeline: String = "PixArtAlphaPipeline", _ name: String = "pixart", fields: [String: JSONValue] = [:]
  ) throws -> URL {
    try folder.write(#"{"_class_name": "\#(pipeline)"}"#, to: "\(name)/model_index.json")
    try transformer("pixart/micro-conditions", in: name)
    var configuration = try readConfiguration(
      JSONValue.self, at: Fixtures.url("pixart/micro-conditions/config.json")).object ?? [:]
    configuration.merge(fields) { $1 }
    try folder.write(
      String(decoding: try JSONEncoder().encode(JSONValue.object(configuration)), as: UTF8.self),
      to: "\(name)/transformer/config.json")
    try autoencoder(in: name)
    try textEncoder(in: name)
    return folder.file(name)
  }

  func textEncoder(in name: String) throws { try TinyParts.writeTextEncoder(in: folder.file(name)) }

  private func transformer(_ fixture: String, in name: String) throws {
    for file in ["config.json", "diffusion_pytorch_model.safetensors"] {
      try folder.copy(Fixtures.url("\(fixture)/\(file)"), to: "\(name)/transformer/\(file)")
    }
  }

  private func autoencoder(in name: String) throws {
    for file in ["config.json", "diffusion_pytorch_model.safetensors"] {
      try folder.copy(TinyModels.vae.appendingPathComponent(file), to: "\(name)/vae/\(file)")
    }
  }
}

/// Draws one picture with few steps.
func draw(
  _ model: ModelFolder, prompt: String = "", className: String? = nil, size: PictureSize? = nil, cache: URL? = nil
) throws -> GeneratedPicture {
  var request = model.defaultRequest
  request.steps = 3
  request.seed = 5
  request.prompt = prompt
  if let size { request.size = size }
  if let className { request.classIndex = try model.classIndex(className) }
  let backend = try Backend(.native, precision: .f32, threads: 2)
  return try TextToImage(model, backend: backend).makeSession(textCache: cache).draw([request])[0]
}
