"""Pictures of the page: how they form, are cancelled, wait, and are kept."""
import hashlib
import json
import re
import time
import urllib.request

from selenium.webdriver import Keys

from browser_page import PageTests


class DrawingTests(PageTests):
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
            queue = json.load(urllib.request.urlopen(page.url + "api/queue"))
            if queue == {"waiting": 0, "drawing": 0}:
                break
            time.sleep(0.1)
        self.assertEqual(queue, {"waiting": 0, "drawing": 0})
        self.assertEqual(page.kept(), [])

    def test_the_place_in_the_queue_is_said(self):
        page = self.page
        other = page.post("api/pictures", {"prompt": "a whale", "size": "256x256", "steps": 100})
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
