import DiTTextToImage
import Foundation

let model = try TextToImage.bundled()
let queue = try DrawingQueue(model)
var request = model.folder.defaultRequest
request.prompt = "a red fox in snow"

let drawing = Task { [request] in
  for try await event in queue.draw(request) {
    if case .finished(let drawn) = event { try drawn[0].picture.write(to: URL(fileURLWithPath: "fox.png")) }
  }
}

try await Task.sleep(for: .milliseconds(50))
drawing.cancel()
do {
  try await drawing.value
  print("it was done before")
} catch is CancellationError {
  print("stopped")
}
