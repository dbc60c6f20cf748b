import DiTCheckpoints
import Foundation

/// Finds model folders: by path, or by name in the `Weights` folder that belongs to this executable.
public struct ModelLocator: Sendable {
  /// Folders that hold model folders, best first.
  public let roots: [URL]

  /// - Parameter executable: whose surroundings are searched: `../share/dit-t2i` of where it is installed, or the repository
  ///   it was built in.
  public init(executable: URL = ModelLocator.executable) {
    self.init(executable: executable, checkout: nil)
  }

  /// Around the running program, and then in the sources of this package: for programs that depend on it.
  package static var bundled: ModelLocator {
    #if DIT_T2I_PROGRAM  // packaging/build says so: a program that is installed knows no path of where it was built
      ModelLocator()
    #else
      // …/Sources/Models/ModelLocator.swift
      ModelLocator(
        executable: executable,
        checkout: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
          .deletingLastPathComponent())
    #endif
  }

  private init(executable: URL, checkout: URL?) {
    var folder = executable.resolvingSymlinksInPath().deletingLastPathComponent()
    // Where it is installed, its own models come before a folder that happens to lie above.
    let shared = folder.deletingLastPathComponent().appendingPathComponent("share/dit-t2i")
    var roots = [shared.appendingPathComponent("Weights"), shared]
    for _ in 0..<6 where folder.path != "/" {
      roots.append(folder.appendingPathComponent("Weights"))
      folder.deleteLastPathComponent()
    }
    if let checkout { roots.append(checkout.appendingPathComponent("Weights")) }
    self.roots = roots.filter { root in
      let inside = (try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)) ?? []
      return inside.contains(where: ModelLocator.isModel)
    }
  }

  /// This program's own file, links resolved.
  public static var executable: URL {
    URL(fileURLWithPath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0])
  }

  package static func isModel(_ url: URL) -> Bool {
    isThere(url.appendingPathComponent("model_index.json"))
  }

  /// Models by name, in order of the names.
  public var models: [(name: String, url: URL)] {
    var found: [String: URL] = [:]
    for root in roots {
      let inside = (try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)) ?? []
      for url in inside where ModelLocator.isModel(url) && found[url.lastPathComponent] == nil {
        found[url.lastPathComponent] = url
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The folder or file of a model.
  /// - Parameter nameOrPath: nil: `$DIT_T2I_MODEL`, else `small`, else `tiny`, else the first there is.
  /// - Throws: `ModelError` that says where it looked.
  public func locate(_ nameOrPath: String?) throws -> URL {
    let environment = ProcessInfo.processInfo.environment["DIT_T2I_MODEL"].flatMap { $0.isEmpty ? nil : $0 }
    let looked = roots.isEmpty ? ["any Weights folder near the executable"] : roots.map(\.path)
    guard let wanted = nameOrPath ?? environment else {
      let models = models
      let best = ["small", "tiny"].lazy.compactMap { name in models.first { $0.name == name } }.first ?? models.first
      guard let best else { throw ModelError.noModels(looked: looked) }
      return best.url
    }
    let path = URL(fileURLWithPath: wanted)
    if ModelLocator.isModel(path) { return path }
    if let named = models.first(where: { $0.name == wanted }) { return named.url }
    // A single file, or a transformer's own folder: what it is, its content says.
    if FileManager.default.fileExists(atPath: path.path) { return path }
    if let cached = HubCache.find(wanted) { return cached }
    throw ModelError.notFound(name: wanted, looked: looked)
  }
}
