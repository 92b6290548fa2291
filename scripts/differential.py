#!/usr/bin/env python3
"""Hold our alerts on many captures against Suricata's. Standard library only.

  differential.py --exam DIR --ours PROGRAM --peer PATH [--rules FILE] [--only TEXT] [--show SID] [--alone]

Both engines read each capture from a clean start with the same rules and
variables, checksums ignored, mid-stream pick-up on, and no randomness. Compared
are the multisets of (sid, flow) of the rules that are active in ours; a flow is
the protocol and the two endpoints, in no order. `same_packet` counts the equal
alerts that also name the same packet. This is done twice: with the rules as
they are (`alerts`), and without their threshold and detection_filter options,
which hide many matches (`matches`).

Each difference is one line: what was compared, capture, sid, flow, count of ours
and of theirs. --show SID lists every alert of a rule with its packet. The last
line is one JSON object. Suricata's answers are kept in --cache under the hash of
the capture, the rules and the settings: a second run costs ours only.

Starting the peer costs far more than a capture, so one process is handed many
through its control socket. Between captures it tears down flows, hosts and
fragments, but not the counts of thresholds. Therefore all captures are read
without thresholds first, and with them only those where a rule with a threshold
matched, each by a process of its own. --alone starts a process for every capture
instead, to prove that this makes no difference; it is slow, and not cached.
"""
import argparse, collections, hashlib, ipaddress, json, os, re, shutil, socket, subprocess, sys, tempfile, time

FOLDERS = ("suricata/pcaps", "appid/pcaps", "evasion")
PEER_SETS = (
    "stream.reassembly.randomize-chunk-size=no",
    "app-layer.protocols.http.libhtp.default-config.randomize-inspection-sizes=no",
    "pcap-file.checksum-checks=no",
)


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(len(p).to_bytes(8, "big") + p)
    return h.hexdigest()


def read(path):
    with open(path, "rb") as f:
        return f.read()


# ---- alerts -------------------------------------------------------------------------------------

def address(text):
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def alert_of(rec):
    """[sid, proto, endpoint, endpoint, packet]: what is kept of an EVE alert."""
    proto = rec.get("proto", "").upper()
    ports = proto in ("TCP", "UDP", "SCTP")
    ends = sorted([address(rec.get(s + "_ip", "")), rec.get(s + "_port", 0) if ports else 0] for s in ("src", "dest"))
    return [rec["alert"]["signature_id"], proto, ends[0], ends[1], rec.get("pcap_cnt", 0)]


def flow_of(alert):
    return alert[0], "%s %s:%d %s:%d" % (alert[1], *alert[2], *alert[3])


# ---- the peer -----------------------------------------------------------------------------------

class Control:
    """Suricata's control socket: one JSON object a line, each way."""

    def __init__(self, path):
        self.sock, self.rest = socket.socket(socket.AF_UNIX), b""
        self.sock.connect(path)
        self.ask({"version": "0.2"})

    def ask(self, obj):
        self.sock.sendall(json.dumps(obj).encode() + b"\n")
        while b"\n" not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError("the peer closed its control socket")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(line)
        if answer.get("return") != "OK":
            raise OSError("the peer refuses %s: %s" % (obj, answer.get("message")))
        return answer.get("message")

    def command(self, name, **arguments):
        return self.ask({"command": name, "arguments": arguments} if arguments else {"command": name})


