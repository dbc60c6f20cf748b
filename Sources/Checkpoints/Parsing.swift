/// What a parser found wrong, before the file's name is added to it.
package struct Malformed: Error {
  var tensor: TensorName?
  package let reason: String

  init(_ reason: String, tensor: TensorName? = nil) {
    self.reason = reason
    self.tensor = tensor
  }
}

/// A Python object that a pickle asks for and does not get.
struct Refused: Error {
  let object: String
}

/// Runs a parser over a file, turning what it finds wrong into a ``LoadError`` that names the file.
func parsing<Result>(_ file: MappedFile, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let problem as Malformed {
    throw LoadError.malformed(file: file.path, tensor: problem.tensor, reason: problem.reason)
  } catch let problem as Refused {
    throw LoadError.refused(file: file.path, object: problem.object)
  }
}
