// Draws the words it is given with the bundled model, and tells how far it is.
import DiTTextToImage
import Foundation
import Image

let words = CommandLine.arguments.dropFirst().joined(separator: " ")
do {
  let model = try TextToImage.bundled()
  let queue = try DrawingQueue(model)
  var request = model.folder.defaultRequest
  request.prompt = words.isEmpty ? "a red fox in snow" : words
  request.seed = 0
  for try await event in queue.draw(request) {
    switch event {
    case .step(let step, let steps): print("\(step) of \(steps)", terminator: "\r")
    case .finished(let pictures):
      let file = URL(fileURLWithPath: fileName(of: request.prompt))
      try pictures[0].picture.write(to: file)
      print(file.lastPathComponent)
    case .predictedOriginal, .attention, .decoding: break
    }
  }
} catch let error as any UserError {
  print(error.localizedDescription)  // one line: what is wrong, and what to do
  exit(error.kind == .usage ? 64 : 65)
}
