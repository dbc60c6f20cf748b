"""What the abusers of a server share: what was found, and one exchange."""

import asyncio

import malformed


class Checks:
  """How many there were, by their outcome."""
  passed, failed = 0, 0


def check(name, ok, said=""):
  Checks.passed, Checks.failed = Checks.passed + bool(ok), Checks.failed + (not ok)
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
