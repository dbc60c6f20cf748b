import DiTCFiles

/// The half-written files of this process.
package enum TemporaryFiles {
  /// Removes them. A signal handler may call this (it is a loop over a fixed table, atomics and unlink(2)); call it
  /// before the process ends early, for nothing else does.
  package static func removeAll() { cfiles_temporary_remove_all() }
}
