#!/usr/bin/env python3
"""Uses the server's page in Chromium as people do: draws, cancels, reloads, paints, hovers, compares.

    python3 Tests/server/browser.py URL [FOLDER]     screenshots go into FOLDER

Needs selenium, Chromium and its driver; Tests/server/browser brings them. The server must have a model that reads words
and has classes, the bundled one for example.
"""
import base64
import hashlib
import json
import os
import re
import statistics
import struct
import sys
import tempfile
import time
import unittest
import urllib.request
import zlib

from selenium.webdriver import ActionChains, Keys

from browser_page import PATIENCE, SIZES, Page

url = ""
folder = None


def post(path, fields):
    body = json.dumps(fields).encode()
    return urllib.request.urlopen(urllib.request.Request(url + path, body, {"Content-Type": "application/json"}), timeout=PATIENCE)


def png(width, height, colour):
    """A picture of one colour with a darker left half."""
    dark = bytes(value // 2 for value in colour)
    rows = (b"\0" + dark * (width // 2) + bytes(colour) * (width - width // 2)) * height
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)


class BrowserTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = Page(url, folder)

    @classmethod
    def tearDownClass(cls):
        cls.page.driver.quit()

    def setUp(self):
        self.page.resize(1280)
        self.page.fresh()

    def tearDown(self):
        self.page.collect()
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            self.page.screenshot(f"failed-{self._testMethodName}")

    # --- drawing ---

    def test_a_picture_forms_step_by_step(self):
        page = self.page
        page.type("a red fox in snow")
        page.quick("192x208", 8, 5)
        page.js("""
          window.seen = { images: new Set(), states: new Set() };
          new MutationObserver(changes => {
            for (const { target, oldValue } of changes) {
              if (target.tagName === 'IMG' && target.closest('.tile')) seen.images.add(oldValue).add(target.src);
              if (target.id === 'status') seen.states.add(target.textContent);
            }
          }).observe(document.body, { subtree: true, childList: true, attributeFilter: ['src'], attributeOldValue: true });""")
        page.find("#prompt").send_keys(Keys.CONTROL, Keys.ENTER)
        page.wait("progress", "document.getElementById('cancel').firstChild.style.width > '0%'")
        page.wait("a picture", "document.querySelector('#detail a[download]')")
        page.finished()
        images, states = page.js("return [[...seen.images], [...seen.states]]")
        self.assertGreaterEqual(len([each for each in images if each and each.startswith("data:image/")]), 3, "pictures on the way")
        self.assertTrue(any(re.match(r"Step [1-7] of 8", state) for state in states), states)
        self.assertTrue(any(" left" in state for state in states), states)
        image = page.find(".frame img")
        self.assertEqual([image.get_property("naturalWidth"), image.get_property("naturalHeight")], [192, 208])
        link = page.find("#detail a[download]")
        self.assertEqual((link.get_attribute("download"), link.get_attribute("href")[:5]), ("a-red-fox-in-snow.png", "blob:"))
        record, = page.kept()
        self.assertIn(b"a red fox in snow", record["png"])
        self.assertIn(b"Seed: 5", record["png"])
        self.assertEqual(record["words"], ["a", "red", "fox", "in", "snow"])

    def test_again_draws_the_same_and_vary_another(self):
        page = self.page
        page.type("an owl")
        page.quick("64x64", 3)
        page.draw()
        page.finished()
        for name in ("Again", "Vary", "Use as start"):
            page.action(name)
            if name == "Vary":
                self.assertFalse(page.find("#started").is_displayed(), "the form stays as it is")
            if name == "Use as start":
                page.find("#draw").click()
            page.wait("drawing to begin", "!document.getElementById('cancel').hidden", 5)
            page.finished()
        first, again, varied, started = page.kept()
        self.assertEqual(page.pixels(started["start"]), page.pixels(varied["png"]), "from the picture that was shown")
        self.assertEqual(hashlib.sha256(first["png"]).digest(), hashlib.sha256(again["png"]).digest())
        self.assertNotEqual(first["seed"], varied["seed"])
        self.assertEqual(page.pixels(varied["start"]), page.pixels(again["png"]), "it starts from the picture as it is")
        self.assertEqual((varied["settings"]["strength"], varied["settings"]["prompt"]), (0.6, "an owl"))

    def test_several_pictures_have_seeds_counting_up(self):
        page = self.page
        page.type("a cat")
        page.quick(seed=4294967290)
        page.find("#more-pictures").click()
        page.find("#more-pictures").click()
        page.draw()
        page.finished()
        self.assertEqual(sorted(each["seed"] for each in page.kept()), [4294967290, 4294967291, 4294967292])
        page.all(".tile")[2].click()
        self.assertIn("seed 4294967292", page.text("#detail .meta"))

    def test_escape_cancels_and_the_server_stops(self):
        page = self.page
        page.type("a red fox in snow")
        page.quick("512x512", 200)
        page.draw()
        page.wait("a step", "document.getElementById('status').textContent.startsWith('Step')")
        page.find("body").send_keys(Keys.ESCAPE)
        page.finished()
        self.assertEqual(page.text("#status"), "Cancelled")
        self.assertFalse(page.js("return document.getElementById('draw').hidden"))
        for _ in range(100):
            queue = json.load(urllib.request.urlopen(url + "api/queue"))
            if queue == {"waiting": 0, "drawing": 0}:
                break
            time.sleep(0.1)
        self.assertEqual(queue, {"waiting": 0, "drawing": 0})
        self.assertEqual(page.kept(), [])

    def test_the_place_in_the_queue_is_said(self):
        page = self.page
        other = post("api/pictures", {"prompt": "a whale", "size": "256x256", "steps": 100})
        for line in other:
            if line.startswith(b"event: step"):
                break
        try:
            page.type("a cat")
            page.quick("64x64", 2)
            page.draw()
            page.wait("the place", "/^1 picture is drawn before yours/.test(document.getElementById('status').textContent)", 10)
        finally:
            other.close()
        page.finished()

    # --- history ---

    def test_history_survives_a_reload(self):
        page = self.page
        for prompt, seed in (("a cat", 1), ("a dog", 2)):
            page.type(prompt)
            page.quick(seed=seed)
            page.draw()
            page.finished()
        page.open()
        page.wait("the history", "document.querySelectorAll('#past button').length === 2", 10)
        page.find("#past li:nth-child(2) button").click()
        self.assertIn("seed 1 ", page.text("#detail .meta"))
        self.assertEqual(page.text("#detail .caption").strip(), "a cat")
        page.wait("the picture", "document.querySelector('.frame img.seen').naturalWidth === 64", 5)
        page.action("Delete")
        time.sleep(0.5)
        page.open()
        page.wait("one picture", "document.querySelectorAll('#past button').length === 1", 10)
        page.find("#forget").click()
        self.assertIn("Delete all 1?", page.text("#forget"))
        page.find("#forget").click()
        page.wait("nothing", "document.querySelectorAll('#past button').length === 0", 10)
        page.open()
        time.sleep(0.5)
        self.assertEqual(page.js("return document.querySelectorAll('#past button').length"), 0)

    def test_without_storage_it_still_draws(self):
        page = self.page
        script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
          Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('forbidden', 'SecurityError'); } });
          Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('forbidden', 'SecurityError'); } });"""})
        try:
            page.open()
            page.type("a cat")
            page.quick()
            page.draw()
            page.finished()
            self.assertEqual(len(page.all("#past button")), 1)
            self.assertIn("keeps nothing", page.text("#past-note"))
        finally:
            page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)

    # --- start pictures and masks ---

    def start_from_file(self, data, name="start.png"):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, name)
            with open(path, "wb") as file:
                file.write(data)
            self.page.find("#file").send_keys(path)
            self.page.wait("the picture", "document.querySelector('#drop[hidden], #start-wrong:not(:empty)')", 10)

    def test_a_mask_is_painted_and_the_rest_stays(self):
        page = self.page
        self.start_from_file(png(128, 128, (90, 160, 220)))
        page.set("size", "128x128")
        page.find("#paint").click()
        mask = page.find("#mask")
        page.js("const b = document.getElementById('brush'); b.value = 40; b.dispatchEvent(new Event('input'))")
        stroke = ActionChains(page.driver).move_to_element_with_offset(mask, -20, 0).click_and_hold()
        stroke.move_by_offset(20, 0).move_by_offset(20, 0).release().perform()
        page.screenshot("mask")
        page.find("#painted").click()
        self.assertEqual(page.find("#strength").get_property("value"), "100")
        page.type("a red apple")
        page.set("steps-number", 5)
        page.draw()
        page.finished()
        record, = page.kept()
        (_, _, start), (_, _, white), (width, _, drawn) = (page.pixels(record[name]) for name in ("start", "mask", "png"))
        at = lambda values, x, y: values[4 * (y * width + x):][:3]
        self.assertEqual((at(white, 64, 64), at(white, 5, 5)), ([255, 255, 255], [0, 0, 0]))
        self.assertTrue(set(white[0::4]) >= {0, 255} and all(value == 255 for value in white[3::4]))
        for x, y in ((2, 2), (125, 2), (2, 125), (125, 125)):
            self.assertEqual(at(drawn, x, y), at(start, x, y), f"at {x}, {y}")
        changed = sum(abs(at(drawn, x, 64)[c] - at(start, x, 64)[c]) for x in range(50, 78) for c in range(3))
        self.assertGreater(changed, 300, "the hole is drawn anew")

    def test_the_mask_is_erased_inverted_cleared_and_undone_by_keys(self):
        page = self.page
        self.start_from_file(png(100, 66, (200, 120, 80)))
        self.assertEqual(page.find("#size").get_property("value"), "320×208", "its shape, in the model's pixels")
        page.find("#paint").send_keys(Keys.ENTER)
        painted = """const c = document.getElementById('mask');
          const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
          return data.filter((v, i) => i % 4 === 3 && v > 127).length / c.width / c.height"""
        mask = page.driver.switch_to.active_element
        self.assertEqual(mask.get_attribute("id"), "mask")
        mask.send_keys(" ")
        one = page.js(painted)
        self.assertTrue(0.01 < one < 0.2, one)
        mask.send_keys(Keys.ARROW_RIGHT * 12, " ")
        self.assertGreater(page.js(painted), 1.5 * one)
        mask.send_keys(Keys.CONTROL, "z")
        self.assertAlmostEqual(page.js(painted), one, delta=0.002)
        mask.send_keys("i")
        self.assertAlmostEqual(page.js(painted), 1 - one, delta=0.02)
        mask.send_keys("e", " ")
        self.assertLess(page.js(painted), 1 - 1.5 * one)
        page.find("#clear").click()
        self.assertEqual(page.js(painted), 0)
        page.find("body").send_keys(Keys.ESCAPE)
        self.assertEqual(page.text("#paint"), "Mask", "an empty mask is none")

    def test_pictures_are_dropped_and_pasted(self):
        page = self.page
        for kind in ("drop", "paste"):
            page.driver.execute_async_script("""
              const [kind, data, done] = arguments, transfer = new DataTransfer();
              transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], 'a.png', { type: 'image/png' }));
              const options = { bubbles: true, cancelable: true };
              document.getElementById('prompt').dispatchEvent(kind === 'drop'
                ? new DragEvent('drop', { ...options, dataTransfer: transfer })
                : new ClipboardEvent('paste', { ...options, clipboardData: transfer }));
              setTimeout(done, 300);""", kind, base64.b64encode(png(40, 80, (9, 99, 9))).decode())
            self.assertTrue(page.find("#started").is_displayed(), kind)
            self.assertEqual(page.find("#size").get_property("value"), "192×384", kind)
            page.find("#unstart").click()
            self.assertTrue(page.find("#drop").is_displayed())
        self.start_from_file(b"no picture", "notes.png")
        self.assertIn("notes.png is not a picture", page.text("#start-wrong"))

    # --- words ---

    def test_hovering_a_word_shows_where_the_picture_looked(self):
        page = self.page
        page.type("a red fox in snow")
        page.quick("192x192", 8, 3)
        page.draw()
        page.finished()
        heat = """const c = document.querySelector('.heat');
          const a = [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 === 3);
          return [c.width, c.height, Math.min(...a), Math.max(...a), getComputedStyle(c).opacity]"""
        words = {each.text: each for each in page.all(".word")}
        maps = {}
        for name in ("fox", "snow"):
            ActionChains(page.driver).move_to_element(words[name]).perform()
            page.wait("the heat map", "getComputedStyle(document.querySelector('.heat')).opacity === '1'", 5)
            width, height, least, most, _ = page.js(heat)
            self.assertEqual((width, height), (12, 12))
            self.assertGreater(most - least, 60, "places differ")
            maps[name] = page.js("return document.querySelector('.heat').toDataURL()")
            page.screenshot(f"heat-{name}")
        self.assertNotEqual(maps["fox"], maps["snow"])
        ActionChains(page.driver).move_to_element(page.find("h1")).perform()
        page.wait("no heat map", "getComputedStyle(document.querySelector('.heat')).opacity === '0'", 5)
        words["fox"].send_keys(Keys.ENTER)  # By keys, and it stays.
        page.find("#seed").click()
        time.sleep(0.3)
        self.assertEqual(page.js(heat)[4], "1")
        self.assertRegex(words["fox"].get_attribute("aria-label"), r"^fox: [\d.]+ % of where the picture looked, mostly ")

    def test_known_words_are_completed_and_unknown_ones_marked(self):
        page = self.page
        prompt = page.find("#prompt")
        prompt.send_keys("a peng")
        self.assertEqual(page.text("#copy .ghost"), "uin")
        self.assertIn("penguin", page.text(".list:not([hidden])"))
        prompt.send_keys(Keys.TAB)
        prompt.send_keys(" and a zorblax on a mou")
        self.assertEqual([each.text for each in page.all("#copy .unknown")], ["zorblax"])
        options = [each.text.split("\n")[0] for each in page.all(".list:not([hidden]) li")]
        prompt.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        active = prompt.get_attribute("aria-activedescendant")
        self.assertEqual(page.find(f"#{active}").get_attribute("aria-selected"), "true")
        prompt.send_keys(Keys.ENTER)
        self.assertEqual(prompt.get_attribute("value"), "a penguin and a zorblax on a " + options[1])
        page.wait("the note", "/zorblax/.test(document.getElementById('notes').textContent)", 10)
        self.assertNotIn("penguin", page.text("#notes"))
        prompt.send_keys(" fox")  # A whole word: Tab goes on to the next field.
        prompt.send_keys(Keys.TAB)
        self.assertTrue(prompt.get_attribute("value").endswith(" fox"))
        self.assertNotEqual(page.driver.switch_to.active_element, prompt)

    def test_a_class_is_searched(self):
        page = self.page
        field = page.find("#class")
        field.send_keys("lock")
        names = [each.text for each in page.all(".list:not([hidden]) li")]
        self.assertIn("alarm clock", names)
        self.assertTrue(all("lock" in name for name in names))
        page.all(".list:not([hidden]) li")[names.index("alarm clock")].click()
        page.quick()
        page.draw()
        page.finished()
        self.assertEqual(page.kept()[0]["settings"]["class"], "alarm clock")
        page.set("class", "no such thing")
        self.assertIn("no class", page.text("#class-wrong"))
        self.assertEqual(field.get_attribute("aria-invalid"), "true")

    def test_class_against_text(self):
        page = self.page
        page.find("input[value=compare]").click()
        page.type("a penguin on the moon")
        page.find("#draw").click()
        self.assertIn("Choose a class", page.text("#wrong"))
        page.set("class", "penguin")
        page.quick("96x96", 4)
        page.set("count", 2)
        page.draw()
        page.finished()
        self.assertEqual(page.js("return [...document.querySelectorAll('.tile')].map(each => each.textContent)"),
                         ["words", "class", "both", "neither"] * 2)
        page.screenshot("compare")
        boxes = page.js("return [...document.querySelectorAll('.tile')].map(each => each.getBoundingClientRect().top)")
        self.assertEqual(len(set(boxes[:4])), 1, "side by side")
        kept = page.kept()
        ways = lambda each: (each["seed"], each["settings"].get("prompt"), each["settings"].get("class"))
        seed = min(each["seed"] for each in kept)
        self.assertEqual({ways(each) for each in kept}, {
            (seed + i, text, label) for i in range(2) for text in ("a penguin on the moon", None) for label in ("penguin", None)})
        self.assertEqual(len({each["png"] for each in kept}), 8, "eight pictures that differ")

    # --- teaching ---

    def test_a_thing_is_taught_and_drawn_by_its_word(self):
        page = self.page
        page.find("#teach").click()
        page.find("#teach-go").click()
        self.assertIn("Say what prompts", page.text("#teach-wrong"))
        page.find("#word").send_keys("my wuggle")
        with tempfile.TemporaryDirectory() as place:
            for name, colour in (("blue.png", (20, 60, 200)), ("orange.png", (230, 120, 20)), ("wrong.png", None)):
                with open(os.path.join(place, name), "wb") as file:
                    file.write(png(700, 500, colour) if colour else b"no picture")
                page.find("#lesson-files").send_keys(file.name)
            page.wait("two pictures", "document.querySelectorAll('#lessons button').length === 2", 10)
            self.assertIn("wrong.png is not a picture", page.text("#teach-wrong"))
            page.set("minutes", 0.1)
            # Which are a hundred samples at least.
            page.js(
                "const send = fetch; window.fetch = (path, options) => { if (options.body instanceof FormData) {"
                " options.body.delete('minutes'); options.body.append('samples', '12') } return send(path, options) }")
            page.find("#teach-go").click()
            page.wait("steps", "/loss/.test(document.getElementById('teach-status').textContent)", 120)
            page.find("#teach-end").click()
            page.wait("the end", "/^Ended/.test(document.getElementById('teach-status').textContent)", 60)
            page.find("#teach-go").click()
            page.wait(
                "the sheet", "!document.getElementById('teach-draw').hidden && document.querySelector('#taught img').naturalWidth",
                600)
        page.screenshot("taught")
        page.find("#teach-draw").click()
        page.finished()
        self.assertEqual(page.all("#copy .unknown"), [], "it knows the word")
        self.assertEqual(page.kept()[0]["settings"]["prompt"], "a my wuggle in snow")
        page.wait("the note", "/drawn with the LoRA my-wuggle/.test(document.getElementById('notes').textContent)", 10)

    # --- keyboard, screen reader, errors ---

    def test_drawing_by_keyboard_alone(self):
        page = self.page
        active = lambda: page.driver.switch_to.active_element
        self.assertEqual(active().get_attribute("id"), "prompt")
        active().send_keys("a dog")
        visited = []
        for _ in range(40):
            active().send_keys(Keys.TAB)
            visited.append(active().get_attribute("id"))
            style = page.js("const s = getComputedStyle(document.activeElement); return s.outlineStyle")
            self.assertNotEqual(style, "none", f"focus cannot be seen on {visited[-1]}")
            if visited[-1] == "size":
                active().send_keys(Keys.CONTROL, "a")
                active().send_keys("64")
            elif visited[-1] == "steps-number":
                active().send_keys(Keys.CONTROL, "a")
                active().send_keys("2")
            elif visited[-1] == "draw":
                break
        for name in ("class", "size", "seed", "count", "steps", "guidance", "negative", "drop", "draw"):
            self.assertIn(name, visited)
        active().send_keys(Keys.ENTER)
        page.wait("drawing to begin", "!document.getElementById('cancel').hidden", 5)
        page.finished()
        self.assertEqual(active().get_attribute("id"), "draw", "the focus comes back")
        self.assertIn("Drawn in", page.text("#spoken"))
        record, = page.kept()
        self.assertEqual((record["size"], record["settings"]["steps"], record["settings"]["prompt"]), ([64, 64], 2, "a dog"))

    def test_everything_has_a_name(self):
        page = self.page
        page.type("a dog")
        page.quick()
        page.draw()
        page.finished()
        self.start_from_file(png(64, 64, (1, 2, 3)))
        page.find("#more summary").click()
        nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        value = lambda node, name: node.get(name, {}).get("value", "")
        can_focus = lambda each: each["name"] == "focusable" and each["value"].get("value")
        focusable = [node for node in nodes if any(map(can_focus, node.get("properties", [])))]
        names = [value(node, "name") for node in focusable if value(node, "role") not in ("RootWebArea", "generic")]
        self.assertGreater(len(names), 20)
        self.assertNotIn("", names)
        live = page.js("return document.getElementById('spoken').getAttribute('aria-live')")
        self.assertEqual(live, "polite")

    def test_the_servers_errors_stand_in_one_line(self):
        page = self.page
        page.type("a dog")
        page.quick(steps=999)
        page.find("#draw").click()
        page.wait("the refusal", "/steps.*999/.test(document.getElementById('wrong').textContent)", 10)
        self.assertEqual(page.text("#status"), "")
        self.assertFalse(page.js("return document.getElementById('draw').hidden"))

    def test_a_key_is_asked_for_and_kept_for_the_tab(self):
        page = self.page
        script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
          const real = window.fetch;
          window.fetch = (path, options) => options?.headers?.Authorization === 'Bearer right' ? real(path, options)
            : Promise.resolve(new Response('{"error":{"message":"a key is needed"}}', { status: 401 }));"""})
        try:
            page.driver.get(url)
            page.wait("the question", "document.getElementById('key-dialog').open", 10)
            page.find("#key").send_keys("wrong" + Keys.ENTER)
            page.wait("the answer", "document.getElementById('key-wrong').textContent", 10)
            page.find("#key").send_keys("right" + Keys.ENTER)
            page.wait("models", "document.getElementById('sampler').value", 10)
            page.open()
            self.assertFalse(page.js("return document.getElementById('key-dialog').open"))
        finally:
            page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)

    # --- looks ---

    def test_every_control_fits_on_a_laptop(self):
        page = self.page
        self.start_from_file(png(64, 64, (1, 2, 3)))
        page.find("#more summary").click()
        page.type("a zorblax")
        page.wait("the note", "document.getElementById('notes').textContent", 10)
        outside = page.js("""
          return [...document.querySelectorAll('button, input, select, textarea, summary')].filter(each => each.checkVisibility()
            && !each.matches('[type=file]')).filter(each => {
            const box = each.getBoundingClientRect(), bar = document.querySelector('.bar');
            const isCovered = each.closest('#form') && !bar.contains(each) && box.bottom > bar.getBoundingClientRect().top + 8;
            return box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth || isCovered;
          }).map(each => each.id || each.textContent)""")
        self.assertEqual(outside, [])
        form = page.find("#form")
        self.assertEqual(form.get_property("scrollHeight"), form.get_property("clientHeight"), "nothing is scrolled")

    def test_no_scrolling_sideways_and_screenshots(self):
        page = self.page
        page.type("a red fox in snow")
        page.quick("256x256", 12, 5)
        page.draw()
        page.finished()
        wide = "return [document.documentElement.scrollWidth - innerWidth, scrollX]"
        for width in SIZES:
            for dark in (False, True):
                page.resize(width, dark)
                page.open()
                page.wait("the picture", "document.querySelector('.frame img.seen') && document.querySelector('.word')", 10)
                time.sleep(0.4)
                self.assertEqual(page.js(wide), [0, 0], f"{width} pixels")
                page.screenshot(f"{width}-{'dark' if dark else 'light'}")
        page.resize(390)
        page.open()
        for selector in ("#fold", "input[value=compare]", "#more summary"):
            page.find(selector).click()
            self.assertEqual(page.js(wide)[0], 0, selector)
        page.screenshot("390-settings")
        paper = []
        for dark in (False, True):
            page.resize(390, dark)
            paper.append(page.js("return getComputedStyle(document.documentElement).backgroundColor"))
        self.assertNotEqual(*paper)

    def test_the_first_paint_is_quick_and_the_page_small(self):
        page = self.page
        paint = lambda address: (page.driver.get(address), page.wait(
            "a paint", "performance.getEntriesByName('first-contentful-paint')[0]?.startTime", 20))[1]
        for _ in range(5):
            times = [paint(url) for _ in range(5)]
            if statistics.median(times) < 100:
                break
        took = statistics.median(times)
        print(f"first paint {took:.0f} ms", file=sys.stderr)
        if took >= 100:  # Others take the processor: what an empty page takes is theirs.
            took -= statistics.median([paint("data:text/html,<p>nothing") for _ in range(5)])
            print(f"{took:.0f} ms more than an empty page", file=sys.stderr)
        self.assertLess(took, 100, sorted(times))
        self.assertLess(len(urllib.request.urlopen(url).read()), 150_000)

    def test_z_nothing_was_asked_of_another_host_and_nothing_went_wrong(self):
        self.page.collect()
        self.assertGreater(len(self.page.requests), 3)
        self.assertEqual([each for each in self.page.requests if not each.startswith((url, "data:", "blob:", "about:"))], [])
        self.assertEqual(self.page.problems, [])


def main():
    global url, folder
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: browser.py URL [FOLDER-FOR-SCREENSHOTS]")
    url = sys.argv[1].rstrip("/") + "/"
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    if folder:
        os.makedirs(folder, exist_ok=True)
    wanted = os.environ.get("ONLY")  # Part of a test's name.
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{wanted}*"] if wanted else None
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromTestCase(BrowserTests))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)


if __name__ == "__main__":
    main()
