/// Words of prompts that ask for more than things and places. Texts are lower-case words with one blank around each.
enum EnglishWords {
  private static let counts = [
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "dozen": 12, "twenty": 20, "thirty": 30, "hundred": 100, "thousand": 1000,
  ]
  /// However many they are.
  private static let multitudes: Set = ["many", "several", "dozens", "hundreds", "lots", "herd", "flock", "crowd", "swarm"]

  private static let deeds: Set = [
    "riding", "wearing", "holding", "carrying", "eating", "drinking", "chasing", "hugging", "kissing", "fighting", "reading",
    "writing", "playing", "throwing", "catching", "kicking", "pulling", "pushing", "feeding", "climbing", "cooking", "biting",
    "watching", "dancing", "jumping", "driving", "building", "cutting", "shaking", "pointing", "waving", "hiding", "juggling",
  ]

  private static let looks = [
    "oil painting", "painting of", "watercolor", "watercolour", "pencil", "sketch", "charcoal", "pastel", "ink drawing",
    "line art", "pixel art", "photo of", "photograph", "photorealistic", "realistic", "cinematic", "anime", "manga", "comic",
    "impressionist", "impressionism", "surrealism", "cubism", "cubist", "pop art", "art deco", "ukiyo e", "woodcut", "engraving",
    "graffiti", "stained glass", "mosaic", "origami", "claymation", "low poly", "voxel", "isometric", "blueprint", "steampunk",
    "cyberpunk", "vaporwave", "minimalist", "black and white", "sepia", "in the style of", "van gogh", "picasso", "monet",
    "flat", "cartoon", "3d",
  ]

  /// Numbers that are greater than `most`, as they are written, digits too.
  static func numbers(in text: String, above most: Int) -> [String] {
    found(text) { word in
      multitudes.contains(word) || (counts[word] ?? (word.count < 4 ? Int(word) : nil)).map { $0 > most } ?? false
    }
  }

  static func actions(in text: String) -> [String] { found(text, where: deeds.contains) }

  /// Styles but those that are `known`, a word each.
  static func styles(in text: String, but known: [String]) -> [String] {
    looks.filter { look in text.contains(" \(look) ") && !known.contains(look) }
  }

  private static func found(_ text: String, where condition: (String) -> Bool) -> [String] {
    text.split(separator: " ").map(String.init).filter(condition).reduce(into: []) { found, word in
      if !found.contains(word) { found.append(word) }
    }
  }
}
