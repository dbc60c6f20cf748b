import Foundation
import Hummingbird

/// The OpenAPI description of all routes, which is part of the program: what is sent at `/openapi.json`, and which media
/// types each path takes.
package struct APIDescription: Sendable {
  package struct Operation: Sendable, Hashable {
    package let path, method: String
  }

  /// With the media types of each body; none: it has no body.
  package let operations: [Operation: Set<String>]
  let json: [UInt8]

  /// - Parameter version: of the program, put in place of `VERSION`.
  package init(version: String) throws {
    let text = String(decoding: PackageResources.openapi_json, as: UTF8.self).replacing("\"VERSION\"", with: "\"\(version)\"")
    json = Array(text.utf8)
    struct Document: Decodable {
      struct Operation: Decodable {
        struct Body: Decodable { let content: [String: Anything] }
        let requestBody: Body?
      }
      let paths: [String: [String: Operation]]
    }
    struct Anything: Decodable {}
    let document = try JSONDecoder().decode(Document.self, from: Data(json))
    var operations: [Operation: Set<String>] = [:]
    for (path, methods) in document.paths {
      for (method, operation) in methods {
        let types = operation.requestBody?.content.keys.map { $0.lowercased() } ?? []
        operations[Operation(path: path, method: method.uppercased())] = Set(types)
      }
    }
    self.operations = operations
  }

  /// The media types that a path takes; nil: it looks at no body.
  @Sendable func mediaTypes(_ path: String, _ method: HTTPRequest.Method) -> Set<String>? {
    let types = operations[Operation(path: path, method: method.rawValue)] ?? []
    return types.isEmpty ? nil : types
  }
}
