import Dispatch
import DiTFiles
import Foundation
import Synchronization

/// Ctrl-C and termination: half-written files go, and the program ends with the code the shell expects.
enum Interruption {
  static func install() {
    _ = (message.load(ordering: .relaxed), endingSignal.load(ordering: .relaxed))  // made now: the handler may not
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
      signal(number) { number in
        TemporaryFiles.removeAll()
        let text = UnsafePointer<CChar>(bitPattern: message.load(ordering: .acquiring))
        if let text { _ = write(STDERR_FILENO, text, strlen(text)) }
        _exit(128 + number)
      }
    }
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)  // a file at its limit (ulimit -f) is an error like a full disk
  }

  /// What the next program expects: it inherits which signals are ignored.
  static func reset() {
    signal(SIGPIPE, SIG_DFL)
    signal(SIGXFSZ, SIG_DFL)
  }

  /// From now on half-written folders go too: that takes more than a signal handler may do, so a queue waits for the signal.
  static func removeFolders() {
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        TemporaryFiles.removeAll()
        // The work goes on until the process ends: what it writes meanwhile goes in the next round.
        for _ in 0..<3 { TemporaryFiles.removeFolders() }
        _exit(128 + number)
      }
      source.resume()
      sources.append(source)
    }
  }

  /// Ctrl-C ends `work`, not the program.
  /// - Parameter work: asks now and then whether it should stop, and then throws `CancellationError`.
  /// - Returns: nil where it was stopped.
  static func cancelling<Result>(_ work: (_ isCancelled: () -> Bool) throws -> Result) rethrows -> Result? {
    stops.store(false, ordering: .relaxed)
    let before = signal(SIGINT) { _ in stops.store(true, ordering: .relaxed) }
    defer { signal(SIGINT, before) }
    do {
      return try work { stops.load(ordering: .relaxed) }
    } catch is CancellationError {
      return nil
    }
  }

  /// Ctrl-C and termination end `work`, which first brings to safety what it has; a second signal ends the program at once.
  /// - Parameter work: as for ``cancelling(_:)``.
  /// - Returns: nil and the signal where it was stopped.
  static func ending<Result>(
    _ work: (_ isEnded: () -> Bool) throws -> Result
  ) rethrows -> (result: Result?, signal: Int32) {
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
      signal(number) { number in
        guard endingSignal.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged else {
          TemporaryFiles.removeAll()
          _exit(128 + number)
        }
      }
    }
    do {
      return (try work { endingSignal.load(ordering: .relaxed) != 0 }, 0)
    } catch is CancellationError {
      return (nil, endingSignal.load(ordering: .relaxed))
    }
  }

  /// Under nohup, or in the background of a script: whoever started the program does not want it to end that way.
  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// `nonisolated(unsafe)`: nobody reads it, and the main thread alone adds to it. It keeps the sources alive.
  nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

  /// - Parameter text: for standard error, when the program is interrupted from now on.
  static func say(_ text: String) {
    message.store(UInt(bitPattern: strdup(text)), ordering: .releasing)
  }
}

/// The address of a C string that is never freed, or 0: a signal handler may neither allocate nor lock nor capture.
private let message = Atomic<UInt>(0)

/// The signal during ``Interruption/ending(_:)``, or 0.
private let endingSignal = Atomic<Int32>(0)

/// Set by Ctrl-C during ``Interruption/cancelling(_:)``.
private let stops = Atomic<Bool>(false)
