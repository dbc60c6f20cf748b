"""What the page does with words: heat maps, completion, classes, teaching."""
import os
import tempfile
import time

from selenium.webdriver import ActionChains, Keys

from browser_page import PageTests, png


class WordsTests(PageTests):
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
