"""Loads a server with many clients on 127.0.0.1: Tests/server/load.py SERVER PROGRAM [--seconds 300]

Counts the answers, watches memory and how soon /health answers meanwhile, and compares the pictures a second with those of
`dit-t2i batch` on the same prompts. SERVER is dit-t2i-server, PROGRAM is dit-t2i."""

import argparse
import asyncio
import collections
import json
import os
import random
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from serving import Server

WORDS = "a red fox in snow, an owl at night, a blue car, a castle, two apples, a green boat on a lake, a cat, a yellow bus".split(
  ", ")


def request(method, path, body=b"", connection="keep-alive"):
  lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
  lines += [f"Content-Length: {len(body)}", f"Connection: {connection}"]
  return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Exchange(asyncio.Protocol):
  """A request on a connection of its own. Clients share the processor with what they measure: nothing is woken or looked at
  before the answer is whole."""

  def __init__(self, request):
    self.request, self.answer, self.done = request, bytearray(), asyncio.get_running_loop().create_future()

  def connection_made(self, transport):
    transport.write(self.request)

  def data_received(self, data):
    self.answer += data

  def connection_lost(self, error):
    if not self.done.done():
      self.done.set_exception(error) if error else self.done.set_result(self.answer)

  @classmethod
  async def of(cls, port, request):
    _, self = await asyncio.get_running_loop().create_connection(lambda: cls(request), "127.0.0.1", port)
    return await self.done


