import DiTBatch
import DiTModels
import DiTTextToImage
import Testing

@Suite struct ShardTests {
  @Test(arguments: [1, 2, 3, 7, 200, 201], [0, 1, 5, 200])
  func shardsAreDisjointAndComplete(count: Int, elements: Int) throws {
    let all = Array(0..<elements)
    let parts = try (1...count).map { try Shard(index: $0, of: count).part(of: all) }
    #expect(parts.flatMap { $0 }.sorted() == all)
    #expect((parts.map(\.count).max() ?? 0) - (parts.map(\.count).min() ?? 0) <= 1)
  }

  @Test(arguments: [
    ("2/8", [:], (2, 8)),
    (nil, [:], nil),
    (nil, ["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"], (3, 4)),
    (nil, ["SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "0"], (1, 4)),
    (
      nil,
      [
        "SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "8",
        "SLURM_ARRAY_TASK_STEP": "3",
      ], (3, 4)
    ),
    (nil, ["JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "5"], (1, 5)),
    ("5", ["JOB_COMPLETION_INDEX": "4"], (5, 5)),
    ("1/2", ["JOB_COMPLETION_INDEX": "4"], (1, 2)),
  ] as [(String?, [String: String], (Int, Int)?)])
  func positions(_ option: String?, _ environment: [String: String], _ expected: (Int, Int)?) throws {
    let shard = try Shard(option: option, environment: environment)
    #expect(shard?.index == expected?.0)
    #expect(shard?.count == expected?.1)
  }

  @Test(arguments: [
    ("0/8", [:]), ("9/8", [:]), ("a/8", [:]), ("1/2/3", [:]), ("", [:]), ("8", [:]), ("-1/8", [:]),
    (nil, ["JOB_COMPLETION_INDEX": "0"]),
    (nil, ["JOB_COMPLETION_INDEX": "5", "JOB_COMPLETIONS": "5"]),
    ("4", ["JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "5"]),
    (nil, ["SLURM_ARRAY_TASK_ID": "3"]),
    (nil, ["SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"]),
    // --array=1,3,7
    (nil, ["SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "1"]),
  ] as [(String?, [String: String])])
  func whatCannotBe(_ option: String?, _ environment: [String: String]) {
    #expect(throws: BatchError.self) { try Shard(option: option, environment: environment) }
  }
}
