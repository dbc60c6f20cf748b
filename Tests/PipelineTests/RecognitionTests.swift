import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What a file is, by its tensors, and what is said of files that cannot be run.
@Suite struct RecognitionTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ names: [String]) throws -> URL {
    let url = folder.file("\(UUID().uuidString).bin")
    var writer = SafetensorsWriter(url)
    for name in names { try writer.add(TensorName(name), try Tensor([1, 2], [2])) }
    try writer.write()
    return url
  }

  @Test(arguments: [
    (WeightsKind.unet, ["conv_in.weight", "time_embedding.linear_1.weight", "down_blocks.0.resnets.0.conv1.weight"]),
    (.stableDiffusion, ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight"]),
    (.flux, ["double_blocks.0.img_attn.qkv.weight", "img_in.weight"]),
    (.flux, ["single_transformer_blocks.0.attn.to_q.weight", "x_embedder.weight"]),
    (.stableDiffusion3, ["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"]),
    (.lora, ["lora_unet_down_blocks_0.lora_up.weight", "lora_unet_down_blocks_0.alpha"]),
    (.lora, ["unet.down_blocks.0.attn.to_q.lora_A.weight"]),
    (.stableDiffusionXL, ["model.diffusion_model.input_blocks.0.0.weight", "conditioner.embedders.1.model.x.weight"]),
    (.unetXL, ["conv_in.weight", "time_embedding.linear_1.weight", "add_embedding.linear_1.weight"]),
    (.captionDecoder, ["module.encode_prefix.weight", "module.gpt.transformer.wte.weight"]),
    (.captionDecoderWithCLIP, ["module.encode_prefix.weight", "module.clip.text_model.final_layer_norm.weight"]),
    (.video, ["x_embedder.proj.weight", "attention_y_norm.weight", "t_block.1.weight", "blocks.0.mlp.t_conv.weight"]),
    (.video, ["x_embedder.proj.weight", "t_block.1.weight", "y_embedder.y_proj.fc1.weight", "blocks.0.attn_temp.qkv.weight"]),
    (.hunyuan, ["text_embedding_padding", "mlp_t5.0.weight"]), (.auraFlow, ["register_tokens", "double_layers.0.attn.w1q.weight"]),
    (.lumina, ["cap_embedder.0.weight", "layers.0.attention.wq.weight"]), (.stableCascade, ["clip_txt_pooled_mapper.weight"]),
    (.stableDiffusion3, ["transformer_blocks.0.attn.add_q_proj.weight"]),
    (.flux, ["model.diffusion_model.double_blocks.0.img_attn.qkv.weight"]),
    (.controlNet, ["control_model.input_blocks.0.0.weight"]),
    (.controlNet, ["controlnet_cond_embedding.conv_in.weight", "conv_in.weight", "time_embedding.linear_1.weight"]),
    (.clip, ["text_model.encoder.layers.0.mlp.fc1.weight"]),
    (.autoencoderKL, ["decoder.conv_in.weight", "encoder.conv_in.weight"]),
    (.unknown, ["something.weight"]),
  ])
  func namesWhatCannotBeRun(kind: WeightsKind, names: [String]) throws {
    let url = try file(names)
    #expect(WeightsKind(try openCheckpoint(at: url)) == kind)
    #expect(try describeFile(url).hasPrefix(kind.title))
    do {
      _ = try ModelFolder(url)
      Issue.record("it was taken for a model")
    } catch let error as ModelError {
      #expect(error.description.contains(kind.title) && error.description.contains("this program runs DiT"))
      #expect(!error.description.contains("\n"))
    }
  }

  @Test func describesTransformers() throws {
    let golden = [
      "dit-official/p2/checkpoint.pt":
        "a class-conditional DiT; 2 blocks of width 36, patches of 2, 4 latent channels, 10 classes; ",
      "uvit/class/model.safetensors": "a U-ViT; 5 blocks of width 24, patches of 2, 4 latent channels, 10 classes; ",
      "pixart/micro-conditions/original.pth":
        "a PixArt transformer; 2 blocks of width 24, patches of 2, 4 latent channels, text of 24 numbers a token; ",
      "dit-diffusers/p2/diffusion_pytorch_model.safetensors":
        "a class-conditional DiT in diffusers' names; 2 blocks of width 24, patches of 2, 4 latent channels, 10 classes; ",
      "t5/v1_1/model.safetensors": "a T5 text encoder; ",
      "clip-text/projection/model.safetensors": "a CLIP text encoder; ",
      "clip-vision/gelu/model.safetensors": "a CLIP encoder of pictures; ",
      "vae/tiny/diffusion_pytorch_model.safetensors": "a tiny autoencoder (TAESD); ",
    ]
    for (path, expected) in golden { #expect(try describeFile(Fixtures.url(path)).hasPrefix(expected), "\(path)") }
  }

  @Test func refusesGGUFAndPipelines() throws {
    try Data("GGUF\u{3}\0\0\0".utf8).write(to: folder.file("x.gguf"))
    #expect(try describeFile(folder.file("x.gguf")) == "a GGUF file")
    #expect(throws: ModelError.self) { try ModelFolder(folder.file("x.gguf")) }
    try folder.write(#"{"_class_name": "StableDiffusionPipeline"}"#, to: "sd/model_index.json")
    do {
      _ = try ModelFolder(folder.file("sd"))
      Issue.record("it was taken for a model")
    } catch {
      #expect("\(error)".contains("this is StableDiffusionPipeline; this program runs DiT"))
    }
    let others = [("UniDiffuserPipeline", "has no unet"), ("StableCascadePipeline", "this is StableCascade")]
    for (name, what) in others {
      try folder.write(#"{"_class_name": "\#(name)"}"#, to: "other/model_index.json")
      #expect { _ = try ModelFolder(folder.file("other")) } throws: { "\($0)".contains(what) }
    }
    // Stable Diffusion's own checkpoints hold objects of their training, for which they are refused: the line says what they are.
    let refused = try Data(contentsOf: Fixtures.url("files/pickle/bad/legacy-os-system.pt"))
    try (refused + Data("model.diffusion_model.input_blocks.0.0.weight".utf8)).write(to: folder.file("sd.ckpt"))
    #expect { _ = try ModelFolder(folder.file("sd.ckpt")) } throws: { "\($0)".contains("this is a Stable Diffusion checkpoint") }
    try folder.write(#"{"_class_name": "FluxTransformer2DModel"}"#, to: "flux/transformer/config.json")
    #expect(throws: ModelError.self) { try ModelFolder(folder.file("flux")) }
  }

  /// PixArt's table, as the published pipelines have it.
  @Test(arguments: [
    (1024, 1024, 1024, 1024), (1024, 576, 1344, 768), (64, 256, 512, 2048), (640, 512, 1088, 896), (704, 1024, 832, 1216),
  ])
  func aspectBins(width: Int, height: Int, drawnWidth: Int, drawnHeight: Int) {
    let size = PictureSize(width: width, height: height)
    #expect(AspectBins.size(for: size, native: 1024) == PictureSize(width: drawnWidth, height: drawnHeight))
    let half = AspectBins.size(for: size, native: 512)
    #expect(half == PictureSize(width: drawnWidth / 2, height: drawnHeight / 2))
    #expect(AspectBins.size(for: size, native: 64) == size)
    let tall = PictureSize(width: 512, height: 1920)
    #expect(AspectBins.size(for: tall, native: 2048) == PictureSize(width: 1024, height: 3840))
    #expect(AspectBins.size(for: tall, native: 1024) == PictureSize(width: 512, height: 2048))
    #expect(AspectBins.size(for: PictureSize(width: 1024, height: 1024), native: 2048).width == 2048)
  }

  /// The eight classes of the published sampling script, and the ends.
  @Test func imageNet() {
    let names = ImageNetClasses.names
    #expect(names.count == 1000 && names.allSatisfy { !$0.isEmpty })
    let golden = [
      0: "tench", 88: "macaw", 207: "golden retriever", 279: "Arctic fox", 360: "otter", 387: "lesser panda",
      417: "balloon", 974: "geyser", 979: "valley", 999: "toilet tissue",
    ]
    for (index, name) in golden { #expect(names[index] == name) }
  }
}
