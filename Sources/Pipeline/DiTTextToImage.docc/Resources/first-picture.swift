import DiTTextToImage
import Foundation

let model = try TextToImage.bundled()
var request = model.folder.defaultRequest
request.prompt = "a red fox in snow"
request.seed = 7

let drawn = try model.makeSession().draw([request])
try drawn[0].picture.write(to: URL(fileURLWithPath: "fox.png"))
