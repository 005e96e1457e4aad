"""What the process has imported that commands are forked from (`forked.py`): all that a command may need."""

from importlib import import_module
from pkgutil import iter_modules

import yuanlu.app
import yuanlu.cli
import yuanlu.terminal

for room in (yuanlu.cli, yuanlu.terminal):
    for module in iter_modules(room.__path__, f"{room.__name__}."):
        import_module(module.name)
