import DiTImage
import Testing

/// The settings that other programs store.
@Suite struct SettingsTests {
  @Test func comfyUI() throws {
    let graph = """
      {"3": {"class_type": "KSampler", "inputs": {"seed": 12345678901234, "steps": 20, "cfg": 7.5, "sampler_name": "dpmpp_2m",
      "scheduler": "karras", "model": ["4", 0], "positive": ["9", 0], "negative": ["7", 0]}, "is_changed": [NaN]},
      "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
      "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768}},
      "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
      "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "dark", "clip": ["4", 1]}},
      "8": {"class_type": "LoraLoader", "inputs": {"lora_name": "fox\\\\pixel.safetensors", "strength_model": 0.7, "model": ["4", 0]}},
      "9": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["6", 0]}}}
      """
    let settings = try #require(PictureSettings(texts: [PNGText("workflow", "{}"), PNGText("prompt", graph)]))
    #expect(settings.program == "ComfyUI")
    let parameters = settings.parameters
    #expect(parameters.prompt == "a fox <lora:pixel.safetensors:0.7>" && parameters.negativePrompt == "dark")
    #expect(parameters.seed == 12_345_678_901_234 && parameters.steps == 20 && parameters.guidanceScale == 7.5)
    #expect(parameters.sampler == "dpmpp_2m" && parameters["Schedule type"] == "karras")
    #expect(parameters.size?.width == 512 && parameters.size?.height == 768 && parameters.model == "sd.safetensors")
    #expect(parameters["Nodes"]?.hasPrefix("CLIPTextEncode, CheckpointLoaderSimple") == true)
    // A graph that leads in circles ends.
    let circle = #"{"1": {"inputs": {"steps": 1, "seed": 1, "positive": ["2", 0]}}, "#
      + #""2": {"inputs": {"text": ["2", 0], "value": ["2", 0]}}}"#
    #expect(PictureSettings(texts: [PNGText("prompt", circle)])?.parameters.prompt == "")
  }

  @Test func invokeAI() throws {
    let new = #"{"positive_prompt": "a fox", "negative_prompt": "dark", "width": 64, "height": 32, "seed": 5, "steps": 3, "#
      + #""cfg_scale": 7.5, "scheduler": "euler_a", "model": {"name": "Juggernaut", "key": "x"}, "#
      + #""loras": [{"model": {"name": "ink"}, "weight": 0.75}, {"lora": {"model_name": "a:b"}, "weight": 1}]}"#
    let settings = try #require(PictureSettings(texts: [PNGText("invokeai_metadata", new)]))
    #expect(settings.program == "InvokeAI" && settings.parameters.prompt == "a fox <lora:ink:0.75>")
    #expect(settings.parameters.fields.map(\.value) == ["3", "euler_a", "7.5", "5", "64x32", "Juggernaut"])
    let old = #"{"model_weights": "sd15", "image": {"prompt": [{"prompt": "an owl", "weight": 1}], "steps": 4, "seed": 6}}"#
    let before = try #require(PictureSettings(texts: [PNGText("sd-metadata", old)]))
    #expect(before.parameters.prompt == "an owl" && before.parameters.seed == 6 && before.parameters.model == "sd15")
  }

  @Test func novelAI() throws {
    let texts = [
      PNGText("Software", "NovelAI"), PNGText("Description", "a fox"),
      PNGText("Comment", #"{"steps": 28, "sampler": "k_euler", "seed": 3, "scale": 5.0, "uc": "bad"}"#),
    ]
    let settings = try #require(PictureSettings(texts: texts))
    #expect(settings.parameters.prompt == "a fox" && settings.parameters.negativePrompt == "bad")
    #expect(settings.parameters.guidanceScale == 5 && settings.parameters.sampler == "k_euler")
  }

  @Test func whatIsNotUnderstoodIsNone() {
    for texts in [
      [], [PNGText("Software", "GIMP")], [PNGText("prompt", "a fox")], [PNGText("prompt", "[1]")], [PNGText("prompt", "{")],
      [PNGText("Comment", "{}")],
    ] { #expect(PictureSettings(texts: texts) == nil) }
  }

  /// A file's settings are kept however many other texts stand before them.
  @Test func settingsComeBeforeOtherTexts() throws {
    let others = (0..<100).map { PNGText("k\($0)", "v") }
    let settings = PNGText("parameters", "a fox\nSteps: 2, Seed: 1, Size: 8x8")
    let contents = try PictureContents(Picture.random(2, 2).encoded(texts: others + [settings] + others))
    #expect(contents.texts.count == 64 && contents.texts.last == settings && contents.texts.first == others[0])
    #expect(contents.omittedTexts == 201 - 64)
    let long = PNGText("parameters", String(repeating: "x", count: 5 << 20))
    let without = try PictureContents(Picture.random(2, 2).encoded(texts: [long]))
    #expect(without.texts.isEmpty && without.omittedTexts == 1)
  }
}
