"""Published clients against the server; Tests/server/clients starts this with what it needs.

A picture that comes over an API has the bytes of the file that the command line writes.
"""

import contextlib
import sys
import traceback

import clients_shared as shared
from clients_shared import run, work

run("new", "--config", "micro", work / "micro")
run("new", "--config", "micro", "--seed", "4", work / "other")
(work / "loras").mkdir()
(work / "loras" / "fox.safetensors").touch()
passed, failed = 0, 0
with shared.serving() as shared.base:
    # Their clients have the address from the start.
    import clients_openai  # noqa: F401
    import clients_webui  # noqa: F401

    for function in shared.tests:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # webuiapi prints
                function()
            passed += 1
        except Exception:
            failed += 1
            print(f"{function.__name__} failed:", file=sys.stderr)
            traceback.print_exc()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
