import Hummingbird

/// Models under the web UI's names, which may have a hash behind them and a file's ending.
enum WebUIModels {
  /// No paths: they are nobody's business.
  static func entry(_ name: String) -> JSON {
    ["title": JSON(name), "model_name": JSON(name), "filename": JSON(name), "hash": nil, "sha256": nil, "config": nil]
  }

  static func adapter(_ name: String) -> JSON {
    ["name": JSON(name), "alias": JSON(name), "path": JSON(name), "metadata": [:]]
  }

  /// The name of one of ours; nil for none.
  /// - Throws: ``RefusedRequest``: 404.
  static func name(_ asked: String, _ shelf: ModelShelf) throws -> String? {
    guard !asked.isEmpty else { return nil }
    try FieldError.checkLength(of: asked, "sd_model_checkpoint", most: OrderLimits.nameCharacters)
    let bare = asked.replacing(/\s*\[[0-9a-fA-F]+\]$/, with: "")
    let stem = bare.replacing(/\.(safetensors|ckpt)$/, with: "")
    guard let name = [asked, bare, stem].first(where: shelf.names.contains) else {
      throw RefusedRequest(.notFound, "\(ModelShelfError.unknown(asked, there: shelf.names))", field: "sd_model_checkpoint")
    }
    return name
  }
}
