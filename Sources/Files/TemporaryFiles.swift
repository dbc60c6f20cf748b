import DiTCFiles
import Foundation
import Synchronization

/// The half-written files and folders of this program: `.dit-t2i-KERNEL-RANDOM.tmp`, beside what they are to become.
///
/// Whoever writes one holds a lock on it (flock(2)) until it has its name, and the kernel drops the lock however a process
/// ends. So a name without a lock is left over, and the next process that writes into the folder removes it: numbers of
/// processes, which are used again, decide nothing. On a shared folder the locks of other machines may not be seen: what
/// another kernel made (or this machine before it was restarted) goes only if nobody has changed it for a day.
package enum TemporaryFiles {
  /// Removes this process's half-written files. A signal handler may call this (it is a loop over a fixed table, atomics
  /// and unlink(2)); call it before the process ends early, for nothing else does.
  package static func removeAll() { cfiles_temporary_remove_all() }

  /// Removes this process's half-written folders. No signal handler may call this.
  package static func removeFolders() {
    for folder in folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) }
  }

  static let folders = Mutex<Set<String>>([])

  /// A name that nobody can foresee.
  /// - Parameter folder: with the slash at its end; empty: the working directory.
  static func path(in folder: String) -> String {
    folder + prefix + "\(kernel)-" + String(UInt64.random(in: 0 ... .max), radix: 36) + suffix
  }

  private static let (prefix, suffix) = (".dit-t2i-", ".tmp")
  /// The processes whose locks are seen here for certain: those of this kernel since it was started. Empty: not known.
  private static let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?.prefix(8) ?? ""

  /// Takes the lock of a file or folder that has just been made.
  /// - Returns: false where somebody took it for left over before it had its lock.
  static func hold(_ descriptor: Int32, _ path: String) -> Bool {
    while flock(descriptor, LOCK_EX) != 0 && errno == EINTR {}  // a file system without locks is no reason not to write
    return isNamed(descriptor, path)
  }

  private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
    var (held, named) = (stat(), stat())
    return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0 && held.st_ino == named.st_ino
      && held.st_dev == named.st_dev
  }

  private static let swept = Mutex<Set<String>>([])

  /// Removes what processes that are gone have left in a folder; once for each folder.
  /// - Parameter folder: empty: the working directory.
  package static func sweep(_ folder: String) {
    let folder = folder.isEmpty ? "./" : folder.hasSuffix("/") ? folder : folder + "/"
    guard swept.withLock({ $0.insert(folder).inserted }) else { return }
    for name in (try? names(in: URL(fileURLWithPath: folder))) ?? [] {
      if name.hasPrefix(prefix) && name.hasSuffix(suffix) {
        removeIfLeft(folder + name, isLocal: !kernel.isEmpty && name.hasPrefix(prefix + kernel + "-"))
      }
    }
  }

  private static func removeIfLeft(_ path: String, isLocal: Bool) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_uid == geteuid() else { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    guard isFolder || status.st_mode & S_IFMT == S_IFREG else { return }
    // To lock a file of NFS it must be open for writing.
    let descriptor = open(path, (isFolder ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0
    guard isLocked || errno != EWOULDBLOCK else { return }
    guard isLocked && isLocal || status.st_mtim.tv_sec < time(nil) - 86_400 else { return }
    // Whoever held the lock until now may have given it its name.
    guard isNamed(descriptor, path) else { return }
    if isFolder { try? FileManager.default.removeItem(atPath: path) } else { unlink(path) }
  }
}
