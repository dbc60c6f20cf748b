"""Abuses a server and looks at what is left of it; run by Tests/server/abuse. Only 127.0.0.1 is talked to."""

import argparse
import asyncio
import collections
import itertools
import json
import random
import subprocess
from pathlib import Path

import malformed
from abuse_connections import SlowClients, cut, http_details, many_connections, pipelining
from abuse_ends import ending, keys
from abuse_shared import Checks, check, exchange, order
from serving import Server


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
  print(f"{Checks.passed} passed, {Checks.failed} failed")
  raise SystemExit(1 if Checks.failed else 0)


if __name__ == "__main__":
  asyncio.run(main())
