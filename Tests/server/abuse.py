"""Abuses a server and looks at what is left of it; run by Tests/server/abuse. Only 127.0.0.1 is talked to."""

import argparse
import asyncio
import base64
import collections
import contextlib
import itertools
import json
import os
import random
import resource
import shlex
import socket
import struct
import subprocess
import time
from pathlib import Path

import malformed
from serving import Server

passed, failed = 0, 0


def check(name, ok, said=""):
  global passed, failed
  passed, failed = passed + bool(ok), failed + (not ok)
  print(f"{'ok  ' if ok else 'FAIL'} {name}{f': {said}' if said != '' else ''}", flush=True)


async def exchange(port, data, *, wait=20, half_close=False):
  """The status of the answer, its headers and body; None for a connection closed without one, "silent" for neither."""
  reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
  try:
    try:
      writer.write(data)
      await writer.drain()
      if half_close:
        writer.write_eof()
    except ConnectionError:
      pass  # what it has said already may still be there
    answer = b""
    try:
      while part := await asyncio.wait_for(reader.read(1 << 20), wait):
        answer += part
    except ConnectionError:
      pass
    except TimeoutError:
      return "silent", {}, answer
    head, _, body = answer.partition(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1."):
      return None, {}, answer
    lines = head.decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), {
      name.lower(): value.strip()
      for name, value in (line.split(":", 1) for line in lines[1:])
    }, body
  finally:
    writer.close()


def order(steps=4, **fields):
  return malformed.post("/api/pictures", {"prompt": "a red fox", "seed": 1, "steps": steps, **fields})


async def malformed_requests(server, count, seed):
  rng = random.Random(seed)
  kinds = list(itertools.islice(itertools.cycle(malformed.KINDS), count))
  wrong, seen = collections.defaultdict(list), collections.Counter()
  gate = asyncio.Semaphore(32)

  async def one(kind, data, expected):
    async with gate:
      # A body that is cut off ends by the end of what is sent; all others are complete.
      status, headers, body = await exchange(server.port,
                                             data,
                                             half_close=kind in (malformed.cut_body, malformed.garbage, malformed.chunks))
    seen[kind.__name__] += 1
    problem = status not in expected and f"{status}, not {sorted(map(str, expected))}"
    if status == 405 and not headers.get("allow"):
      problem = "405 without Allow"
    if body and "application/json" in headers.get("content-type", ""):
      said = json.loads(body)  # the web UI's clients are told its own way
      if not (said.get("detail") or said["error"]["message"]):
        problem = "no message"
    if problem:
      wrong[kind.__name__].append(f"{problem} for {data[:300]!r}… -> {body[:200]!r}")

  await asyncio.gather(*(one(kind, *kind(rng)) for kind in kinds))
  for kind in malformed.KINDS:
    name = kind.__name__
    check(f"malformed: {name}", not wrong[name] and seen[name],
          f"{seen[name]} requests" + "".join(f"\n     {line}" for line in wrong[name][:3]))


