import DiTFiles
import Foundation

/// What Linux says of this process.
enum ProcessFigures {
  static let started = Date().timeIntervalSince1970

  static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  static var openFiles: Double {
    Double((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0)
  }

  static var mostFiles: Double {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Double(limit.rlim_cur)
  }
}

extension Metrics {
  /// What every process says of itself, under the names that Prometheus' clients share.
  func addProcessFigures(version: String) {
    let started = ProcessFigures.started
    gauges(.build) { [([("version", version)], 1)] }
    gauge(.memory) { Double(residentMemory()) }
    gauge(.processor) { ProcessFigures.processorSeconds }
    gauge(.started) { started }
    gauge(.openFiles) { ProcessFigures.openFiles }
    gauge(.mostFiles) { ProcessFigures.mostFiles }
  }
}
