import DiTDiffusion

/// The noise schedule a model was trained with, from `scheduler_config.json`.
package struct SchedulerConfiguration: Decodable, Sendable {
  package let schedule: NoiseSchedule

  package init(schedule: NoiseSchedule) { self.schedule = schedule }

  enum CodingKeys: String, CodingKey {
    case trainTimesteps = "num_train_timesteps", betaStart = "beta_start", betaEnd = "beta_end"
    case betaSchedule = "beta_schedule", predictionType = "prediction_type"
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func wrong(_ key: CodingKeys, _ reason: String) -> DecodingError {
      .dataCorruptedError(forKey: key, in: values, debugDescription: reason)
    }
    let prediction = try values.decodeIfPresent(String.self, forKey: .predictionType) ?? "epsilon"
    guard prediction == "epsilon" else {
      throw wrong(.predictionType, "prediction_type is \"\(prediction)\", expected \"epsilon\"")
    }
    do {
      schedule = try NoiseSchedule(
        values.decodeIfPresent(BetaSchedule.self, forKey: .betaSchedule) ?? .linear,
        trainTimesteps: values.decodeIfPresent(Int.self, forKey: .trainTimesteps) ?? 1000,
        betaStart: values.decodeIfPresent(Double.self, forKey: .betaStart) ?? 1e-4,
        betaEnd: values.decodeIfPresent(Double.self, forKey: .betaEnd) ?? 0.02)
    } catch let error as DiffusionError {
      throw wrong(.betaSchedule, error.description)
    }
  }
}
