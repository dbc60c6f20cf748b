import DiTTensors
import Foundation

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101; Adam is arXiv 1412.6980), behind a clip of the gradients' common length. Parameters,
/// moments and sums are float32, the length float64.
package struct AdamW {
  /// What does not change from step to step.
  package struct Settings: Sendable, Equatable {
    /// How slowly the means of gradients and of their squares follow.
    package var beta1 = 0.9, beta2 = 0.99
    package var eps = 1e-8
    /// What a parameter loses in a step, times the rate.
    package var weightDecay = 0.01
    /// Longer gradients are shortened to this.
    package var longestGradient = 1.0

    package init() {}
  }

  package let settings: Settings
  /// Steps so far.
  package private(set) var steps = 0
  /// Means of the gradients and of their squares, as the parameters.
  package let means, squares: [Tensor]
  private let parameters: [(values: Tensor, gradient: Tensor)]

  /// - Parameter parameters: float32; a step reads each one's gradient, and leaves it zero.
  package init(_ parameters: [(values: Tensor, gradient: Tensor)], _ settings: Settings = Settings()) throws {
    self.parameters = parameters
    self.settings = settings
    means = try parameters.map { try Tensor($0.values.shape) }
    squares = try parameters.map { try Tensor($0.values.shape) }
  }

  /// Goes on behind so many steps, with moments that were filled in.
  package mutating func resume(after steps: Int) { self.steps = steps }

  /// One step.
  /// - Returns: the length of all gradients together, before it was cut.
  @discardableResult
  package mutating func step(rate: Double) -> Double {
    steps += 1
    let length = parameters.reduce(0.0) { sum, parameter in
      parameter.gradient.withFloats { $0.reduce(sum) { $0 + Double($1) * Double($1) } }
    }.squareRoot()
    let shorten = Float(min(1, settings.longestGradient / (length + 1e-6)))
    let (slow, slower) = (Float(settings.beta1), Float(settings.beta2))
    let (fresh, fresher) = (Float(1 - settings.beta1), Float(1 - settings.beta2))
    let reach = Float(rate / (1 - pow(settings.beta1, Double(steps))))
    let root = Float((1 - pow(settings.beta2, Double(steps))).squareRoot())
    let (kept, eps) = (Float(1 - rate * settings.weightDecay), Float(settings.eps))
    for (index, parameter) in parameters.enumerated() {
      parameter.values.withFloats { w in
        parameter.gradient.withFloats { gradient in
          means[index].withFloats { m in
            squares[index].withFloats { v in
              for i in w.indices {
                let g = gradient[i] * shorten
                m[i] = slow * m[i] + fresh * g
                v[i] = slower * v[i] + fresher * g * g
                w[i] = w[i] * kept - reach * m[i] / (v[i].squareRoot() / root + eps)
                gradient[i] = 0
              }
            }
          }
        }
      }
    }
    return length
  }
}
