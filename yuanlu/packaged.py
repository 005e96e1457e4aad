"""Files that travel inside the package: words, tables, codes. The only reader of them."""

from __future__ import annotations

from importlib.resources import files


def text(path: str) -> str:
    """The text of a file, named from the package's root: `channels/data/codes.toml`."""
    return files("yuanlu").joinpath(path).read_text(encoding="utf-8")


def names(folder: str, suffix: str) -> list[str]:
    """The names of the files of a folder that end so, sorted."""
    return sorted(each.name for each in files("yuanlu").joinpath(folder).iterdir() if each.name.endswith(suffix))
