"""Pictures to start from, and masks."""
import base64

from selenium.webdriver import ActionChains, Keys

from browser_page import PageTests, png


class StartTests(PageTests):
    def test_a_mask_is_painted_and_the_rest_stays(self):
        page = self.page
        page.start_from_file(png(128, 128, (90, 160, 220)))
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
        page.start_from_file(png(100, 66, (200, 120, 80)))
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
        page.start_from_file(b"no picture", "notes.png")
        self.assertIn("notes.png is not a picture", page.text("#start-wrong"))
