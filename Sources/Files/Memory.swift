import Foundation

/// The bytes of this process that are in memory; 0 where the system does not tell.
package func residentMemory() -> Int {
  guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
    let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
  else { return 0 }
  return pages * sysconf(Int32(_SC_PAGESIZE))
}

/// The bytes that this process may still take: those that the machine has free, within the limit of its container. Nil where the system
/// does not tell.
package func availableMemory() -> Int? {
  guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
    let kilobytes = text.firstMatch(of: /MemAvailable: +([0-9]{1,15}) kB/).flatMap({ Int($0.1) })
  else { return nil }
  // "max": no limit.
  let limit = try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8)
  let left = limit.flatMap { Int($0.filter(\.isNumber)) }.map { max(0, $0 - residentMemory()) }
  return min(kilobytes * 1024, left ?? .max)
}
