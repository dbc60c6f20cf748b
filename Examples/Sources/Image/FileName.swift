/// "a-red-fox-in-snow.png".
public func fileName(of prompt: String) -> String {
  prompt.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "-") + ".png"
}
