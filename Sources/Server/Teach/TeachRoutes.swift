import DiTFiles
import Foundation
import Hummingbird
import NIOCore

/// Teaching from pictures. Its errors are in the form that all of ours have.
func addTeachRoutes(to router: Router<ServerContext>, _ teaching: TeachingDesk, _ desk: DrawingDesk) {
  router.get("/v1/teach") { _, _ in
    let taught = desk.shelf.adapters?.words.entries ?? []
    return jsonResponse(
      [
        "enabled": JSON((try? teaching.checkPermission()) != nil),
        "jobs": .list(await teaching.jobs.reversed().map(\.report)),
        "taught": .list(taught.map { ["name": JSON($0.name), "word": JSON($0.record.word), "model": JSON($0.record.base)] }),
      ] as JSON)
  }
  router.post("/v1/teach") { request, _ in
    var request = request
    try teaching.checkPermission()
    let boundary = try MultipartForm.boundary(of: request.headers[.contentType])
    let body = try await request.wholeBody()
    let fields = try await onThread {
      try TeachFields(MultipartForm(Array(body.readableBytesView), boundary: boundary, most: TeachFields.mostParts))
    }
    let job = try await teaching.start(fields)
    var response = jsonResponse(job.report, status: .accepted)
    response.headers[.location] = "/v1/teach/\(job.id)"
    return response
  }
  router.get("/v1/teach/:id") { _, context in
    try await jsonResponse(teaching.job(context.parameters.require("id")).report)
  }
  router.delete("/v1/teach/:id") { _, context in
    try await jsonResponse(teaching.cancel(context.parameters.require("id")).report)
  }
  router.get("/v1/teach/:id/sheet") { _, context in
    let sheet = try await teaching.job(context.parameters.require("id")).sheet
    // That of a run which has just ended is gone with its folder.
    return try await picture { sheet.flatMap { try? readFile($0, limit: 64 << 20) } }
  }
  router.get("/v1/teach/:id/curve") { _, context in
    let curve = try await teaching.job(context.parameters.require("id")).curve
    return try await picture { try curve?.drawn().encoded() }
  }
}

/// - Throws: ``RefusedRequest``: 404 where there is none.
private func picture(_ make: @escaping @Sendable () throws -> [UInt8]?) async throws -> Response {
  guard let png = try await onThread(make) else { throw RefusedRequest(.notFound, "there is no such picture yet") }
  return Response(status: .ok, headers: [.contentType: "image/png"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: png)))
}
