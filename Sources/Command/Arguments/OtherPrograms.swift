import DiTBatch

/// What other programs call our options: stable-diffusion.cpp, the scripts of diffusers and DiT, the web UI, InvokeAI.
enum OtherPrograms {
  /// Their names, and ours; taken without a word, and not in the help.
  static let names: [String: String] = [
    // The columns of prompt tables are called so, too.
    FieldNames.options.flatMap { ours, theirs in theirs.map { ("--" + $0, "--" + ours) } },
    programs.map { ($0, $1) }, short.map { ($0, $1) },
  ].reduce(into: [:]) { names, more in for (theirs, ours) in more { names[theirs] = ours } }

  private static let programs = [
    "--n-threads": "--threads",
    "--out": "--output", "--outfile": "--output", "--output-path": "--output", "--outdir": "--output",
    "--output-dir": "--output",
    "--ckpt": "--model", "--checkpoint": "--model", "--model-path": "--model", "--diffusion-model": "--model",
    "--vae-path": "--vae", "--taesd": "--vae", "--t5xxl": "--text-encoder",
    "--loras": "--lora", "--lora-model-dir": "--lora-folder", "--lora-dir": "--lora-folder",
    "--dtype": "--precision",
  ]

  /// Theirs, and our own: an error names the long one.
  private static let short = [
    "-n": "--negative", "-b": "--count", "-s": "--seed", "-S": "--seed", "-i": "--image", "-t": "--threads",
    "-W": "--width", "-H": "--height",
    "-o": "--output", "-g": "--guidance", "-c": "--count", "-m": "--model",
  ]

  /// Their options that have no equal here, and what to do instead.
  static func advice(_ name: String) -> String? {
    switch name {
    case "--fp16", "--half", "--bf16", "--fp32", "--no-half": "say --precision bf16 or f32, or leave it out"
    case "--device", "--gpu", "--cuda", "--use-gpu", "--cpu-only", "--medvram", "--lowvram", "--xformers", "--offload":
      "everything is computed on the processor; leave it out"
    case "--batch-size": "pictures are drawn together as it is fastest; say --count for how many"
    case "--prompt-file", "--prompts-file", "--from-file", "--prompt-list", "--prompts-from-file":
      "draw a file of prompts with: dit-t2i batch FILE --output FOLDER"
    case "--clip-skip": "the models here read no CLIP; leave it out"
    case "--control-net", "--controlnet", "--control-image": "there is no ControlNet here; --image starts from a picture"
    case "--hires-fix", "--enable-hr", "--hr", "--upscale", "--upscale-model":
      "--scale 2 enlarges the finished picture, --size draws a larger one"
    case "--ar", "--aspect-ratio", "--aspect": "say the size in pixels, --size 384x256 for instance"
    case "--img2img", "--txt2img", "--mode": "give the words, and --image to start from a picture"
    default: nil
    }
  }

  /// First words that are commands elsewhere, and what they are here.
  static let commands: [String: String] = [
    "version": "dit-t2i --version", "list": "dit-t2i models", "ls": "dit-t2i models",
    "generate": "dit-t2i \"a red fox in snow\"", "txt2img": "dit-t2i \"a red fox in snow\"",
    "img2img": "dit-t2i \"a red fox in snow\" --image in.png", "run": "dit-t2i \"a red fox in snow\"",
    "usage": "dit-t2i --help", "settings": "dit-t2i config", "quantize": "dit-t2i convert",
  ]
}
