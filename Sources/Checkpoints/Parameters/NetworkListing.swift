import DiTTensors

/// How many vectors a layer is applied to.
package enum Rows: Sendable, Equatable {
  case fixed(Int)
  /// The patches of the picture, or so many for each, or fewer where they are merged; with other tokens beside them.
  case patches(times: Int = 1, dividedBy: Int = 1, extra: Int = 0)
  /// The tokens of the prompt.
  case text
  /// So many for each place of the latents: 64 for the pixels of an autoencoder of factor 8.
  case latents(times: Int)

  package static let one = fixed(1)
  package static let patches = patches()
}

/// What a network is applied to.
package struct Workload: Sendable {
  /// Patches of the picture, tokens of the prompt, places of the latents.
  package var patches, textTokens, latents: Int

  package init(patches: Int = 0, textTokens: Int = 0, latents: Int = 0) {
    (self.patches, self.textTokens, self.latents) = (patches, textTokens, latents)
  }

  func count(_ rows: Rows) -> Int {
    switch rows {
    case .fixed(let count): count
    case .patches(let times, let divisor, let extra): patches * times / divisor + extra
    case .text: textTokens
    case .latents(let times): latents * times
    }
  }
}

/// Every parameter of a network and what computing it takes, told without a number of it.
package struct NetworkListing: Sendable {
  package fileprivate(set) var parameters: [Parameter] = []
  fileprivate var stages: [Stage] = []

  fileprivate struct Stage: Sendable {
    let name: String
    let frequency: StageCost.Frequency
    var parameters = 0
    /// Multiply-adds: `factor` for each of the rows, and of those for each of the keys.
    var products: [(factor: Int, rows: Rows, keys: Rows)] = []
  }

  fileprivate init() {}

  /// Runs a network's declaration, which is its initialiser, and keeps what it declared alone.
  /// - Parameter having: whether it has an optional part that it asks for by ``Parameters/contains(_:)``.
  package init(
    having: @escaping (String) -> Bool = { _ in false }, _ declare: (Parameters) throws -> Void
  ) throws {
    let collector = Collector()
    try declare(Parameters(NoParameters(having), backend: Backend(.reference, threads: 1), collector))
    self = collector.listing
  }

  /// Multiply-adds and numbers by stage, in the order in which the network declares them. Matrix products alone count, as
  /// in the DiT paper (arXiv 2212.09748, table 4).
  package func costs(_ work: Workload) -> [StageCost] {
    stages.map { stage in
      let products = stage.products.reduce(0) { sum, product in
        // In Double: the configuration of a model that nobody can run must not end the program.
        let amount = Double(product.factor) * Double(work.count(product.rows)) * Double(work.count(product.keys))
        return Int(min(Double(sum) + amount, 1e18))
      }
      return StageCost(stage.name, Cost(parameters: stage.parameters, multiplyAdds: products), stage.frequency)
    }
  }

  /// Collects a listing while a network is made.
  final class Collector {
    fileprivate(set) var listing = NetworkListing()

    func add(_ parameter: Parameter, _ stage: (name: String, frequency: StageCost.Frequency)) {
      listing.parameters.append(parameter)
      listing.stages[place(stage)].parameters += parameter.count
    }

    func add(_ factor: Int, _ rows: Rows, _ keys: Rows, _ stage: (name: String, frequency: StageCost.Frequency)) {
      listing.stages[place(stage)].products.append((factor, rows, keys))
    }

    private func place(_ stage: (name: String, frequency: StageCost.Frequency)) -> Int {
      if let known = listing.stages.firstIndex(where: { $0.name == stage.name }) { return known }
      listing.stages.append(Stage(name: stage.name, frequency: stage.frequency))
      return listing.stages.count - 1
    }
  }
}
