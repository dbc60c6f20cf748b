"""What the tests of clients share: the server, the command line and pictures."""

import base64
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import requests
from PIL import Image, ImageDraw

SERVER, PROGRAM = map(pathlib.Path, sys.argv[1:3])
folder = tempfile.TemporaryDirectory(prefix="dit-t2i-clients-")
work = pathlib.Path(folder.name)
tests = []
base = None  # The server's address, while it runs.


def test(function):
    tests.append(function)
    return function


def run(*arguments):
    subprocess.run([PROGRAM, *map(str, arguments)], check=True, cwd=work, stdout=subprocess.DEVNULL)


def drawn(*arguments, name="drawn.png"):
    """The bytes that the command line writes."""
    run(*arguments, "--model", work / "micro", "-o", name, "-q")
    return (work / name).read_bytes()


@contextlib.contextmanager
def serving():
    process = subprocess.Popen(
        [SERVER, "--port", "0", "--model", work / "micro", "--model", work / "other"], stdout=subprocess.PIPE,
        stderr=open(work / "server.log", "wb"), text=True, env={**os.environ, "DIT_T2I_LORA_FOLDER": str(work / "loras")})
    try:
        for line in process.stdout:
            if "http://" in line:
                yield "http://" + line.split("http://", 1)[1].split()[0].rstrip("/")
                break
        else:
            raise SystemExit("the server says no address:\n" + (work / "server.log").read_text())
    finally:
        assert process.poll() is None, "the server ended by itself:\n" + (work / "server.log").read_text()[-2000:]
        process.terminate()
        process.wait(60)


def queue():
    state = requests.get(f"{base}/api/queue", timeout=10).json()
    return state["waiting"] + state["drawing"]


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def data(image):
    return base64.b64decode(image.b64_json)


def source(mode="RGB", size=(64, 64), hole=None):
    """A picture of a square; where its hole is, it is transparent."""
    picture = Image.new(mode, size, (40, 90, 200, 255)[: len(mode)])
    ImageDraw.Draw(picture).rectangle((16, 20, 40, 50), (250, 210, 60, 255)[: len(mode)])
    if hole:
        ImageDraw.Draw(picture).rectangle(hole, (0, 0, 0, 0))
    return picture


def parameters(file):
    """The settings in a picture, a field a line, without the hash of a mask: it was made anew of the client's."""
    fields = opened(file).text["parameters"].split(", ")
    return [field for field in fields if not field.startswith("Mask SHA-256")]
