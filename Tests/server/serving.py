"""A server on a free port of 127.0.0.1, over a model of random weights, in folders of its own."""

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
from pathlib import Path


class Server:

  def __init__(self, program, server, work, *options, model="micro", env=None):
    self.work = Path(work)
    self.folders = {name: self.work / name for name in ("cwd", "tmp", "home")}
    for folder in self.folders.values():
      folder.mkdir(exist_ok=True)
    if model == "micro":
      model = self.work / "micro"
      if not model.exists():
        subprocess.run([program, "new", "--config", "micro", model, "--quiet"], check=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    self.log = open(self.work / "server.log", "a+")
    environment = {**os.environ, "TMPDIR": str(self.folders["tmp"]), "HOME": str(self.folders["home"]), **(env or {})}
    self.process = subprocess.Popen([server, "--port", "0", "--model", model, *options],
                                    cwd=self.folders["cwd"],
                                    env=environment,
                                    stdout=subprocess.PIPE,
                                    stderr=self.log,
                                    text=True)
    line = self.process.stdout.readline()
    if not line.startswith("listening on http://"):
      self.process.wait()
      raise SystemExit(f"the server did not start: {line}{self.log_text()}")
    self.port = int(line.rsplit(":", 1)[1])

  def log_text(self):
    return (self.work / "server.log").read_text()

  def request(self, method, path, body=None, headers=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
    try:
      if isinstance(body, (dict, list)):
        body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
      connection.request(method, path, body, headers or {})
      answer = connection.getresponse()
      return answer.status, answer.headers, answer.read()
    finally:
      connection.close()

  def health(self):
    return json.loads(self.request("GET", "/health")[2])

  def metrics(self):
    """Each series' value by its name and labels."""
    text = self.request("GET", "/metrics")[2].decode()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

  @property
  def memory(self):
    for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
      if line.startswith("VmRSS:"):
        return int(line.split()[1]) / 1024

  @property
  def open_files(self):
    """What each descriptor is of."""
    folder, names = Path(f"/proc/{self.process.pid}/fd"), []
    for path in folder.iterdir():
      with contextlib.suppress(FileNotFoundError):  # closed since
        names.append(os.readlink(path))
    return sorted(names)

  def left_behind(self):
    return [str(path) for folder in self.folders.values() for path in folder.rglob("*")]

  def stop(self, wait=60):
    """Its exit status."""
    self.process.send_signal(signal.SIGTERM)
    try:
      return self.process.wait(wait)
    except subprocess.TimeoutExpired:
      self.process.kill()
      return "killed"