class SlowClients:
  """Connections that send a byte a second, half of them headers, half of them a body, and one that never reads. The server
  has to end each."""

  def __init__(self, server, count=40):
    self.server, self.count, self.tasks = server, count, []

  def start(self):
    self.tasks = [asyncio.create_task(self.drip(index % 2 == 0)) for index in range(self.count)]
    self.deaf = asyncio.create_task(self.never_read())

  async def never_read(self):
    """How many of 5,000 answers came to somebody who begins to read them after more than a minute."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", self.server.port))
    sending = asyncio.create_task(loop.sock_sendall(connection, b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 5000))
    await asyncio.sleep(68)
    answers = b""
    try:
      while part := await asyncio.wait_for(loop.sock_recv(connection, 1 << 20), 5):
        answers += part
    except (ConnectionError, TimeoutError):
      pass
    sending.cancel()
    await asyncio.wait([sending])
    connection.close()
    return answers.count(b"HTTP/1.1 200")

  async def drip(self, headers):
    reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
    begin = time.monotonic()
    reading = asyncio.create_task(reader.read())
    try:
      head = b"POST /api/notes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      writer.write(head + (b"" if headers else b"Content-Length: 1000\r\n\r\n"))
      while not reading.done() and time.monotonic() - begin < 100:
        writer.write(b"X-Slow: 1\r\n" if headers else b" ")
        await asyncio.wait([reading], timeout=1)
    except ConnectionError:
      pass
    writer.close()
    return time.monotonic() - begin

  async def finish(self):
    times = await asyncio.gather(*self.tasks)
    answers = await self.deaf
    check("a client that never reads is ended", answers < 5000, f"after {answers} of 5000 answers")
    check("slow clients are ended", max(times) < 75, f"{self.count} after {min(times):.0f} to {max(times):.0f} s")


async def cut(server):
  """Connections that are reset in the middle: of a body, and of an answer."""

  async def reset(data, answer_bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    await writer.drain()
    if answer_bytes:
      await asyncio.wait_for(reader.readexactly(answer_bytes), 60)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

  body = b"x" * 100_000
  await asyncio.gather(*(reset(malformed.post("/api/pictures", body, length=1_000_000), 0) for _ in range(50)))
  boundary = "multipart/form-data; boundary=b"
  part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="../../x.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG'
  await asyncio.gather(*(reset(malformed.post("/v1/images/edits", part, boundary, length=500_000), 0) for _ in range(50)))
  before = server.metrics()["dit_t2i_pictures_cancelled_total"]
  for _ in range(5):
    await asyncio.gather(*(reset(order(200, previews=20, count=4), 200) for _ in range(4)))
  begin = time.monotonic()
  while (queue := server.health()["queue"]) != {"waiting": 0, "drawing": 0} and time.monotonic() - begin < 30:
    await asyncio.sleep(0.1)
  cancelled = server.metrics()["dit_t2i_pictures_cancelled_total"] - before
  check("cut answers free the queue", queue == {
    "waiting": 0,
    "drawing": 0
  } and cancelled > 0, f"{cancelled:.0f} of 80 pictures cancelled, after {time.monotonic() - begin:.1f} s")


async def pipelining(server):
  reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
  paths = ["/health", "/nothing", "/api/queue", "/api/models"] * 25
  writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths))
  statuses = []
  for _ in paths:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    statuses.append(int(head.split()[1]))
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)
  writer.close()
  check("100 pipelined requests are answered in order", statuses == [200, 404, 200, 200] * 25)


async def http_details(server):
  old = await exchange(server.port, b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", wait=5)
  check("HTTP/1.0 is answered, and the connection ends", old[0] == 200, old[0])
  stream = await exchange(server.port, order().replace(b"HTTP/1.1", b"HTTP/1.0"), wait=20)
  check("HTTP/1.0 gets events unchunked", stream[0] == 200 and stream[2].rstrip().endswith(b"data: {}"), stream[2][-60:])
  head = await exchange(server.port, malformed.get("/health", method="HEAD"))
  check("HEAD has no body", head[0] == 200 and head[2] == b"" and int(head[1]["content-length"]) > 0, head[0])
  missing = await exchange(server.port, malformed.get("/nothing", method="HEAD"))
  check("HEAD of nothing has no body", missing[0] == 404 and missing[2] == b"", missing[0])
  upgrade = await exchange(server.port,
                           b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                           wait=5)
  check("an upgrade is not taken up", upgrade[0] == 200, upgrade[0])
  reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
  data = malformed.post("/api/notes", {"prompt": "a fox"}, headers=["Expect: 100-continue"])
  head, body = data.split(b"\r\n\r\n", 1)
  writer.write(head + b"\r\n\r\n")
  line = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
  writer.write(body)
  answer = await asyncio.wait_for(reader.read(), 10)
  check("Expect: 100-continue is met", b" 100 " in line and b" 200 " in answer, line)
  writer.close()
  # The answer comes before the body is sent; who sends on reads it all the same.
  body = b"x" * (malformed.LIMIT + 1)
  chunked = (
    b"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
    b"".join(b"100000\r\n" + body[:0x100000] + b"\r\n" for _ in range(34)))
  large = await asyncio.gather(exchange(server.port, malformed.post("/api/pictures", body)), exchange(server.port, chunked))
  check("too large bodies are told so", [answer[0] for answer in large] == [413, 413], [answer[0] for answer in large])
  reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
  writer.write(malformed.post("/api/pictures", b"x" * 100, length=malformed.LIMIT + 1))
  with contextlib.suppress(ConnectionError):
    for _ in range(8):
      await asyncio.sleep(0.5)
      writer.write(b"x" * 100)
      await writer.drain()
  answer = b""
  with contextlib.suppress(ConnectionError):
    answer = await asyncio.wait_for(reader.read(), 10)
  check("also those that look for an answer only seconds later", answer.startswith(b"HTTP/1.1 413"), answer[:60])
  writer.close()


async def many_connections(server, wanted):
  most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
  count = min(wanted, most - 200)
  opened, answered = [], 0
  begin = time.monotonic()
  try:
    for start in range(0, count, 500):
      chunk = await asyncio.gather(*(asyncio.wait_for(asyncio.open_connection("127.0.0.1", server.port), 20)
                                     for _ in range(min(500, count - start))),
                                   return_exceptions=True)
      opened += [pair for pair in chunk if not isinstance(pair, BaseException)]
    slowest = 0
    for _ in range(5):  # beside those that idle, others are served
      one = time.monotonic()
      status = (await exchange(server.port, malformed.get("/health"), wait=30))[0]
      slowest = max(slowest, time.monotonic() - one)
      answered += status == 200
    took = time.monotonic() - begin
  finally:
    for _, writer in opened:
      writer.transport.abort()
  check(
    "many connections",
    len(opened) > 0.98 * count and answered == 5,
    f"{len(opened)} of {wanted} opened in {took:.1f} s (open files allowed here: {most}), beside them /health took"
    f" up to {slowest * 1000:.0f} ms,"
    f" {server.memory:.0f} MB")


async def keys(arguments, work):
  """A server that others may reach: without a key it does not start, and answers nobody who does not know it."""
  options = {
    "--host 0.0.0.0": 64, "--api-key ''": 64, "--api-key 'a b'": 64, "--port 70000": 64, "--host 'no such host'": 64,
    "--steps 3": 64, "--api-key-file /nowhere": 66, "--model /nowhere": 66, "--host 192.0.2.1 --api-key k": 66
  }
  for words, code in options.items():
    command = [arguments.server, "--port", "0", "--model", str(work / "micro"), *shlex.split(words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("time=")]
    check(f"refused at start: {words}", ended.returncode == code and len(lines) == 1,
          f"{ended.returncode} {ended.stderr.strip()}")
  options = "--host 0.0.0.0 --allow-origin https://paint.example --allow-host pictures.example --log-format json"
  server = Server(arguments.program, arguments.server, work, *options.split(), env={"DIT_T2I_API_KEY": "a-secret-key"})
  basic = "Basic " + base64.b64encode(b"someone:a-secret-key").decode()
  for status, headers in (
    (401, {}), (401, {"Authorization": "Bearer a-secret-ke"}), (401, {"Authorization": "Bearer"}), (401, {"X-API-Key": ""}),
    (401, {"Authorization": "Basic !!!"}), (200, {"Authorization": "Bearer a-secret-key"}), (200, {"X-API-Key": "a-secret-key"}),
    (200, {"Authorization": basic}), (200, {"Authorization": "bearer  a-secret-key"}),
    (200, {"X-API-Key": "a-secret-key", "Host": "pictures.example"}), (421, {"X-API-Key": "a-secret-key", "Host": "evil.example"}),
    (200, {"X-API-Key": "a-secret-key", "Host": "192.0.2.7:80"})):
    got = server.request("GET", "/api/models", headers=headers)[0]
    check(f"key: {headers}", got == status, got)
  check("/health says strangers no more than that it is there",
        json.loads(server.request("GET", "/health")[2]) == {"status": "ok"})
  origin = {"Origin": "https://paint.example"}
  status, headers, _ = server.request("OPTIONS",
                                      "/api/pictures",
                                      headers={
                                        **origin, "Access-Control-Request-Method": "POST",
                                        "Access-Control-Request-Headers": "authorization,content-type"
                                      })
  check(
    "preflight", status == 204 and headers["Access-Control-Allow-Origin"] == origin["Origin"]
    and "POST" in headers["Access-Control-Allow-Methods"] and "Authorization" in headers["Access-Control-Allow-Headers"]
    and "Origin" in headers["Vary"], dict(headers))
  status, headers, _ = server.request("GET", "/api/models", headers={**origin, "X-API-Key": "a-secret-key"})
  check("CORS", headers["Access-Control-Allow-Origin"] == origin["Origin"] and headers["Vary"] == "Origin", dict(headers))
  status, headers, _ = server.request("GET",
                                      "/api/models",
                                      headers={
                                        "Origin": "https://other.example",
                                        "X-API-Key": "a-secret-key"
                                      })
  check("CORS for others", status == 403 and "Access-Control-Allow-Origin" not in headers, status)
  check("SIGTERM ends it", (code := server.stop()) == 0, code)
  log = [json.loads(line) for line in server.log_text().splitlines() if line.startswith("{")]
  check("the log is JSON, and has neither keys nor prompts", log and not any(word in server.log_text() for word in ("secret", "fox"))
        and all("time" in line for line in log), f"{len(log)} lines")


def schemathesis(server, program, work):
  checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"
  checks += ",response_schema_conformance,unsupported_method"
  ended = subprocess.run([
    program, "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", checks, "--max-examples", "15", "--seed", "1",
    "--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--no-color"
  ],
                         cwd=work,
                         capture_output=True,
                         text=True,
                         timeout=600)
  said = ended.stdout + ended.stderr
  check("schemathesis", ended.returncode == 0, said[-6000:] if ended.returncode else next(
    (line for line in said.splitlines() if "enerated" in line), "").strip())


async def ending(arguments, work):
  """What is being drawn is returned; a client that never reads does not keep the server."""

  async def ordered(server, *fields, **named):
    """A connection whose order is taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(order(*fields, **named))
    await asyncio.wait_for(reader.readuntil(b"event: order"), 30)
    return reader, writer

  server = Server(arguments.program, arguments.server, work, "--grace", "5")
  reader, writer = await ordered(server, 200)
  asked = asyncio.create_task(reader.read())
  deaf = socket.create_connection(("127.0.0.1", server.port))
  deaf.sendall(b"".join(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for _ in range(2000)))
  half = socket.create_connection(("127.0.0.1", server.port))
  half.sendall(b"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
  await asyncio.sleep(0.5)
  begin = time.monotonic()
  code = await asyncio.to_thread(server.stop, 60)
  took = time.monotonic() - begin
  body = await asked
  writer.close()
  check("SIGTERM returns what is drawn", b"event: done" in body, body[-80:])
  check("SIGTERM ends within the bound", code == 0 and took < 12,
        f"{code} after {took:.1f} s, with clients that never read or send")
  server = Server(arguments.program, arguments.server, work, "--grace", "60")
  _, writer = await ordered(server, 250, count=16)
  server.process.terminate()
  await asyncio.sleep(0.3)
  begin = time.monotonic()
  code = await asyncio.to_thread(server.stop, 20)
  check("a second signal ends at once", code == 128 + 15 and time.monotonic() - begin < 2, code)
  writer.close()
  taken = Server(arguments.program, arguments.server, work)
  ended = subprocess.run(
    [arguments.server, "--model", str(work / "micro"), "--port",
     str(taken.port)], capture_output=True, text=True, timeout=60)
  check("a port in use", ended.returncode == 73 and ended.stderr.count("\n") == 1, ended.stderr.strip())
  (work / "micro").rename(work / "gone")
  status, _, body = await exchange(taken.port, malformed.post("/v1/images/generations", {"prompt": "a fox"}))
  said = [body, (await exchange(taken.port, order()))[2]]
  check("a model that is gone is no fault of the client's, and where it was is not said",
        status == 500 and b"event: error" in said[1] and not any(str(work).encode() in body for body in said), (status, said))
  check("but logged", str(work / "micro") in taken.log_text())
  (work / "gone").rename(work / "micro")
  taken.stop()


async def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("server")
  parser.add_argument("program")
  parser.add_argument("--schemathesis")
  parser.add_argument("--work", required=True)
  parser.add_argument("--requests", type=int, default=1000)
  parser.add_argument("--seed", type=int, default=22)
  parser.add_argument("--connections", type=int, default=10_000)
  arguments = parser.parse_args()
  work = Path(arguments.work)
  server = Server(arguments.program, arguments.server, work, "--queue", "64")
  malformed.only(json.loads(server.request("GET", "/openapi.json")[2]))
  for _ in range(3):
    await exchange(server.port, order(previews=2, attention=True))
  await asyncio.sleep(2)
  memory, files = server.memory, server.open_files
  slow = SlowClients(server)
  slow.start()
  await malformed_requests(server, arguments.requests, arguments.seed)
  await http_details(server)
  await pipelining(server)
  await cut(server)
  if arguments.schemathesis:
    await asyncio.to_thread(schemathesis, server, arguments.schemathesis, work)
  await many_connections(server, arguments.connections)
  await slow.finish()

  check("the process lives", server.process.poll() is None)
  status, _, body = await exchange(server.port, order())
  check("it still draws", status == 200 and b"event: picture" in body, status)
  for _ in range(30):  # connections that linger end by themselves
    if len(now := server.open_files) <= len(files):
      break
    await asyncio.sleep(1)
  figures = server.metrics()
  errors = {name: count for name, count in figures.items() if name.startswith("dit_t2i_requests_total") and 'status="5' in name}
  check("no fault of the server's", not errors, errors)
  check("open files are as before", len(now) <= len(files), f"{len(files)}, then {len(now)} {sorted(set(now) - set(files))}")
  check("memory", server.memory < memory + 400, f"{memory:.0f} MB, then {server.memory:.0f}")
  check("it ends", (code := server.stop()) == 0, code)
  check("no files are left", not server.left_behind(), server.left_behind())
  unexpected = [line for line in server.log_text().splitlines() if "level=error" in line or not line.startswith("time=")]
  check("the log has no faults", not unexpected, "\n".join(unexpected[:5]))
  await keys(arguments, work)
  await ending(arguments, work)
  print(f"{passed} passed, {failed} failed")
  raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
  asyncio.run(main())
