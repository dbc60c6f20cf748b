import DiTCharts
import DiTImage
import DiTTextToImage

extension DrawingRecord {
  /// - Parameter final: what came out, in place of the last predicted x₀.
  package func strip(_ model: TextToImage, final: GeneratedPicture) throws -> (sheet: ContactSheet, animation: Animation) {
    var stages = try stages(model)
    if !stages.isEmpty { stages[stages.count - 1].picture = final.picture }
    let items = stages.map { ContactSheet.Item($0.picture, "step \($0.step) of \(originals.count)") }
    return (
      ContactSheet(items, columns: max(1, items.count), title: final.request.prompt),
      Animation(stages.map(\.picture), delay: 0.25)
    )
  }
}

extension WordAttention {
  /// The picture, and for each word the picture under its heat map with the word below.
  package func sheet(over picture: Picture) throws -> ContactSheet {
    let percent = { (share: Float) in "\(Int((100 * share).rounded())) %" }
    let maps = try words.map { ContactSheet.Item(try picture.overlayHeat($0.map), "\($0.text)  \(percent($0.share))") }
    let items = [ContactSheet.Item(picture)] + maps
    return ContactSheet(items, columns: min(items.count, 6), title: prompt)
  }
}
