#!/usr/bin/env python3
"""Fails when the table of traps in tests/README.md names a test or a check that is not there."""
import pathlib
import re
import sys

HEADING = "## What goes wrong"


def text_of(root, *patterns):
    return "\n".join(path.read_text(errors="replace") for pattern in patterns
                     for path in sorted(root.glob(pattern)))


def complaints(root):
    readme = (root / "tests/README.md").read_text()
    if HEADING not in readme:
        yield f"tests/README.md: no \"{HEADING}\""
        return
    table = readme[readme.index(HEADING):]
    tests = text_of(root, "tests/*/*.c", "tests/*/CMakeLists.txt")
    checks = text_of(root, "agent/**/*.c", "sql/profiles/*/profile.xml")
    for name in sorted(set(re.findall(r"`([a-z][a-z_0-9]+_[a-z_0-9]+)`", table))):
        if not re.search(rf"\b{name}\b", tests):
            yield f"tests/README.md: no test is called {name}"
    for name in sorted(set(re.findall(r"\b(?:DB|CONF)-[A-Z-]+\b", table))):
        if f'"{name}"' not in checks:
            yield f"tests/README.md: no check is called {name}"


def main():
    found = list(complaints(pathlib.Path(sys.argv[1])))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
