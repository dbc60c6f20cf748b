"""Malformed requests by kind: each makes the bytes of one connection, and says which statuses answer it.

None stands for a connection that is closed without an answer, which what is no HTTP gets."""

import base64
import gzip
import json
import struct
import zlib

HOST = "127.0.0.1"
NO = frozenset({400, 413, 431, None})
LIMIT = 32 << 20
POSTS = ["/api/pictures", "/v1/images/generations", "/sdapi/v1/txt2img", "/sdapi/v1/img2img", "/api/notes"]
GETS = [
  "/", "/api/models", "/api/words", "/api/queue", "/health", "/metrics", "/openapi.json", "/v1/models", "/sdapi/v1/samplers"
]


def post(path, body, content_type="application/json", headers=(), host=HOST, length=None):
  body = body if isinstance(body, bytes) else json.dumps(body).encode()
  lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {content_type}", *headers]
  lines += [f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
  return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def get(path, headers=(), host=HOST, method="GET"):
  lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers, "Connection: close"]
  return "\r\n".join(lines).encode("latin-1", "surrogateescape") + b"\r\n\r\n"


def garbage(rng):
  return rng.randbytes(rng.randint(1, 4000)) + b"\r\n\r\n", NO


def request_line(rng):
  return rng.choice([
    b"GET\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1.1\r\nHost: x\r\n\r\n",
    b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get / http/1.1\r\nhost: x\r\n\r\n",
    b"GET / HTTP/1.1\nHost x\n\n",
    b"/ GET HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
  ]), NO


def no_host(rng):
  return rng.choice(
    [get("/", host=None),
     get("/", host=""),
     get("/", host="a b"),
     get("/", host="[::1"),
     get("/", host="localhost:port")]), {400}


def lengths(rng):
  one = rng.randint(1, 9)
  fields = rng.choice([
    f"Content-Length: {one}\r\nContent-Length: {one + 1}", "Content-Length: -1", "Content-Length: 1e3", "Content-Length: 0x10",
    f"Content-Length: {10 ** 30}", "Content-Length: 5, 6", "Content-Length: +5"
  ])
  return f"POST /api/pictures HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n{{}}".encode(), NO


def smuggling(rng):
  fields = rng.choice([
    "Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Transfer-Encoding: xchunked\r\nContent-Length: 4", "Transfer-Encoding: chunked, identity", "Transfer-Encoding : chunked"
  ])
  body = "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
  return f"POST /api/notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{fields}\r\n\r\n{body}".encode(), NO


def chunks(rng):
  body = rng.choice([b"zz\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n", b"5\r\nab", b"2\r\n{}XX\r\n0\r\n\r\n", b"\r\n\r\n"])
  head = f"POST /api/notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
  return head.encode() + body, NO


def huge_header(rng):
  size = rng.choice([40_000, 100_000, 1_000_000])
  return rng.choice([get("/", [f"X-Long: {'a' * size}"]),
                     get("/" + "a" * size),
                     get("/", [f"{'a' * size}: x"])]), {400, 414, 431, None}


def many_headers(rng):
  return get("/", [f"X-{index}: {index}" for index in range(rng.randint(200, 3000))]), {400, 431, None}


def header_bytes(rng):
  value = rng.choice(["a\x00b", "a\rb", "a\nb", "a\x07b", "\x7f"])
  name = rng.choice(["X-Y", "X Y", "X-Y ", "", "X\x01", "X(Y)"])
  return get("/api/nothing", [f"{name}: {value}"]), NO | {404}


def malformed_json(rng):
  text = json.dumps({"prompt": "a fox", "count": 1})
  body = rng.choice([
    text[:rng.randint(0,
                      len(text) - 1)].encode(), b"{'prompt': 'fox'}", b"nul", b"[1,]", b"{\"a\":\x00}",
    b"\"" + b"\\u" * 50 + b"\"",
    rng.randbytes(200), b"NaN", b"{\"prompt\":\"\\ud800\"", b"<prompt>fox</prompt>"
  ])
  return post(rng.choice(POSTS), body), {400, 415, 422}


