import Foundation
import DiTTensors
import DiTTransformer

/// The twelve models of the DiT paper in its four schemes: parameters in millions, and 10⁹ multiply-adds at 256 and 512
/// pixels, counted here; the paper's own numbers at the right.
package enum SchemeTable {
  package static let schemes: [ConditioningScheme] = [.inContext, .crossAttention, .adaLN, .adaLNZero]

  /// Counted for one model.
  package static func counted(_ name: String, _ scheme: ConditioningScheme, latentSize: Int) throws -> Cost? {
    try PaperModels.configuration(name, scheme, latentSize: latentSize)?.costs().total
  }

  package static func text() throws -> String {
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(0, width - text.count)) }
    let right = { (text: String, width: Int) in String(repeating: " ", count: max(0, width - text.count)) + text }
    var lines = [
      pad("", 9) + schemes.map { pad($0.rawValue, 26) }.joined() + "the paper, adaln-zero",
      pad("", 9) + schemes.map { _ in pad("    M   G at 256   512", 26) }.joined() + "  M   G at 256",
    ]
    for name in PaperModels.names {
      let cells = try schemes.map { scheme -> String in
        guard let small = try counted(name, scheme, latentSize: 32), let large = try counted(name, scheme, latentSize: 64) else {
          return ""
        }
        let cell = right(String(format: "%.1f", Double(small.parameters) / 1e6), 6)
          + right(String(format: "%.2f", Double(small.multiplyAdds) / 1e9), 8)
          + right(String(format: "%.1f", Double(large.multiplyAdds) / 1e9), 8)
        return pad(cell, 26)
      }
      let paper = PaperModels.printed(name, .adaLNZero).map { right($0.parameters, 3) + right($0.gigaMACs, 9) } ?? ""
      lines.append(pad("DiT-\(name)", 9) + cells.joined() + paper)
    }
    let others = schemes.compactMap { scheme in
      PaperModels.printed("XL/2", scheme).map { "\(scheme.rawValue) \($0.parameters) M \($0.gigaMACs) G" }
    }
    return (lines + ["the paper, XL/2 at 256: " + others.joined(separator: " · ")]).joined(separator: "\n")
  }
}
