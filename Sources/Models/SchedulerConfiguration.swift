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
    let name = try values.decodeIfPresent(String.self, forKey: .predictionType) ?? "epsilon"
    // Flow needs a schedule of its own, which no family has yet.
    guard let prediction = PredictionKind(rawValue: name), prediction != .flow else {
      throw wrong(.predictionType, "prediction_type is \"\(name)\", expected \"epsilon\" or \"v_prediction\"")
    }
    do {
      var schedule = try NoiseSchedule(
        values.decodeIfPresent(BetaSchedule.self, forKey: .betaSchedule) ?? .linear,
        trainTimesteps: values.decodeIfPresent(Int.self, forKey: .trainTimesteps) ?? 1000,
        betaStart: values.decodeIfPresent(Double.self, forKey: .betaStart) ?? 1e-4,
        betaEnd: values.decodeIfPresent(Double.self, forKey: .betaEnd) ?? 0.02)
      schedule.prediction = prediction
      self.schedule = schedule
    } catch let error as DiffusionError {
      throw wrong(.betaSchedule, error.description)
    }
  }
}
