// swift-tools-version: 6.1
// How another package uses this one: swift run --package-path Examples draw "a red fox in snow"
import PackageDescription

let package = Package(
  name: "Examples",
  dependencies: [.package(name: "dit-t2i", path: "..")],
  targets: [
    .executableTarget(
      name: "draw", dependencies: ["Image", .product(name: "DiTTextToImage", package: "dit-t2i")], path: "Sources/Draw"),
    // A target with the name of a folder of dit-t2i: modules there have the prefix DiT, so that this resolves.
    .target(name: "Image"),
  ]
)
