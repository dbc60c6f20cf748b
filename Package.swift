// swift-tools-version: 6.1
// One target a stage; the order of the list is the order of the data.
import PackageDescription

let package = Package(
  name: "dit-t2i",
  products: [
    .executable(name: "dit-t2i", targets: ["Command"]),
    .library(name: "DiTTextToImage", targets: ["Pipeline"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
  ],
  targets: [
    // C: the hot loops, what a signal handler may call, and the doors to four system libraries.
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "COpenBLAS", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CFiles"),
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece")]),

    // Swift: one stage a folder.
    .target(name: "Files", dependencies: ["CFiles"]),
    .target(name: "Tensors", dependencies: ["CKernels", "COpenBLAS"]),
    .target(name: "Checkpoints", dependencies: ["Files", "Tensors", "COpenSSL"]),
    .target(name: "Text", dependencies: ["Tensors", "Checkpoints", "CSentencePiece"]),
    .target(name: "Transformer", dependencies: ["Tensors", "Checkpoints"]),
    .target(name: "Diffusion", dependencies: ["Tensors"]),
    .target(name: "Autoencoder", dependencies: ["Tensors", "Checkpoints"]),
    .target(name: "Image", dependencies: ["Files", "CPNG"]),
    .target(
      name: "Pipeline",
      dependencies: ["Files", "Tensors", "Checkpoints", "Text", "Transformer", "Diffusion", "Autoencoder", "Image"]),
    .executableTarget(
      name: "Command",
      dependencies: [
        "Pipeline", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Tests: one target a stage.
    .target(name: "TestSupport", path: "Tests/Support"),
    .testTarget(name: "FilesTests", dependencies: ["Files", "CFiles", "TestSupport"], path: "Tests/FilesTests"),
    .testTarget(name: "KernelTests", dependencies: ["CKernels", "Tensors"], path: "Tests/KernelTests"),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "Files", "Tensors", "TestSupport"],
      path: "Tests/CheckpointsTests"),
    .testTarget(
      name: "TextTests", dependencies: ["Text", "Checkpoints", "Tensors", "TestSupport"],
      path: "Tests/TextTests"),
    .testTarget(
      name: "TransformerTests", dependencies: ["Transformer", "Checkpoints", "Tensors", "TestSupport"],
      path: "Tests/TransformerTests"),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Diffusion", "Checkpoints", "Tensors", "TestSupport"],
      path: "Tests/DiffusionTests"),
    .testTarget(
      name: "AutoencoderTests", dependencies: ["Autoencoder", "Checkpoints", "Tensors", "TestSupport"],
      path: "Tests/AutoencoderTests"),
    .testTarget(name: "ImageTests", dependencies: ["Image", "Files", "TestSupport"], path: "Tests/ImageTests"),
    .testTarget(
      name: "PipelineTests",
      dependencies: ["Pipeline", "Files", "Checkpoints", "Transformer", "Diffusion", "Tensors", "Image", "TestSupport"],
      path: "Tests/PipelineTests"),
    .testTarget(
      name: "CommandTests", dependencies: ["Checkpoints", "Tensors", "Image", "TestSupport"],
      path: "Tests/CommandTests"),
  ],
  cxxLanguageStandard: .cxx17
)
