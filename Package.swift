// swift-tools-version: 6.1
// One target a stage; the order of the list is the order of the data. Modules carry the prefix DiT, folders do not: a
// package graph with two modules called Image does not resolve. docs/ARCHITECTURE.md says what may import what.
import PackageDescription

/// A stage: the module DiTNAME in Sources/NAME.
func stage(_ name: String, _ dependencies: [String] = [], module: String? = nil) -> Target {
  .target(
    name: module ?? "DiT" + name, dependencies: dependencies.map { .target(name: "DiT" + $0) }, path: "Sources/" + name)
}

/// The tests of a stage, in Tests/NAMETests.
func tests(_ name: String, _ dependencies: [String]) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: (dependencies + ["TestSupport"]).map { .target(name: "DiT" + $0) },
    path: "Tests/\(name)Tests")
}

/// The kernels are optimised in debug builds too, where they would be 35 times slower. SwiftPM allows no such flag in what
/// it fetches by version or branch, so a program that depends on this package that way gets its own debug build's -O0, or
/// -O2 by `swift build -Xcc -O2`. A fetched package lies in SwiftPM's own folders, which is how this tells.
let isFetched = ["/checkouts/", "/registry/downloads/"].contains { "\(Context.packageDirectory)/".contains($0) }
let optimised: [CSetting] = isFetched ? [] : [.unsafeFlags(["-O2"], .when(configuration: .debug))]

