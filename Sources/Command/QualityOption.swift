import ArgumentParser
import DiTArguments

/// How good a JPEG or WebP is.
struct QualityOption: ParsableArguments {
  @Option(help: ArgumentHelp(
    "Of a JPEG or WebP, 1 to 100; a WebP of 100 keeps every pixel as it is. (default: 92)", valueName: "percent"),
    transform: Reading.whole(1...100))
  var quality: Int?
}
