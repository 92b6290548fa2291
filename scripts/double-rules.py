#!/usr/bin/env python3
"""Writes a rules file twice: as it is, and with other literals and sids.

  double-rules.py FILE.rules > DOUBLED.rules

For measuring what twice as many rules cost (exam.py bench --rules). The copy
has each letter and digit of its contents exchanged for a neighbour in order of
frequency, so that its literals are other ones, as long and about as common; its
sids are 1,000,000,000 higher. Negated contents, regular expressions and all
else stay. The same input gives the same output. Standard library only.
"""
import re
import sys

SIDS = 1_000_000_000
PAIRS = ("et", "ao", "in", "sr", "hl", "dc", "um", "fp", "gw", "yb", "vk", "xj", "qz", "01", "23", "45", "67", "89")
OTHER = {ord(a): ord(b) for x, y in PAIRS for a, b in ((x, y), (y, x), (x.upper(), y.upper()), (y.upper(), x.upper()))}

CONTENT = re.compile(r'\b((?:uri)?content\s*:\s*")((?:[^"\\]|\\.)*)"')
SID = re.compile(r'([;(]\s*sid\s*:\s*)(\d+)')


def exchanged(text):
    """The text of a content with other letters, inside |hex| too."""
    parts = text.split("|")
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = part.translate(OTHER)
            continue
        blank = " " if " " in part.strip() else ""
        digits = "".join(part.split())
        if len(digits) % 2 == 0:
            parts[i] = blank.join("%02X" % OTHER.get(b, b ^ (b >> 7)) for b in bytes.fromhex(digits))
    return "|".join(parts)


def copy_of(rule):
    """The rule with other literals, and whether it has any."""
    out = CONTENT.sub(lambda m: m[1] + exchanged(m[2]) + '"', rule)
    return SID.sub(lambda m: m[1] + str(int(m[2]) + SIDS), out), out != rule


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", errors="surrogateescape", newline="") as f:
        text = f.read()
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    rules = same = 0
    copies = []
    # A rule may go on over lines that end in a backslash.
    for rule in re.findall(r"(?:[^\n]*\\\r?\n)*[^\n]*\n?", text):
        if not rule.strip() or rule.lstrip().startswith("#"):
            continue
        copied, other = copy_of(rule)
        copies.append(copied if copied.endswith("\n") else copied + "\n")
        rules += 1
        same += not other
    sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    sys.stdout.writelines(copies)
    print(f"{rules} rules written twice; {same} have no literal to exchange", file=sys.stderr)


if __name__ == "__main__":
    main()
