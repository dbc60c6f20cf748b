"""Connections that are slow, deaf, cut, many, or of an HTTP that few speak."""

import asyncio
import contextlib
import resource
import socket
import struct
import time

import malformed
from abuse_shared import check, exchange, order


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
