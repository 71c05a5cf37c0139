"""C source for lints: the text without comments and literals, line for line, and its includes."""

import os
import re

TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", re.M)
ENDINGS = (".c", ".h", ".cc")


def files(*folders):
    """Every C source in the folders, in order."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(folder):
            found += [os.path.join(place, name) for name in names if name.endswith(ENDINGS)]
    return sorted(found)


def read(file):
    with open(file, encoding="utf-8") as source:
        return source.read()


def bare(text):
    """The text with comments and literals blanked; line breaks stay where they are."""

    def blank(match):
        found = match.group(0)
        return re.sub(r"[^\n]", " ", found) if found[0] == "/" else found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]

    return TOKEN.sub(blank, text)


def line_at(text, at):
    return text.count("\n", 0, at) + 1


def includes(text):
    """(line, system, path) of each include."""
    code = TOKEN.sub(lambda m: m.group(0) if m.group(0)[0] in "\"'" else re.sub(r"[^\n]", " ", m.group(0)), text)
    for match in INCLUDE.finditer(code):
        yield line_at(code, match.start()), match.group(1) == "<", match.group(2)