class Peer:
    def __init__(self, program, rules, sets, tmp):
        self.program, self.tmp = program, tmp
        self.args = ["-S", rules, "-k", "none", "--runmode", "single", "-l", tmp]
        for s in sets + PEER_SETS:
            self.args += ["--set", s]

    def alone(self, pcaps):
        """Yield (pcap, alerts), with a process for each."""
        for pcap in pcaps:
            out = os.path.join(self.tmp, "out")
            os.mkdir(out)
            subprocess.run([self.program, "-r", pcap] + self.args + ["-l", out], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
            yield pcap, self.collect(out)

    def together(self, pcaps):
        """Yield (pcap, alerts) of one process that is handed one capture after the other."""
        path = os.path.join(self.tmp, "s")
        log = open(os.path.join(self.tmp, "log"), "wb")
        proc = subprocess.Popen([self.program, "--unix-socket=" + path] + self.args, stdout=log, stderr=log)
        try:
            control = self.wait(proc, path)
            for pcap in pcaps:
                out = os.path.join(self.tmp, "out")
                os.mkdir(out)
                control.command("pcap-file", **{"filename": pcap, "output-dir": out})
                while control.command("pcap-current") != "None" or control.command("pcap-file-number"):
                    time.sleep(0.002)
                yield pcap, self.collect(out)
            control.command("shutdown")
            proc.wait(60)
        finally:
            log.close()
            if proc.poll() is None:
                proc.kill()
                proc.wait()

    def wait(self, proc, path):
        for _ in range(1200):
            if proc.poll() is not None:
                break
            try:
                return Control(path)
            except OSError:
                time.sleep(0.1)
        sys.exit("differential: the peer does not start:\n" + read(os.path.join(self.tmp, "log"))[-2000:].decode("utf-8", "replace"))

    def collect(self, out):
        alerts, eve = [], os.path.join(out, "eve.json")
        if os.path.exists(eve):
            for line in open(eve, "rb"):
                if b'"event_type":"alert"' in line:
                    alerts.append(alert_of(json.loads(line)))
        shutil.rmtree(out)
        return alerts


class Answers:
    """The peer's alerts with one set of rules, by capture, kept in a file."""

    def __init__(self, a, rules, version):
        self.a, self.rules = a, rules
        config = digest(read(rules), version, " ".join(a.sets + PEER_SETS).encode())
        self.path = os.path.join(a.cache, "peer-%s.json" % config[:16])
        self.known = json.loads(read(self.path)) if os.path.exists(self.path) and not a.alone else {}

    def of(self, pcaps, alone):
        """Alerts by capture."""
        keys = {p: digest(read(p))[:24] for p in pcaps}
        want = [p for p in pcaps if keys[p] not in self.known]
        if want:
            print("the peer reads %d captures" % len(want), "in as many runs" if alone else "in one run", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="diff-") as tmp:
                peer = Peer(self.a.peer, self.rules, self.a.sets, tmp)
                for pcap, alerts in (peer.alone if alone else peer.together)(want):
                    self.known[keys[pcap]] = alerts
                    if alone:
                        self.save()
            self.save()
        return {p: self.known[keys[p]] for p in pcaps}

    def save(self):
        if not self.a.alone:
            os.makedirs(self.a.cache, exist_ok=True)
            with open(self.path + ".part", "w") as f:
                json.dump(self.known, f)
            os.replace(self.path + ".part", self.path)


def theirs(a, pcaps, limited):
    """Matches and alerts by capture."""
    version = subprocess.run([a.peer, "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    matches = Answers(a, a.unlimited, version).of(pcaps, a.alone)
    some = [p for p in pcaps if any(x[0] in limited for x in matches[p])]
    return matches, {**matches, **Answers(a, a.rules, version).of(some, True)}


# ---- rules --------------------------------------------------------------------------------------

LIMIT = re.compile(r"(?<=[;(\s])(?:threshold|detection_filter)\s*:[^;]*;")


def without_limits(a, tmp):
    """Write the rules without their limits; return the sids that had one."""
    text = read(a.rules).decode("utf-8", "surrogateescape")
    a.unlimited = os.path.join(tmp, "unlimited.rules")
    with open(a.unlimited, "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(LIMIT.sub("", text))
    return {int(re.search(r"\bsid\s*:\s*(\d+)", line).group(1)) for line in text.splitlines()
            if not line.lstrip().startswith("#") and LIMIT.search(line)}


# ---- ours ---------------------------------------------------------------------------------------

def ours(a, rules, pcaps):
    """Alerts by capture, and what was said of the rules."""
    p = subprocess.run([a.ours, "--rules", rules, "--set", " ".join(a.sets)], input="\n".join(pcaps) + "\n",
                       stdout=subprocess.PIPE, text=True)
    if p.returncode:
        sys.exit("differential: %s: exit %d" % (a.ours, p.returncode))
    lines = p.stdout.splitlines()
    got = {}
    for line in lines[1:]:
        c = json.loads(line)
        if "error" in c and rules == a.rules:
            print("warning: %s: %s" % (os.path.basename(c["pcap"]), c["error"]), file=sys.stderr)
        got[c["pcap"]] = [alert_of(r) for r in c["alerts"]]
    return got, json.loads(lines[0])


# ---- comparison ---------------------------------------------------------------------------------

def compare(what, pcaps, mine, peer, inactive):
    total = collections.Counter()
    for pcap in pcaps:
        m, p = (collections.Counter(flow_of(x) for x in side[pcap] if x[0] not in inactive) for side in (mine, peer))
        at = [collections.Counter(flow_of(x) + (x[4],) for x in side[pcap]) for side in (mine, peer)]
        differ = sorted(k for k in m | p if m[k] != p[k])
        total.update(ours=sum(m.values()), theirs=sum(p.values()), equal=sum((m & p).values()),
                     same_packet=sum((at[0] & at[1]).values()), ours_only=sum((m - p).values()),
                     theirs_only=sum((p - m).values()), captures_that_differ=bool(differ))
        for sid, flow in differ:
            print("%-8s %-28s sid %-8d ours %3d theirs %3d  %s" % (what, os.path.basename(pcap), sid, m[sid, flow], p[sid, flow], flow))
    return dict(total)


def show(what, sid, pcaps, mine, peer):
    for pcap in pcaps:
        for name, side in (("ours", mine), ("theirs", peer)):
            for x in side[pcap]:
                if x[0] == sid:
                    print("%-8s %-28s %-6s packet %-6d %s" % (what, os.path.basename(pcap), name, x[4], flow_of(x)[1]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--exam", required=True, help="folder of the captures")
    p.add_argument("--ours", required=True, help="the program of bench/differential")
    p.add_argument("--peer", required=True, help="Suricata 8")
    p.add_argument("--rules", help="default: rules/et-open.rules of --exam")
    p.add_argument("--cache", default=".cache/differential")
    p.add_argument("--only", default="", help="captures whose path holds this text")
    p.add_argument("--show", type=int, metavar="SID")
    p.add_argument("--alone", action="store_true")
    p.add_argument("--set", dest="sets", action="append", help="key=value for both engines; default stream.midstream=true")
    a = p.parse_args()
    if not os.access(a.peer, os.X_OK):
        print("differential: skipped, no peer at %s\nhint: make bench-peer fetches it" % a.peer)
        return
    a.sets = tuple(a.sets or ("stream.midstream=true",))
    a.rules = os.path.abspath(a.rules or os.path.join(a.exam, "rules", "et-open.rules"))
    exam = os.path.abspath(a.exam)
    pcaps = [os.path.join(exam, d, f) for d in FOLDERS if os.path.isdir(os.path.join(exam, d))
             for f in sorted(os.listdir(os.path.join(exam, d))) if f.endswith((".pcap", ".pcapng"))]
    pcaps = [f for f in pcaps if a.only in f]
    if not pcaps:
        sys.exit("differential: no captures at %s\nhint: set EXAM to the folder that holds exam.py" % a.exam)
    start = time.time()
    out = {"exam": "differential", "captures": len(pcaps)}
    with tempfile.TemporaryDirectory(prefix="diff-") as tmp:
        limited = without_limits(a, tmp)
        mine = [ours(a, rules, pcaps) for rules in (a.unlimited, a.rules)]
        peer = theirs(a, pcaps, limited)
    for what, (got, head), want in zip(("matches", "alerts"), mine, peer):
        if a.show:
            show(what, a.show, pcaps, got, want)
        out[what] = compare(what, pcaps, got, want, set(head["inactive"]))
    out.update(rules_active=head["rules"], rules_inactive=len(head["inactive"]), seconds=round(time.time() - start))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
