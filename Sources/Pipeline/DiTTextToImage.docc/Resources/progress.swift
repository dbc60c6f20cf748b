import DiTTextToImage
import Foundation

let model = try TextToImage.bundled()
let queue = try DrawingQueue(model)
var request = model.folder.defaultRequest
request.prompt = "a red fox in snow"
request.seed = 7

for try await event in queue.draw(request) {
  switch event {
  case .step(let step, let steps): print("step \(step) of \(steps)")
  case .decoding: print("decoding")
  case .finished(let drawn): try drawn[0].picture.write(to: URL(fileURLWithPath: "fox.png"))
  case .predictedOriginal, .attention: break
  }
}