def types(rng):
  wrong = rng.choice([None, True, [], {}, "x", -0.5, [1, 2], {"a": 1}, 1e308])
  field = rng.choice(["prompt", "count", "steps", "size", "image", "attention", "guidance", "seed"])
  kinds = {"prompt": str, "size": str, "image": str, "attention": bool}
  if wrong is None or isinstance(wrong, kinds.get(field,
                                                  (int, float))) and not (isinstance(wrong, bool) and field != "attention"):
    wrong = {"no": "such type"}
  return post("/api/pictures", rng.choice([{field: wrong}, [field], field, 5, None])), {400}


def ranges(rng):
  return post(
    "/api/pictures",
    rng.choice([{
      "count": 0
    }, {
      "count": -1
    }, {
      "count": 10**9
    }, {
      "count": 10**30
    }, {
      "steps": 0
    }, {
      "steps": -5
    }, {
      "steps": 10**6
    }, {
      "size": "99999x99999"
    }, {
      "size": "0x0"
    }, {
      "size": "-64x64"
    }, {
      "size": "64" + "0" * 400
    }, {
      "size": "7x7"
    }, {
      "seed": -2
    }, {
      "seed": 1e40
    }, {
      "scale": 1000
    }, {
      "scale": -1
    }, {
      "guidance": 1e300
    }, {
      "previews": 51
    }, {
      "class": 10**9
    }, {
      "class": "no such thing"
    }, {
      "sampler": "no such sampler"
    }, {
      "strength": 2
    }, {
      "mask": "AAAA"
    }, {
      "model": "../../etc"
    }, {
      "model": "no such model"
    }, {
      "prompt": "x <lora:../../../etc/passwd:1>"
    }])), {400, 404}


def long_texts(rng):
  """What takes a while to read has a bound, and what tempts a pattern to try everything takes no longer."""
  length = rng.choice([32_001, 200_000])
  text = rng.choice(["a", "fox ", "(a:1.1)", "<lora:", "[a:b:", " ", "\U0001f98a", "a\u0301"]) * length
  return rng.choice([
    post("/api/notes", {"prompt": text}),
    post("/api/pictures", {rng.choice(["prompt", "negative", "class", "sampler", "size", "model"]): text, "steps": 1}),
    post("/v1/images/generations", {"prompt": text, "steps": 1}),
    post("/sdapi/v1/txt2img", {"prompt": "a fox", rng.choice(["sampler_name", "scheduler"]): text}),
    post("/sdapi/v1/options", {"sd_model_checkpoint": text + "[a"}),
    post("/sdapi/v1/txt2img", {"override_settings": {"sd_model_checkpoint": text + "[a"}})]), {400, 404, 422}


def unknown_fields(rng):
  return post("/api/pictures", {rng.choice(["promt", "path", "__proto__", "output", "file", "a" * 10_000]): "x"}), {400}


def media_type(rng):
  kind = rng.choice(
    ["text/plain", "application/x-www-form-urlencoded", "", "application", "image/png", "multipart/form-data", "*/*"])
  if rng.random() < 0.3:
    bomb = gzip.compress(b'{"prompt":"' + b"a" * 10_000_000 + b'"}')
    return post(rng.choice(POSTS), bomb,
                headers=[f"Content-Encoding: {rng.choice(['gzip', 'deflate', 'br', 'gzip, gzip'])}"]), {415}
  return post(rng.choice(POSTS), b'{"prompt":"a fox"}', kind), {415}


def method(rng):
  path = rng.choice(GETS + POSTS)
  name = rng.choice(["DELETE", "PUT", "PATCH", "PROPFIND", "OPTIONS"] + (["POST"] if path in GETS else ["GET"]))
  return get(path, method=name), {405}


def path(rng):
  return get(
    rng.choice([
      "/../../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/../../etc/passwd", "/page.html/..",
      "//etc/passwd", "/api/models/x", "/.git/config", "/%00", "/%ff%fe", "/%", "/api\\models", "/v1/models/../../etc",
      "/sdapi/v1/nothing", "/favicon.png", "/" + "a/" * 500, "/nothing?" + "a=b&" * 500
    ])), {400, 404}


def host(rng):
  if rng.random() < 0.2:
    return rng.choice([(get("http://evil.example/api/models"), {421}),
                       (get("http://127.0.0.1/", host="evil.example", headers=["Host: 127.0.0.1"]), {400}),
                       (get("/", ["Host: evil.example"]), {400}), (get("//evil.example/", host="evil.example"), {421})])
  return get(rng.choice(GETS),
             host=rng.choice([
               "evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "10.0.0.1", "[::2]", "0x7f.1", "2130706433",
               "127.1", "evil.example:7860"
             ])), {421}