class Load:

  def __init__(self, server, arguments):
    self.server, self.arguments = server, arguments
    self.statuses, self.pictures, self.health, self.memory, self.problems = collections.Counter(), [], [], [], []
    self.begin = time.monotonic()

  @property
  def seconds(self):
    return time.monotonic() - self.begin

  async def client(self, index):
    rng = random.Random(index)
    while self.seconds < self.arguments.seconds:
      fields = {
        "prompt": rng.choice(WORDS),
        "seed": rng.randrange(1 << 32),
        "steps": self.arguments.steps,
        "size": self.arguments.size
      }
      try:
        status, retry, body = await self.ask("POST", "/api/pictures", json.dumps(fields).encode())
      except ConnectionError as error:
        self.problems.append(repr(error))
        continue
      self.statuses[status] += 1
      if status == 200:
        if b"event: picture\n" in body and body.rstrip().endswith(b"event: done\ndata: {}"):
          self.pictures.append(self.seconds)
        else:
          self.problems.append(body[-200:].decode())
      elif status == 429:
        await asyncio.sleep(retry * rng.uniform(1, 1.2))

  async def ask(self, method, path, body=b""):
    answer = bytes(await Exchange.of(self.server.port, request(method, path, body, "close")))
    head, _, answer = answer.partition(b"\r\n\r\n")
    if not answer:
      raise ConnectionError("the answer is cut off")
    fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
    if fields.get("transfer-encoding") == "chunked":
      parts, at = [], 0
      while at < len(answer):
        end = answer.index(b"\r\n", at)
        length = int(answer[at:end], 16)
        parts.append(answer[end + 2:end + 2 + length])
        at = end + 4 + length
      answer = b"".join(parts)
    return int(head.split()[1]), float(fields.get("retry-after", 1)), answer

  async def watch(self):
    """On one connection, as what watches servers does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
    while self.seconds < self.arguments.seconds:
      await asyncio.sleep(0.2)
      begin = time.monotonic()
      writer.write(request("GET", "/health"))
      head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
      await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
      self.health.append(time.monotonic() - begin)
      self.statuses[int(head.split()[1])] += 1
    writer.close()

  async def weigh(self):
    while self.seconds < self.arguments.seconds:
      self.memory.append((self.seconds, self.server.memory))
      await asyncio.sleep(0.5)

  async def run(self):
    await asyncio.gather(self.watch(), self.weigh(), *(self.client(index) for index in range(self.arguments.clients)))


class Batch:
  """Pictures a second of `dit-t2i batch`, without what it takes to start."""

  def __init__(self, arguments, model, work):
    self.arguments, self.model, self.work, self.runs, self.processor = arguments, model, work, 0, []
    # As many as take a sixth of the load's time.
    self.few = 4
    self.many = self.few + max(8, min(1000, round(arguments.seconds / 6 * 12 / (self.took(16)[0] - self.took(4)[0]))))

  def took(self, count):
    self.runs += 1
    prompts = self.work / f"prompts-{count}.txt"
    prompts.write_text("".join(f"{WORDS[index % len(WORDS)]}\n" for index in range(count)))
    options = ["--output", self.work / f"batch-{self.runs}", "--model", self.model, "--size", self.arguments.size, "--quiet"]
    begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([self.arguments.program, "batch", prompts, "--steps", str(self.arguments.steps), *options],
                   check=True, stdout=subprocess.DEVNULL)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime

  def rate(self):
    seconds, processor = (many - few for many, few in zip(self.took(self.many), self.took(self.few)))
    self.processor.append(processor / (self.many - self.few))
    return (self.many - self.few) / seconds


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("server", type=os.path.abspath)
  parser.add_argument("program", type=os.path.abspath)
  parser.add_argument("--seconds", type=float, default=300)
  parser.add_argument("--clients", type=int, default=64)
  parser.add_argument("--model", default="small", help="a name or folder, or micro: random weights")
  parser.add_argument("--size", default="128x128")
  parser.add_argument("--steps", type=int, default=4)
  parser.add_argument("--ratio", type=float, default=0.95, help="of batch's pictures a second that the server has to reach")
  parser.add_argument("--latency", type=float, default=50, help="of /health, at the 99th percentile, in milliseconds")
  arguments = parser.parse_args()
  passed = failed = 0

  def check(name, ok, said):
    nonlocal passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {name}: {said}", flush=True)

  with tempfile.TemporaryDirectory() as folder:
    work = Path(folder)
    server = Server(arguments.program, arguments.server, work, "--queue", "48", "--log-level", "warning", model=arguments.model)
    model = work / "micro" if arguments.model == "micro" else arguments.model
    batch = Batch(arguments, model, work)
    before = batch.rate()
    load = Load(server, arguments)
    used, own = server.metrics()["process_cpu_seconds_total"], time.process_time()
    asyncio.run(load.run())
    used, own = server.metrics()["process_cpu_seconds_total"] - used, time.process_time() - own
    warm = min(max(arguments.seconds / 4, 10), arguments.seconds / 2)
    drawn = [when for when in load.pictures if when > warm]
    rate = len(drawn) / (max(drawn, default=1) - warm) if drawn else 0
    sizes = [size for when, size in load.memory if when > warm]
    middle = statistics.median(sizes)
    latencies = sorted(load.health)
    slow = latencies[int(len(latencies) * 0.99)] * 1000
    check("statuses",
          set(load.statuses) <= {200, 429} and load.statuses[200] and not load.problems,
          f"{dict(load.statuses)} {load.problems[:3]}")
    check("memory",
          max(abs(size - middle) for size in sizes) <= 0.05 * middle,
          f"{min(sizes):.0f} to {max(sizes):.0f} MB after {warm:.0f} s of {arguments.seconds:.0f}")
    check("/health", slow < arguments.latency,
          f"half within {latencies[len(latencies) // 2] * 1000:.1f} ms, 99 % within {slow:.1f} ms, {len(latencies)} times")
    check("it ends", (code := server.stop()) == 0, code)
    after = batch.rate()  # a machine has better and worse minutes
    ratio = rate / (before + after) * 2
    check("pictures a second", ratio >= arguments.ratio,
          f"{rate:.2f}; batch {before:.2f} before and {after:.2f} after: {ratio:.1%}")
    each = [1000 * seconds / max(1, len(load.pictures)) for seconds in (used, own)]
    print(f"     processor time of a picture: the server's {each[0]:.1f} ms and its clients' {each[1]:.1f}; "
          f"batch's {1000 * statistics.mean(batch.processor):.1f}")
  print(f"{passed} passed, {failed} failed")
  raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
  main()
