import Diffusion

/// The noise schedule a model was trained with, from `scheduler_config.json`.
public struct SchedulerConfiguration: Decodable, Sendable {
  public let trainTimesteps: Int
  public let betaStart: Double
  public let betaEnd: Double
  public let betaSchedule: String

  enum CodingKeys: String, CodingKey {
    case trainTimesteps = "num_train_timesteps", betaStart = "beta_start", betaEnd = "beta_end"
    case betaSchedule = "beta_schedule", predictionType = "prediction_type"
  }

  public init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func wrong(_ key: CodingKeys, _ reason: String) -> DecodingError {
      .dataCorruptedError(forKey: key, in: values, debugDescription: "\(key.rawValue) \(reason)")
    }
    trainTimesteps = try values.decodeIfPresent(Int.self, forKey: .trainTimesteps) ?? 1000
    betaStart = try values.decodeIfPresent(Double.self, forKey: .betaStart) ?? 1e-4
    betaEnd = try values.decodeIfPresent(Double.self, forKey: .betaEnd) ?? 0.02
    betaSchedule = try values.decodeIfPresent(String.self, forKey: .betaSchedule) ?? "linear"
    let prediction = try values.decodeIfPresent(String.self, forKey: .predictionType) ?? "epsilon"
    guard (1...100_000).contains(trainTimesteps) else { throw wrong(.trainTimesteps, "is \(trainTimesteps)") }
    guard betaStart > 0, betaEnd < 1, betaStart <= betaEnd else {
      throw wrong(.betaStart, "to beta_end is \(betaStart) to \(betaEnd), expected 0 < start <= end < 1")
    }
    guard betaSchedule == "linear" || betaSchedule == "scaled_linear" else {
      throw wrong(.betaSchedule, "is \"\(betaSchedule)\", expected \"linear\" or \"scaled_linear\"")
    }
    guard prediction == "epsilon" else { throw wrong(.predictionType, "is \"\(prediction)\", expected \"epsilon\"") }
  }

  /// As tables.
  public var schedule: NoiseSchedule {
    NoiseSchedule(
      trainTimesteps: trainTimesteps, betaStart: betaStart, betaEnd: betaEnd,
      kind: betaSchedule == "linear" ? .linear : .scaledLinear)
  }
}
