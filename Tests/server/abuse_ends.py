"""How a server starts and ends: keys, signals, ports and models that are gone."""

import asyncio
import base64
import json
import shlex
import socket
import subprocess
import time

import malformed
from abuse_shared import check, exchange, order
from serving import Server


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
