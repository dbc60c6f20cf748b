import DiTDiffusion
import DiTImage
import DiTModels
import DiTServer
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What the web UI's requests mean in the words of our own.
@Suite struct WebUITests {
  private static func fields(_ json: String, fromImage: Bool = false, previewEvery: Int = 0) throws -> PictureFields {
    try JSONDecoder().decode(WebUIRequest.self, from: Data(json.utf8))
      .fields(MicroServer.desk().shelf, model: nil, previewEvery: previewEvery, fromImage: fromImage)
  }

  @Test func everyField() throws {
    let asked = try Self.fields(
      #"""
      {"prompt": "a fox", "negative_prompt": "a cat", "seed": 7, "steps": "21", "cfg_scale": 3.5, "width": 96, "height": 64,
       "sampler_name": "DPM++ 2M", "scheduler": "Karras", "batch_size": 2, "n_iter": 3, "denoising_strength": 0.7,
       "override_settings": {"sd_model_checkpoint": "micro [7804e829f3]", "CLIP_stop_at_last_layers": 1, "other": [1]},
       "enable_hr": false, "alwayson_scripts": {}, "script_name": null, "styles": ["x"], "lora": false, "eta": 1.0, "comments": {"a": [1]}}
      """#, previewEvery: 10)
    var fields = PictureFields()
    (fields.model, fields.prompt, fields.negative, fields.seed) = ("micro", "a fox", "a cat", 7)
    (fields.steps, fields.guidance, fields.size, fields.sampler) = (21, 3.5, "96x64", "dpm++ Karras")
    (fields.count, fields.previews, fields.lora) = (6, 2, false)
    #expect(asked == fields)
  }

  @Test func whatIsLeftOutIsTheModels() throws {
    let asked = try Self.fields(#"{"prompt": "a fox", "seed": -1}"#)
    var fields = PictureFields()
    (fields.model, fields.prompt, fields.seed, fields.count) = ("micro", "a fox", -1, 1)
    #expect(asked == fields)
    #expect(try Self.fields(#"{"width": 128}"#).size == "128x\(MicroModel.folder().usualSize.height)")
  }

  @Test func samplersHaveTheWebUIsNames() throws {
    let folder = try MicroModel.folder()
    #expect(WebUISamplers.all.count == SamplerRegistry.names.count)
    for (entry, own) in zip(WebUISamplers.all, SamplerRegistry.names) {
      for name in [entry.name] + entry.aliases {
        let sampler = try WebUISamplers.sampler(name, scheduler: "Automatic", of: folder)
        #expect(SamplerNames.resolve(try #require(sampler))?.sampler == own, "\(name)")
      }
    }
    // Every schedule that is listed is one, and means what it does in the web UI's pictures.
    for schedule in WebUISamplers.schedules {
      for name in [schedule.name, schedule.label] {
        var (request, expected) = (folder.defaultRequest, folder.defaultRequest)
        folder.use(try #require(try WebUISamplers.sampler("Heun", scheduler: name, of: folder)), for: &request)
        folder.use("heun", for: &expected)
        let known = try #require(SamplerNames.resolve("Heun", schedule: name))
        if let spacing = known.spacing { expected.spacing = spacing }
        #expect(request == expected, "\(name)")
      }
    }
    #expect(try WebUISamplers.sampler(nil, scheduler: nil, of: folder) == nil)
    #expect(try WebUISamplers.sampler("", scheduler: "Automatic", of: folder) == nil)
    #expect(try WebUISamplers.sampler("DPM++ 2M Karras", scheduler: "automatic", of: folder) == "DPM++ 2M Karras")
    for (name, schedule) in [("LMS", nil), ("nope", nil), ("Euler", "nope"), ("Euler", "linear x")] as [(String, String?)] {
      let error = #expect(throws: RefusedRequest.self) { try WebUISamplers.sampler(name, scheduler: schedule, of: folder) }
      #expect(error?.status == .notFound)
    }
  }

  @Test func masksMayBeTurnedAbout() throws {
    func base64(_ values: [UInt8]) throws -> String {
      Data(try Picture(width: 2, height: 1, pixels: values.flatMap { [$0, $0, $0] }).encoded()).base64EncodedString()
    }
    let (image, mask) = (try base64([9, 9]), try base64([255, 0]))
    let plain = try Self.fields(#"{"init_images": ["\#(image)"], "mask": "\#(mask)"}"#, fromImage: true)
    #expect(plain.mask == .text(mask) && plain.image == .text(image) && plain.strength == 0.75)
    let turned = try Self.fields(
      #"{"init_images": ["\#(image)"], "mask": "data:image/png;base64,\#(mask)", "inpainting_mask_invert": true}"#, fromImage: true)
    let bytes = try #require(try turned.mask?.bytes(field: "mask"))
    #expect(try Mask(PictureContents(Array(bytes))).values == [0, 255])
    #expect(try Self.fields(#"{"init_images": ["\#(image)"], "mask": ""}"#, fromImage: true).mask == nil)
  }

  @Test(arguments: [
    (#"{"steps": "many"}"#, 422, "steps"), (#"{"seed": 1.5}"#, 422, "seed"), (#"{"prompt": 3}"#, 422, "prompt"),
    (#"{"init_images": "x"}"#, 422, "init_images"), (#"{"enable_hr": true}"#, 422, "enable_hr"),
    (#"{"tiling": 1}"#, 422, "tiling"), (#"{"restore_faces": "true"}"#, 422, "restore_faces"),
    (#"{"subseed_strength": 0.1}"#, 422, "subseed_strength"), (#"{"script_name": "x"}"#, 422, "script_name"),
    (#"{"alwayson_scripts": {"x": {"args": []}}}"#, 422, "alwayson_scripts"), (#"{"infotext": "Steps: 3"}"#, 422, "infotext"),
    (#"{"batch_size": 9223372036854775807, "n_iter": 2}"#, 422, "batch_size"), (#"{"n_iter": 0}"#, 422, "batch_size"),
    (#"{"override_settings": {"sd_vae": "x.pt"}}"#, 422, "sd_vae"), (#"{"override_settings": 3}"#, 422, "override_settings"),
    (#"{"override_settings": {"sd_model_checkpoint": "/etc/passwd"}}"#, 404, "sd_model_checkpoint"),
    (#"{"sampler_name": "nope"}"#, 404, "sampler_name"), (#"{"scheduler": "nope"}"#, 404, "scheduler"),
  ])
  func eachFieldIsNamed(json: String, status: Int, field: String) throws {
    let error = #expect(throws: (any Error).self) { try Self.fields(json) }
    let refused = try #require(error.flatMap { RefusedRequest($0) })
    #expect(refused.status.code == status && refused.field == field, "\(refused)")
    #expect(!refused.message.contains("\n"))
  }

  @Test func startsFromOnePicture() {
    for (json, status) in [("{}", 404), (#"{"init_images": []}"#, 404), (#"{"init_images": ["a", "b"]}"#, 422)] {
      let error = #expect(throws: RefusedRequest.self) { try Self.fields(json, fromImage: true) }
      #expect(error?.status.code == status && error?.field == "init_images")
    }
  }
}
