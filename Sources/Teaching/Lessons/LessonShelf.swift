import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

/// The lessons of a run, made once and kept in its folder: latents of the compositions, those of the model's own pictures, and
/// the text states of all captions.
struct LessonShelf {
  private typealias Place = (file: LessonFile, index: Int)

  private let taught: Split<Place>
  /// Those that do not call by the word what the model drew for it before.
  private let own: Split<Place>
  /// Nil: captions are classes.
  private let states: TextStates?
  private let wording: Wording
  private let order: LessonOrder

  /// Captions of what is taught, each once.
  let captions: [String]
  /// Pictures that did not have the shape that is taught; nil where they were made by an earlier run.
  let cropped: Int?

  /// Compositions that are kept together: an ended run loses no more of them.
  private static let together = 32

  /// - Parameters:
  ///   - session: what encodes and draws; asked for where it must.
  ///   - report: is told how far it is, 0 to 1, and of what; throw from it to stop.
  /// - Throws: `UserError`s of the pictures, the model and the disk.
  init(
    _ pictures: TaughtPictures, _ compositions: Compositions, model: ModelFolder, folder: TeachingFolder, shape: [Int],
    session: () throws -> DrawingSession, report: (Double, String) throws -> Void
  ) throws {
    let asked = OwnPictures.captions(model, besides: compositions.wording.classIndex)
    let own = try OwnPictures.file(
      for: model, asked, shape: shape, in: folder.url.appendingPathComponent(OwnPictures.fileName), session: session
    ) { try report(Double($0) / Double(asked.count), "the model's own pictures") }
    let kept = own.captions.indices.filter { !TaughtAdapters.has(compositions.wording.word, own.captions[$0]) }
    var compositions = compositions
    var files: [LessonFile] = []
    var cropped: Int?
    var next = 0
    while next < pictures.items.count {
      let url = folder.url.appendingPathComponent("lessons-\(files.count).safetensors")
      // As many pictures as the first ones of a run like this had made: the same when it goes on.
      let end = min(next + max(1, Self.together / compositions.count(isCutOut: true)), pictures.items.count)
      if !FileManager.default.fileExists(atPath: url.path) {
        if compositions.hasCompanions, compositions.companions == nil {
          compositions.companions = try kept.compactMap { index in
            try Companion(session().picture(of: own.latents(index)), caption: own.captions[index])
          }
        }
        var lessons: [(latents: Tensor, caption: String)] = []
        for index in next..<end {
          try report(Double(index) / Double(pictures.items.count), "pictures")
          let (made, isCropped) = try compositions.all(of: pictures.items[index], index: index)
          if isCropped { cropped = (cropped ?? 0) + 1 }
          for one in made {
            lessons.append((try session().latents(of: one.picture).tensor, one.caption))
            try report(Double(index) / Double(pictures.items.count), "pictures")
          }
        }
        try LessonFile.write(lessons, to: url)
      }
      files.append(try LessonFile(url, shape: shape))
      next = end
    }
    self.cropped = cropped
    taught = Split(files.flatMap { file in file.captions.indices.map { (file, $0) } }, oneIn: 13)
    var seen: Set<String> = []
    captions = files.flatMap(\.captions).filter { seen.insert($0).inserted }
    wording = compositions.wording
    let named = captions + own.captions
    let ofStyle = wording.isStyle ? named.map(wording.plain) + named.map(wording.asked) + [""] : []
    let all = captions + (own.captions + ofStyle).filter { seen.insert($0).inserted }
    states = model.text == nil
      ? nil : try TextStates(of: all, in: folder.url.appendingPathComponent("states.safetensors"), session: session)
    self.own = Split(kept.map { (own, $0) }, oneIn: 6)
    order = LessonOrder(taught: taught.learnt.count, own: self.own.learnt.count, seed: compositions.seed)
  }

  /// Those of a step, from 0.
  func lessons(_ step: Int) throws -> [Lesson] {
    try order.lessons(step).map { place in
      switch place {
      case .taught(let index): try lesson(taught.learnt[index], isOwn: false)
      case .own(let index): try lesson(own.learnt[index], isOwn: true)
      }
    }
  }

  /// Of what is taught, and of the model's own pictures, those that nothing is learnt from: what the result is measured by.
  func unseen() throws -> (taught: [Lesson], own: [Lesson]) {
    try (taught.unseen.map { try lesson($0, isOwn: false) }, own.unseen.map { try lesson($0, isOwn: true) })
  }

  /// Everything but one in so many, where there are enough.
  private struct Split<Element> {
    var learnt: [Element] = []
    var unseen: [Element] = []

    init(_ all: [Element], oneIn step: Int) {
      for (index, element) in all.enumerated() {
        if all.count >= 3 * step, index % step == step - 1 { unseen.append(element) } else { learnt.append(element) }
      }
    }
  }

  private func lesson(_ place: Place, isOwn: Bool) throws -> Lesson {
    let (file, index) = place
    let caption = file.captions[index]
    guard let states else { return Lesson(latents: try file.latents(index), states: nil, classIndex: Int(caption), isOwn: isOwn) }
    func read(_ caption: String) throws -> Tensor {
      guard let states = states[caption] else {
        throw TeachingError.damaged(path: caption, reason: "its text states are not there")
      }
      return states
    }
    let style = try wording.isStyle
      ? Lesson.Style(asked: read(wording.asked(caption)), plain: read(wording.plain(caption)), none: read("")) : nil
    return Lesson(latents: try file.latents(index), states: try read(caption), isOwn: isOwn, style: style)
  }
}
