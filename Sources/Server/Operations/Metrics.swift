import Synchronization

/// What is counted and timed, in Prometheus' text format.
package final class Metrics: Sendable {
  package struct Family: Sendable, Hashable {
    let name: String
    let help: String
    let kind: Kind
    package enum Kind: Sendable, Hashable {
      case counter, gauge
      /// Upper bounds of the buckets.
      case histogram([Double])
    }
  }

  private struct Histogram {
    var buckets: [Int]
    var sum = 0.0
    var count = 0
  }

  private struct State {
    var values: [Family: [String: Double]] = [:]
    var histograms: [Family: [String: Histogram]] = [:]
    var gauges: [(family: Family, read: @Sendable () async -> [(labels: [(String, String)], value: Double)])] = []
  }

  private let state = Mutex(State())

  package init() {}

  package func add(_ family: Family, _ labels: KeyValuePairs<String, String> = [:], by amount: Double = 1) {
    let key = Metrics.text(labels.map { ($0.key, $0.value) })
    state.withLock { $0.values[family, default: [:]][key, default: 0] += amount }
  }

  package func observe(_ family: Family, _ labels: KeyValuePairs<String, String> = [:], seconds: Double) {
    guard case .histogram(let bounds) = family.kind else { return }
    let key = Metrics.text(labels.map { ($0.key, $0.value) })
    let bucket = bounds.firstIndex { seconds <= $0 } ?? bounds.count
    state.withLock { state in
      var histogram = state.histograms[family]?[key] ?? Histogram(buckets: Array(repeating: 0, count: bounds.count + 1))
      histogram.buckets[bucket] += 1
      histogram.sum += seconds
      histogram.count += 1
      state.histograms[family, default: [:]][key] = histogram
    }
  }

  /// A value that is looked up whenever somebody asks; it may also be somebody else's counter.
  package func gauge(_ family: Family, _ read: @escaping @Sendable () async -> Double) {
    gauges(family) { [([], await read())] }
  }

  package func gauges(_ family: Family, _ read: @escaping @Sendable () async -> [(labels: [(String, String)], value: Double)]) {
    state.withLock { $0.gauges.append((family, read)) }
  }

  // MARK: text

  package func text() async -> String {
    let (values, histograms, gauges) = state.withLock { ($0.values, $0.histograms, $0.gauges) }
    var blocks: [(name: String, text: String)] = []
    func write(_ family: Family, _ kind: String, _ lines: [String]) {
      let head = "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(kind)\n"
      blocks.append((family.name, head + lines.map { $0 + "\n" }.joined()))
    }
    for (family, series) in values {
      let sorted = series.sorted { $0.key < $1.key }
      write(family, "counter", sorted.map { "\(family.name)\(Metrics.braced($0.key)) \(Metrics.text($0.value))" })
    }
    for (family, read) in gauges {
      let name = family.name
      let lines = await read().map { "\(name)\(Metrics.braced(Metrics.text($0.labels))) \(Metrics.text($0.value))" }
      write(family, family.kind == .counter ? "counter" : "gauge", lines)
    }
    for (family, series) in histograms {
      guard case .histogram(let bounds) = family.kind else { continue }
      write(family, "histogram", series.sorted { $0.key < $1.key }.flatMap { Metrics.lines(family.name, $0.key, $0.value, bounds) })
    }
    return blocks.sorted { $0.name < $1.name }.map(\.text).joined()
  }

  private static func lines(_ name: String, _ labels: String, _ histogram: Histogram, _ bounds: [Double]) -> [String] {
    var below = 0
    var lines: [String] = []
    for (count, bound) in zip(histogram.buckets, bounds.map(text) + ["+Inf"]) {
      below += count
      lines.append("\(name)_bucket\(braced((labels.isEmpty ? "" : labels + ",") + "le=\"\(bound)\"")) \(below)")
    }
    return lines + ["\(name)_sum\(braced(labels)) \(text(histogram.sum))", "\(name)_count\(braced(labels)) \(histogram.count)"]
  }

  private static func text(_ labels: [(String, String)]) -> String {
    labels.map { name, value in
      let escaped = value.reduce(into: "") { $0 += $1 == "\\" ? "\\\\" : $1 == "\"" ? "\\\"" : $1.isNewline ? "\\n" : String($1) }
      return "\(name)=\"\(escaped)\""
    }.joined(separator: ",")
  }

  private static func braced(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

  private static func text(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
  }
}

extension Metrics.Family {
  private static func name(_ name: String, _ help: String, _ kind: Kind) -> Self { Self(name: name, help: help, kind: kind) }

  static let requests = name("dit_t2i_requests_total", "Requests that were answered.", .counter)
  static let requestSeconds = name(
    "dit_t2i_request_seconds", "From a request's headers to the end of its answer.",
    .histogram([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]))
  static let pictures = name("dit_t2i_pictures_total", "Pictures drawn.", .counter)
  static let picturesCancelled = name(
    "dit_t2i_pictures_cancelled_total", "Pictures that were ordered and not drawn, because the client went or asked so.", .counter)
  package static let pictureSeconds = name(
    "dit_t2i_picture_seconds", "From a picture's order to the picture.",
    .histogram([0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]))
  static let ordersRefused = name("dit_t2i_orders_refused_total", "Requests that were answered 429 or 503.", .counter)
  static let waiting = name("dit_t2i_pictures_waiting", "Pictures in the queue.", .gauge)
  static let drawing = name("dit_t2i_pictures_drawing", "Pictures that are being drawn.", .gauge)
  static let modelsLoaded = name("dit_t2i_models_loaded", "Models in memory.", .gauge)
  static let connections = name("dit_t2i_connections", "Connections there are.", .gauge)
  static let build = name("dit_t2i_build_info", "The program's version.", .gauge)
  static let memory = name("process_resident_memory_bytes", "Memory of the process that is in RAM.", .gauge)
  static let processor = name("process_cpu_seconds_total", "Processor time used.", .counter)
  static let started = name("process_start_time_seconds", "When the process began, in seconds since 1970.", .gauge)
  static let openFiles = name("process_open_fds", "Files and connections the process has open.", .gauge)
  static let mostFiles = name("process_max_fds", "Files and connections the process may have open.", .gauge)
}
