import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// CLIP's encoder of pictures: its configuration, and what is wrong with a file. Its numbers are held by the goldens.
@Suite struct CLIPVisionTests {
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  static let original = Fixtures.url("clip-vision/gelu")

  private func sizes(_ text: String) throws -> CLIPVisionConfiguration {
    try JSONDecoder().decode(CLIPVisionConfiguration.self, from: Data(text.utf8))
  }

  private func stated() throws -> CLIPVisionConfiguration {
    try readConfiguration(CLIPVisionConfiguration.self, at: Self.original.appendingPathComponent("config.json"))
  }

  @Test func whatIsLeftOutIsOpenAIs() throws {
    let plain = try sizes(#"{"model_type": "clip_vision_model"}"#)
    #expect(plain.imageSize == 224 && plain.patchSize == 32 && plain.layers == 12 && plain.shape.hiddenSize == 768)
    let both = try sizes(#"{"projection_dim": 7, "text_config": {}, "vision_config": {"image_size": 10, "patch_size": 5}}"#)
    #expect(both.imageSize == 10 && both.projectionSize == 7)
    for wrong in [#"{"patch_size": 300}"#, #"{"num_channels": 4}"#, #"{"image_size": 1e9}"#, #"{"hidden_act": "relu"}"#] {
      #expect(throws: DecodingError.self) { try sizes(wrong) }
    }
  }

  @Test func aMissingTensorIsNamed() throws {
    let weights = try openCheckpoint(at: Self.original)
    for gone in weights.records.map(\.name.string) where gone != "visual_projection.weight" {
      var writer = SafetensorsWriter(folder.file("gone.safetensors"))
      for record in weights.records where record.name.string != gone { try writer.add(record) }
      try writer.write()
      #expect { _ = try stated().load(folder.file("gone.safetensors"), backend: backend) } throws: { "\($0)".contains(gone) }
    }
  }

  @Test func picturesOfOtherSizesAreRefused() throws {
    let encoder = try stated().load(Self.original, backend: backend)
    #expect(throws: BackendError.self) { try encoder.states(of: Tensor([3, 10, 11])) }
    let states = try encoder.states(of: Tensor([3, 10, 10]))
    #expect(states.hidden.shape == [5, 24] && states.pooled.shape == [1, 24] && states.embedding?.shape == [1, 31])
  }
}
