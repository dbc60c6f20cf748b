import Foundation
import Testing

/// The table of docs/ARCHITECTURE.md, Package.swift and the sources say the same of what imports what.
@Suite struct ModuleTests {
  let documented: [Stage]
  let built: [Stage]

  init() throws {
    documented = Repository.documentedStages(try Repository.text("docs/ARCHITECTURE.md"))
    built = Repository.packageStages(try Repository.text("Package.swift"))
  }

  @Test func everyFolderIsDocumentedAndBuilt() throws {
    let folders = try Repository.folders()
    let rows = documented.map(\.folder), targets = built.map(\.folder)
    #expect(folders.count > 15)
    for folder in folders {
      #expect(rows.filter { $0 == folder }.count == 1, "Sources/\(folder) needs one row in the table of docs/ARCHITECTURE.md")
      #expect(targets.filter { $0 == folder }.count == 1, "Sources/\(folder) needs one target in Package.swift")
    }
    for row in rows where !folders.contains(row) {
      Issue.record("docs/ARCHITECTURE.md has a row for Sources/\(row), which is not there: remove it")
    }
  }

  @Test func theTableSaysWhatThePackageSays() {
    let folders = Dictionary(built.map { ($0.module, $0.folder) }, uniquingKeysWith: { first, _ in first })
    for row in documented {
      guard let target = built.first(where: { $0.folder == row.folder }) else { continue }
      #expect(row.module == target.module, "docs/ARCHITECTURE.md: the module of \(row.folder) is \(target.module)")
      let declared = Set(target.imports.map { folders["DiT\($0)"] ?? $0 })
      for name in declared.subtracting(row.imports).sorted() {
        Issue.record("Package.swift lets \(row.folder) import \(name): name it in the row of docs/ARCHITECTURE.md, or remove it")
      }
      for name in row.imports.subtracting(declared).sorted() {
        Issue.record("docs/ARCHITECTURE.md lets \(row.folder) import \(name): name it in Package.swift, or remove it")
      }
    }
  }

  /// A module that another one brings along could be imported without being named; so the sources are looked at.
  @Test func theSourcesImportWhatTheTableNames() throws {
    let folders = Dictionary(documented.map { ($0.module, $0.folder) }, uniquingKeysWith: { first, _ in first })
    for row in documented {
      let files = Repository.swiftFiles("Sources/\(row.folder)")
      if files.isEmpty { #expect(row.imports.isEmpty, "\(row.folder) is C, and imports no module") }
      var unused = row.imports
      for path in files {
        let found = Set(Repository.imports(try Repository.text(path)).map { folders[$0] ?? $0 })
        unused.subtract(found)
        for name in found.subtracting(row.imports).sorted() {
          Issue.record(
            "\(path) imports \(name), which docs/ARCHITECTURE.md does not name: do without it, or name it there and in Package.swift")
        }
      }
      for name in unused.sorted() {
        Issue.record("nothing in Sources/\(row.folder) imports \(name): remove it from docs/ARCHITECTURE.md and Package.swift")
      }
    }
  }

  @Test func dataFlowsOneWay() {
    var above: Set<String> = []
    let own = Set(documented.map(\.folder))
    for row in documented {
      for name in row.imports.intersection(own).subtracting(above).sorted() {
        Issue.record("docs/ARCHITECTURE.md: \(row.folder) imports \(name), which stands below it: the order is that of the data")
      }
      above.insert(row.folder)
    }
  }

  /// The readers themselves, on a package that has one of each.
  @Test func readersSeeEverything() {
    let manifest = """
      let package = Package(
        name: "x",
        targets: [
          // .target(name: "DiTGone", path: "Sources/Gone"),
          .target(name: "DiTCThing", path: "Sources/CThing", cSettings: fast, linkerSettings: [.linkedLibrary("m")]),
          stage("Files", ["CThing"]), stage("Plain"),
          stage(
            "Pipeline",
            ["Files", "Plain"],
            module: "DiTTextToImage"),
          .executableTarget(
            name: "DiTCommand",
            dependencies: ["DiTTextToImage", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Sources/Command"),
          .target(name: "DiTTestSupport", path: "Tests/Support"),
          tests("Files", ["Files"]),
        ])
      """
    #expect(
      Repository.packageStages(manifest) == [
        Stage(folder: "CThing", module: "DiTCThing", imports: []),
        Stage(folder: "Files", module: "DiTFiles", imports: ["CThing"]),
        Stage(folder: "Plain", module: "DiTPlain", imports: []),
        Stage(folder: "Pipeline", module: "DiTTextToImage", imports: ["Files", "Plain"]),
        Stage(folder: "Command", module: "DiTCommand", imports: ["TextToImage", "ArgumentParser"]),
      ])
    let table = """
      | folder | module | what | imports |
      |---|---|---|---|
      | `A` | `DiTA` | `b` | – |
      | `B` | `M` | c | `A`, `X` |

      | `C` |
      """
    #expect(
      Repository.documentedStages(table) == [
        Stage(folder: "A", module: "DiTA", imports: []), Stage(folder: "B", module: "M", imports: ["A", "X"]),
      ])
    let source = """
      import Foundation
      @testable import A
        public import struct B.C
      // import D
      let x = "import E"
      @_spi(F) import G
      """
    #expect(Repository.imports(source) == ["A", "B", "G"])
  }
}
