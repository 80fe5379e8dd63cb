"""The pipeline of these tests, in the sandbox of the worker's unit. What it does is told by the
instruction: `wait NAME` until the test makes go/NAME, `tell VARIABLE` of its environment, or copy
the photo at once.
"""

import os
import pathlib
import shutil
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from protocol import EditError, serve  # noqa: E402


class Slow:
    models = ["slow"]

    def load(self, model):
        pass

    def edit(self, request, progress):
        verb, _, name = request.instruction.partition(" ")
        if verb == "tell":
            raise EditError("told", os.environ.get(name, "nothing"))
        progress(1, 2)
        while verb == "wait" and not (HERE / "go" / name).exists():
            time.sleep(0.02)
        shutil.copyfile(request.image, request.output)
        progress(2, 2)


serve(Slow())