def origin(rng):
  headers = rng.choice([["Origin: http://evil.example"], ["Origin: null"], ["Origin: https://127.0.0.1.evil.example"],
                        ["Sec-Fetch-Site: cross-site"], ["Origin: http://127.0.0.1:1"], ["Sec-Fetch-Site: same-site"],
                        ["Origin: file://"], ["Origin: http://evil.example", f"Origin: http://{HOST}"]])
  return rng.choice([
    get("/api/models", headers),
    get("/metrics", headers),
    post("/api/pictures", {"prompt": "a fox"}, headers=headers),
    post("/v1/images/generations", {"prompt": "a fox"}, headers=headers),
    get("/api/pictures", [*headers, "Access-Control-Request-Method: POST"], method="OPTIONS")
  ]), {403}


def chunk(kind, data):
  return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data, color=2, extra=b""):
  header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
  return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


GOOD = png(8, 8, zlib.compress(b"\0" * 25 * 8))
ZEROS = zlib.compress(b"\0" * 20_000_000, 9)
# A good picture with a text of 300 MB, which nobody has to read.
TEXT_BOMB = png(8, 8, zlib.compress(b"\0" * 25 * 8), extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 300_000_000, 9)))


def hostile_picture(rng):
  if rng.random() < 0.05:
    return post("/api/pictures", {"prompt": "a fox", "steps": 1, "image": base64.b64encode(TEXT_BOMB).decode()}), {200, 400}
  jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\1\x22\0\2\x11\1\3\x11\1"
  bad = rng.choice([
    png(60_000, 60_000, ZEROS), png(2**31 - 1, 2**31 - 1, ZEROS[:100]), png(0, 8, ZEROS[:50]), png(20_000, 1, ZEROS[:1000]),
    GOOD[:rng.randint(1, len(GOOD) - 13)], png(8, 8, rng.randbytes(100)), png(8, 8, b""), GOOD[:8] + rng.randbytes(300),
    jpeg + rng.randbytes(100), b"\xff\xd8\xff" + rng.randbytes(500), b"RIFF\xff\xff\xff\xffWEBPVP8L" + rng.randbytes(60),
    b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", b"GIF89a" + rng.randbytes(30), b"<svg/>"])
  text = base64.b64encode(bad).decode()
  text = rng.choice([
    text, "data:image/png;base64," + text, "data:image/png," + text, "@@@", "data:;base64,", "file:///etc/passwd",
    "http://127.0.0.1/x.png"])
  field = rng.choice([{"image": text}, {"image": base64.b64encode(GOOD).decode(), "mask": text}])
  return post("/api/pictures", {"prompt": "a fox", **field}), {400}


def too_large(rng):
  return post(rng.choice(POSTS), b"{", length=rng.choice([LIMIT + 1, 10**12, 2**63 - 1])), {413}


def nesting(rng):
  depth = rng.choice([600, 5000, 100_000])
  return post(rng.choice(POSTS), rng.choice([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])), {400, 422}


def expectation(rng):
  return post("/api/notes", {"prompt": "a fox"}, headers=[rng.choice(["Expect: the-spanish-inquisition",
                                                                      "Expect: 200-ok"])]), {417}


def cut_body(rng):
  return post(rng.choice(POSTS), b'{"prompt":', length=rng.randint(20, 5000)), NO


def query(rng):
  return get("/api/words?" +
             rng.choice(["model=%00", "model=../../etc", "model=" +
                         "x" * 5000, "model=%ff%fe", "model=a&model=b", "model=%zz"])), {400, 404}


def only(described):
  """Leaves out the paths that an OpenAPI description does not have."""
  for paths, name in ((POSTS, "post"), (GETS, "get")):
    paths[:] = [path for path in paths if name in described["paths"].get(path, {})]


KINDS = [
  garbage,
  request_line,
  no_host,
  lengths,
  smuggling,
  chunks,
  huge_header,
  many_headers,
  header_bytes,
  malformed_json,
  types,
  ranges,
  long_texts,
  unknown_fields,
  media_type,
  method,
  path,
  host,
  origin,
  hostile_picture,
  too_large,
  nesting,
  expectation,
  cut_body,
  query,
]
