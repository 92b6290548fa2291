#!/usr/bin/env python3
"""Run the exams and hold their scores against bench/floors.json.

A floor only rises. Timings are compared with 30 % slack, because machines differ.
Standard library only.
"""
import argparse, json, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
FLOORS = os.path.join(HERE, "..", "bench", "floors.json")


def last_json(cmd):
    """Run an exam, show its table, return the JSON object of its last line."""
    p = subprocess.run(cmd, stdout=subprocess.PIPE, text=True)
    print(p.stdout, end="", flush=True)
    if p.returncode:
        sys.exit("exam: %s: exit %d" % (" ".join(cmd), p.returncode))
    return json.loads(p.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--exam", required=True)
    a.add_argument("--bin", required=True)
    a = a.parse_args()
    if not os.path.isdir(a.exam):
        sys.exit("exam: no captures at %s\nhint: set EXAM to the folder that holds exam.py" % a.exam)
    low = []
    for e in json.load(open(FLOORS)):
        got = last_json([os.path.join(a.exam, "exam.py"), e["exam"], "--bin", a.bin] + e.get("args", []))
        for name, floor in e["floors"].items():
            have = got
            for part in name.split("."):
                have = have[part]
            if isinstance(have, list):
                have = have[0] / have[1]
            need = floor * (0.7 if e.get("timing") else 1)
            mark = "ok" if have >= need else "BELOW"
            print("%-6s %s %s: %.4f, floor %.4f" % (mark, e["exam"], name, have, need))
            if have < need:
                low.append(name)
    if low:
        sys.exit("exam: below the floor: " + ", ".join(low))


if __name__ == "__main__":
    main()
