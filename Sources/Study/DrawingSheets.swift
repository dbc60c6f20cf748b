import DiTCharts
import DiTImage
import DiTTextToImage
import Foundation

extension DrawingRecord {
  /// - Parameter final: what came out, in place of the last predicted x₀.
  package func strip(_ model: TextToImage, final: GeneratedPicture) throws -> (sheet: ContactSheet, animation: Animation) {
    var stages = try stages(model)
    if !stages.isEmpty { stages[stages.count - 1].picture = final.picture }
    for index in stages.indices {  // frames are of one size: that of the finished picture
      stages[index].picture = try stages[index].picture.resized(width: final.picture.width, height: final.picture.height)
    }
    let items = stages.map { ContactSheet.Item($0.picture, "step \($0.step) of \(originals.count)") }
    return (
      ContactSheet(items, width: ContactSheet.screen, title: final.request.prompt),
      Animation(stages.map(\.picture), delay: 0.25)
    )
  }
}

extension WordAttention {
  /// The picture, and for each word the picture under its heat map with the word below; one scale for all of them.
  package func sheet(over picture: Picture) throws -> ContactSheet {
    let percent = { (share: Float) in String(format: "%.1f %%", 100 * share) }
    let telling = words.filter { !WordAttention.functionWords.contains($0.text.lowercased()) }
    let shown = telling.isEmpty ? words : telling
    // Logarithmic: a single hot place would leave everything else dark.
    let hottest = max(1e-6, shown.flatMap { $0.map.joined() }.max() ?? 0), least = hottest / 50
    let maps = try shown.map { word in
      let levels = word.map.map { $0.map { log(max($0, least)) } }
      let heat = try picture.overlayHeat(levels, range: log(least)...log(hottest))
      return ContactSheet.Item(heat, "\(word.text)  \(percent(word.share))")
    }
    var sheet = ContactSheet(
      [ContactSheet.Item(picture)] + maps, width: ContactSheet.screen, title: prompt,
      notes: "Colours (logarithmic): the share of a place's attention that goes to the word. "
        + "Numbers: its share in the whole picture.")
    sheet.heatScale = (percent(least), percent(hottest))
    return sheet
  }

  /// Words that hold a sentence together: nothing in a picture looks like them.
  private static let functionWords: Set<String> = [
    "a", "an", "the", "and", "or", "but", "of", "in", "on", "at", "by", "to", "from", "with", "without", "into", "onto", "for",
    "as", "is", "are", "was", "were", "be", "its", "it", "his", "her", "their", "this", "that", "these", "those", ",", ".",
  ]
}
