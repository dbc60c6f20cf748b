import ArgumentParser
import DiTArguments
import DiTServer
import DiTTensors
import Foundation
import Logging

/// Which models, how they are computed, and how much one order may ask for.
struct DrawingOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A model's name, folder or file; may be given several times. Who names none gets the first. (default: all there are)",
      valueName: "path"))
  var model: [String] = []

  @Option(
    help: ArgumentHelp("Give models back beyond this: 8G, 800M. (default: never)", valueName: "size"),
    transform: Reading.bytes)
  var memory: Int?

  @Option(
    help: ArgumentHelp("Numbers to compute in: auto, f32, bf16, int12 or int8.", valueName: "name"),
    transform: Reading.precision)
  var precision = Precision.auto

  @Option(
    help: ArgumentHelp("Threads to use; the picture does not depend on it.", valueName: "count"), transform: Reading.whole(1...256))
  var threads: Int?

  @Option(help: ArgumentHelp("Where the LoRAs lie that a prompt names.", valueName: "dir"), completion: .directory)
  var loraFolder: String?

  @Flag(help: "Let clients teach the models what is on their pictures, which writes on this machine.")
  var teach = false

  @Option(help: ArgumentHelp("Pictures that may wait; who comes then is told when to come again.", valueName: "count"),
    transform: Reading.whole(1...100_000))
  var queue = 64

  @Option(help: ArgumentHelp("Pixels of a picture: 1048576, or 1024x1024.", valueName: "pixels"), transform: Reading.pixels)
  var maxPixels = OrderLimits().pixels

  @Option(help: ArgumentHelp("Steps of a picture.", valueName: "count"), transform: Reading.whole(1...1000))
  var maxSteps = OrderLimits().steps

  @Option(help: ArgumentHelp("Pictures of one order.", valueName: "count"), transform: Reading.whole(1...1000))
  var maxCount = OrderLimits().count

  func apply(to options: inout ServerOptions) {
    (options.models, options.memory, options.precision, options.threads) = (model, memory, precision, threads)
    (options.loraFolder, options.teaches, options.queue) = (loraFolder, teach, queue)
    (options.limits.pixels, options.limits.steps, options.limits.count) = (maxPixels, maxSteps, maxCount)
  }
}

/// Who may use the server.
struct AccessOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The address to listen at.", valueName: "address"), transform: Reading.host)
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("0 takes one that is free.", valueName: "number"), transform: Reading.whole(0...65_535))
  var port = 7860

  @Option(
    help: ArgumentHelp(
      "The key that clients have to send; others see it in the list of processes, so rather --api-key-file. "
        + "(default: $DIT_T2I_API_KEY)", valueName: "key"))
  var apiKey: String?

  @Option(help: ArgumentHelp("A file that holds the key.", valueName: "path"), completion: .file())
  var apiKeyFile: String?

  @Option(
    help: ArgumentHelp(
      "A further name of this server, as a proxy passes it on; may be given several times.", valueName: "name"),
    transform: Reading.hostName)
  var allowHost: [String] = []

  @Option(
    help: ArgumentHelp(
      "A site whose scripts may use this server: https://paint.example.org; may be given several times.", valueName: "origin"),
    transform: Reading.origin)
  var allowOrigin: [String] = []

  func validate() throws {
    if apiKey != nil, apiKeyFile != nil { throw ValidationError("--api-key and --api-key-file: one of them is enough") }
  }

  func apply(to options: inout ServerOptions) throws {
    options.port = port
    var safety = Safety()
    defer { options.safety = safety }
    (safety.host, safety.allowedHosts, safety.allowedOrigins) = (host, allowHost, Set(allowOrigin))
    let environment = ProcessInfo.processInfo.environment["DIT_T2I_API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
    if let apiKeyFile {
      safety.apiKey = try APIKey(file: URL(fileURLWithPath: apiKeyFile))
    } else if let key = apiKey ?? environment {
      safety.apiKey = try APIKey(key)
    }
  }
}

/// How it runs and ends.
struct OperationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How long what is drawn may take when the server is to end.", valueName: "seconds"),
    transform: Reading.whole(0...86_400))
  var grace = 30

  @Option(
    help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"), transform: Reading.level)
  var logLevel = Logger.Level.info

  @Option(help: ArgumentHelp("logfmt or json.", valueName: "format"), transform: Reading.format)
  var logFormat = LogLines.Format.logfmt

  @Flag(help: "Log what is drawn, too.")
  var logPrompts = false

  func apply(to options: inout ServerOptions) {
    (options.grace, options.logsPrompts) = (Double(grace), logPrompts)
  }
}

extension Reading {
  static let precision = choice(Precision.self)
  static let level = choice(Logger.Level.self)
  static let format = choice(LogLines.Format.self)

  static let bytes = value("a size such as 8G or 800M") { (text: String) -> Int? in
    let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
    let text = text.uppercased().replacing(/I?B$/, with: "")
    let shift = text.last.flatMap { shifts[$0] }
    guard let number = Double(shift == nil ? text : String(text.dropLast())), number > 0, number.isFinite else { return nil }
    let bytes = number * Double(1 << (shift ?? 0))
    return bytes < 1e18 ? Int(bytes) : nil
  }

  static let pixels = value("a number of pixels such as 1048576, or a size such as 1024x1024") { (text: String) -> Int? in
    let sides = text.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(sides.count), sides.allSatisfy({ (1...(1 << 30)).contains($0 ?? 0) }) else { return nil }
    return sides.reduce(1) { $0 * ($1 ?? 1) }
  }

  static let host = value("an address such as 127.0.0.1, or a name of this machine") { $0.isEmpty ? nil : $0 }
  static let hostName = value("a host's name, without http:// and without a port", HostRule.name)
  static let origin = value("an origin such as https://paint.example.org, without a path", AllowedOrigin.read)
}
