"""Chromium with the server's page in it, and what the tests of browser.py share."""
import base64
import json
import os
import re
import shutil
import struct
import tempfile
import time
import unittest
import urllib.request
import zlib

from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

SIZES = {390: 844, 1280: 720, 1920: 1080}
# So long may something take that draws; the machine may be busy.
PATIENCE = float(os.environ.get("PATIENCE", 180))


class Page:
    def __init__(self, url, folder=None):
        self.url, self.folder = url, folder
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(PATIENCE)
        self.requests, self.problems = [], []
        self.resize(1280)

    def resize(self, width, dark=False):
        command = self.driver.execute_cdp_cmd
        command("Emulation.setDeviceMetricsOverride",
                {"width": width, "height": SIZES[width], "deviceScaleFactor": 1, "mobile": width < 600})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})

    def js(self, script, *values):
        return self.driver.execute_script(script, *values)

    def wait(self, what, condition, seconds=PATIENCE):
        """Until a JavaScript expression is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.js("return " + condition)
            if value:
                return value
            time.sleep(0.03)
        raise AssertionError(f"waited {seconds} s for: {what}")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def open(self):
        self.driver.get(self.url)
        self.wait("models", "document.getElementById('sampler').value && document.querySelector('.tile')", 20)

    def fresh(self):
        """As for somebody who was never here."""
        self.open()
        self.driver.execute_async_script("""
          const done = arguments[0];
          sessionStorage.clear();
          const request = indexedDB.open('dit-t2i', 1);
          request.onupgradeneeded = () => request.result.createObjectStore('pictures', { keyPath: 'id', autoIncrement: true });
          request.onsuccess = () => {
            const change = request.result.transaction('pictures', 'readwrite');
            change.objectStore('pictures').clear();
            change.oncomplete = () => { request.result.close(); done(); };
          };""")
        self.open()

    def set(self, name, value):
        field = self.find("#" + name)
        self.js("arguments[0].value = ''", field)
        field.send_keys(str(value) + Keys.TAB)

    def type(self, text):
        prompt = self.find("#prompt")
        prompt.send_keys(Keys.CONTROL, "a")
        prompt.send_keys(text)

    def quick(self, size="64x64", steps=2, seed=""):
        for name, value in (("size", size), ("steps-number", steps), ("seed", seed)):
            self.set(name, value)

    def draw(self):
        self.find("#draw").click()
        self.wait("drawing to begin", "!document.getElementById('cancel').hidden", 5)

    def finished(self):
        self.wait("drawing to end", "document.getElementById('cancel').hidden")
        self.refuse_errors()

    def refuse_errors(self):
        wrong = self.js("return [...document.querySelectorAll('.wrong')].map(each => each.textContent).filter(Boolean)")
        if wrong:
            raise AssertionError(f"the page says: {wrong}")

    def kept(self):
        """What the browser keeps, oldest first: settings, and pictures as bytes."""
        records = self.driver.execute_async_script("""
          const done = arguments[0], request = indexedDB.open('dit-t2i');
          const bytes = async blob => blob && [...new Uint8Array(await blob.arrayBuffer())];
          request.onsuccess = () => {
            const all = request.result.transaction('pictures').objectStore('pictures').getAll();
            all.onsuccess = async () => {
              request.result.close();
              done(await Promise.all(all.result.map(async ({ words, png, start, mask, ...rest }) => ({
                ...rest, words: words.map(word => word.text),
                png: await bytes(png), start: await bytes(start), mask: await bytes(mask) }))));
            };
          };""")
        for record in records:
            for name in ("png", "start", "mask"):
                record[name] = record[name] and bytes(record[name])
        return records

    def pixels(self, data):
        """Width, height and [r, g, b, a, …] of a picture, as the browser reads it."""
        return self.driver.execute_async_script("""
          const [text, done] = arguments, image = new Image();
          image.onload = () => {
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            done([image.width, image.height, [...context.getImageData(0, 0, image.width, image.height).data]]);
          };
          image.src = 'data:image/png;base64,' + text;""", base64.b64encode(data).decode())

    def action(self, name):
        self.find(f"#detail [data-name='{name}']").click()

    def collect(self):
        """Requests and complaints since the last time."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        # Chromium reports answers of 400, which one of the tests is about, and pixels that tests read.
        for entry in self.driver.get_log("browser"):
            if not re.search("/api/pictures.* 400 |willReadFrequently", entry["message"]):
                self.problems.append(entry["message"])

    def screenshot(self, name):
        if self.folder:
            self.driver.save_screenshot(os.path.join(self.folder, name + ".png"))

    def post(self, path, fields):
        request = urllib.request.Request(self.url + path, json.dumps(fields).encode(), {"Content-Type": "application/json"})
        return urllib.request.urlopen(request, timeout=PATIENCE)

    def start_from_file(self, data, name="start.png"):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, name)
            with open(path, "wb") as file:
                file.write(data)
            self.find("#file").send_keys(path)
            self.wait("the picture", "document.querySelector('#drop[hidden], #start-wrong:not(:empty)')", 10)


class PageTests(unittest.TestCase):
    """Tests on one page, which browser.py opens before the first of them."""
    page = None

    def setUp(self):
        self.page.resize(1280)
        self.page.fresh()

    def tearDown(self):
        self.page.collect()
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            self.page.screenshot(f"failed-{self._testMethodName}")


def png(width, height, colour):
    """A picture of one colour with a darker left half."""
    dark = bytes(value // 2 for value in colour)
    rows = (b"\0" + dark * (width // 2) + bytes(colour) * (width - width // 2)) * height
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