let package = Package(
  name: "dit-t2i",
  products: [
    .executable(name: "dit-t2i", targets: ["DiTCommand"]),
    .library(name: "DiTTextToImage", targets: ["DiTTextToImage"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // C: the hot loops, what a signal handler may call, and the bindings of system libraries.
    .target(
      name: "DiTCKernels", path: "Sources/CKernels", cSettings: optimised, linkerSettings: [.linkedLibrary("m")]),
    .target(name: "DiTCOpenBLAS", path: "Sources/COpenBLAS", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "DiTCPango", path: "Sources/CPango", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "DiTCFiles", path: "Sources/CFiles"),
    .target(name: "DiTCPNG", path: "Sources/CPNG", linkerSettings: [.linkedLibrary("png")]),
    .target(name: "DiTCJPEG", path: "Sources/CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
    .target(
      name: "DiTCWebP", path: "Sources/CWebP",
      linkerSettings: [.linkedLibrary("webp"), .linkedLibrary("webpdemux"), .linkedLibrary("webpmux")]),
    .systemLibrary(
      name: "DiTCOpenSSL", path: "Sources/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "DiTCZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "DiTCEdit", path: "Sources/CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .target(
      name: "DiTCSentencePiece", path: "Sources/CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece")]),

    // Swift: one stage a folder. Errors says what all of them throw.
    stage("Errors"),
    stage("Files", ["Errors", "CFiles"]),
    stage("Tensors", ["Errors", "CKernels", "COpenBLAS"]),
    stage("Checkpoints", ["Errors", "Files", "Tensors", "COpenSSL"]),
    stage("Text", ["Errors", "Files", "Tensors", "Checkpoints", "CSentencePiece", "CZlib"]),
    stage("Diffusion", ["Errors", "Tensors"]),
    stage("Transformer", ["Errors", "Tensors", "Checkpoints", "Diffusion"]),
    stage("Autoencoder", ["Errors", "Files", "Tensors", "Checkpoints"]),
    stage("Image", ["Errors", "Files", "CPNG", "CJPEG", "CWebP"]),
    stage("Charts", ["Image", "CPango"]),
    stage("Models", ["Errors", "Files", "Tensors", "Checkpoints", "Text", "Transformer", "Diffusion", "Autoencoder"]),
    stage(
      "Pipeline",
      [
        "Errors", "Files", "Tensors", "Checkpoints", "Text", "Transformer", "Diffusion", "Autoencoder", "Image", "Models",
      ],
      module: "DiTTextToImage"),
    stage("Batch", ["Errors", "Files", "Checkpoints", "Transformer", "Image", "Charts", "Models", "TextToImage"]),
    stage("Training", ["Tensors", "Checkpoints", "Diffusion", "Transformer"]),
    stage(
      "Verification",
      ["Tensors", "Training", "Checkpoints", "Text", "Transformer", "Diffusion", "Autoencoder", "Image", "Models", "TextToImage"]),
    stage(
      "Study",
      [
        "Errors", "Tensors", "Checkpoints", "Text", "Transformer", "Diffusion", "Autoencoder", "Image", "Charts", "Models",
        "TextToImage",
      ]),
    stage(
      "Teaching",
      [
        "Errors", "Files", "Tensors", "Checkpoints", "Diffusion", "Transformer", "Image", "Charts", "Models", "TextToImage",
        "Batch", "Training",
      ]),
    .target(
      name: "DiTArguments", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Sources/Arguments"),
    .executableTarget(
      name: "DiTCommand",
      dependencies: [
        "DiTCEdit", "DiTArguments", "DiTErrors", "DiTFiles", "DiTTensors", "DiTTransformer", "DiTDiffusion", "DiTAutoencoder",
        "DiTImage", "DiTCharts", "DiTModels", "DiTTextToImage", "DiTBatch", "DiTVerification", "DiTStudy", "DiTTeaching",
        .product(name: "ArgumentParser", package: "swift-argument-parser"), "TOMLKit",
      ], path: "Sources/Command"),

    // Tests: one target a stage.
    .target(
      name: "DiTTestSupport", dependencies: ["DiTTensors", "DiTCheckpoints", "DiTModels", "DiTTextToImage", "DiTStudy"],
      path: "Tests/Support"),
    tests(
      "Errors",
      [
        "Errors", "TextToImage", "Batch", "Study", "Teaching", "Models", "Files", "Checkpoints", "Text", "Transformer",
        "Diffusion", "Autoencoder", "Tensors", "Image",
      ]),
    tests("Files", ["Files", "CFiles"]),
    tests("Kernel", ["CKernels", "COpenBLAS", "Tensors"]),
    tests("Tensors", ["CKernels", "Tensors", "Checkpoints"]),
    tests("Checkpoints", ["Checkpoints", "Files", "Tensors"]),
    tests("Text", ["Text", "Checkpoints", "Tensors"]),
    tests("Transformer", ["Transformer", "Checkpoints", "Tensors"]),
    tests("Training", ["Training", "Transformer", "Diffusion", "Checkpoints", "Tensors"]),
    tests("Diffusion", ["Diffusion", "Verification", "Checkpoints", "Tensors"]),
    tests("Autoencoder", ["Autoencoder", "Checkpoints", "Tensors"]),
    tests("Image", ["Image", "Charts", "Files"]),
    tests(
      "Pipeline",
      [
        "Errors", "CKernels", "TextToImage", "Batch", "Study", "Verification", "Models", "Files", "Checkpoints", "Autoencoder",
        "Transformer", "Diffusion", "Tensors", "Image", "Charts",
      ]),
    tests("Teaching", ["Teaching", "TextToImage", "Batch", "Models", "Files", "Checkpoints", "Tensors", "Image", "Errors"]),
    tests("Command", ["Checkpoints", "Tensors", "Transformer", "Image", "Models"]),
    tests("Architecture", []),
  ],
  cxxLanguageStandard: .cxx17
)

// The readers of outside data under libFuzzer: Tests/fuzz/run asks for them. Of the server what reads requests, which needs
// nothing of what the server is built on.
let isFuzzed = Context.environment["DIT_T2I_LIBFUZZER"] != nil
if isFuzzed {
  package.dependencies.append(.package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"))
  package.targets += [
    .target(
      name: "DiTServer",
      dependencies: [
        "DiTErrors", "DiTFiles", "DiTTensors", "DiTDiffusion", "DiTImage", "DiTModels", "DiTTextToImage",
        .product(name: "HTTPTypes", package: "swift-http-types"),
      ], path: "Sources/Server",
      sources: [
        "A1111/WebUIRequest.swift", "Desk/DeskOrder.swift", "Desk/FieldError.swift", "Desk/ModelShelf.swift",
        "Desk/PictureFields.swift", "Desk/PromptAdapters.swift", "OpenAI/EditRequest.swift", "OpenAI/FieldReader.swift",
        "OpenAI/ImageRequest.swift", "OpenAI/MultipartForm.swift", "Routes/RefusedRequest.swift", "Safety/Authority.swift",
      ]),
    .executableTarget(
      name: "DiTFuzz",
      dependencies: [
        "DiTErrors", "DiTCheckpoints", "DiTText", "DiTTransformer", "DiTAutoencoder", "DiTDiffusion",
        "DiTImage", "DiTModels", "DiTTextToImage", "DiTBatch", "DiTServer",
      ], path: "Tests/fuzz/Fuzz"),
  ]
}

// The server, with all that it builds on, where it is asked for: packaging/build dit-t2i-server, and the tests. A first
// picture fetches and builds none of it.
if Context.environment["DIT_T2I_SERVER"] != nil, !isFuzzed {
  package.dependencies += [
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.0.0"),
  ]
  package.products += [.executable(name: "dit-t2i-server", targets: ["DiTServerCommand"])]
  package.targets += [
    .target(
      name: "DiTServer",
      dependencies: [
        "DiTErrors", "DiTFiles", "DiTTensors", "DiTCheckpoints", "DiTDiffusion", "DiTImage", "DiTModels", "DiTTextToImage",
        "DiTBatch", "DiTTeaching", "DiTCOpenSSL",
        .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ], path: "Sources/Server", resources: [.embedInCode("Page/page.html"), .embedInCode("Operations/openapi.json")]),
    .executableTarget(
      name: "DiTServerCommand",
      dependencies: [
        "DiTServer", "DiTArguments", "DiTErrors", "DiTFiles", "DiTTensors", "DiTTextToImage",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
      ], path: "Sources/ServerCommand"),
    .testTarget(
      name: "ServerTests",
      dependencies: [
        "DiTServer", "DiTErrors", "DiTDiffusion", "DiTModels", "DiTTensors", "DiTTextToImage", "DiTImage", "DiTTestSupport",
        .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ], path: "Tests/ServerTests"),
  ]
}

// Some of the tests, and without the program: .ci/test-sanitized names the stages that it tests.
if let stages = Context.environment["DIT_T2I_TESTS"] {
  let kept = stages.split(separator: " ").map { "\($0)Tests" }
  package.targets.removeAll { $0.type == .test && !kept.contains($0.name) || $0.name == "DiTCommand" }
  package.products.removeAll { $0.name == "dit-t2i" }
}
