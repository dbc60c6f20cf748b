#!/usr/bin/env python3
"""Uses the server's page in Chromium as people do: draws, cancels, reloads, paints, hovers, compares.

    python3 Tests/server/browser.py URL [FOLDER]     screenshots go into FOLDER

Needs selenium, Chromium and its driver; Tests/server/browser brings them. The server must have a model that reads words
and has classes, the bundled one for example.
"""
import os
import sys
import unittest

from browser_drawing import DrawingTests
from browser_page import Page, PageTests
from browser_start import StartTests
from browser_use import UseTests
from browser_words import WordsTests


class WholeRunTests(PageTests):
    """What holds for all that went before."""

    def test_nothing_was_asked_of_another_host_and_nothing_went_wrong(self):
        self.page.collect()
        self.assertGreater(len(self.page.requests), 3)
        self.assertEqual([each for each in self.page.requests if not each.startswith((self.page.url, "data:", "blob:", "about:"))], [])
        self.assertEqual(self.page.problems, [])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: browser.py URL [FOLDER-FOR-SCREENSHOTS]")
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    if folder:
        os.makedirs(folder, exist_ok=True)
    wanted = os.environ.get("ONLY")  # Part of a test's name.
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{wanted}*"] if wanted else None
    suite = unittest.TestSuite(map(
        loader.loadTestsFromTestCase, [DrawingTests, StartTests, WordsTests, UseTests, WholeRunTests]))
    PageTests.page = Page(sys.argv[1].rstrip("/") + "/", folder)
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        PageTests.page.driver.quit()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)


if __name__ == "__main__":
    main()
