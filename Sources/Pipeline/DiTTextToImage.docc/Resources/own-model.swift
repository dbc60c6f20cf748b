import DiTTextToImage
import Foundation

do {
  let folder = try ModelFolder(URL(fileURLWithPath: CommandLine.arguments[1]))
  let model = try TextToImage(folder, backend: Backend(threads: 2))
  var request = folder.defaultRequest
  request.prompt = "a red fox in snow"

  let drawn = try model.makeSession().draw([request])
  try drawn[0].picture.write(to: URL(fileURLWithPath: "fox.png"))
} catch let error as any UserError {
  print(error.localizedDescription)  // one line: the file, what is wrong, and what to do
  exit(1)
}
