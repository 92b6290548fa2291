package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal of a size: our side and the program's.
func openTerminal(t *testing.T, width, height uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestDemoTerminal: on a terminal the demo draws in place, a few times a
// second, and leaves the terminal as it was, with the summary on it.
func TestDemoTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	ours, theirs := openTerminal(t, 90, 30)
	read := make(chan []byte, 1)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(ours) // ends with an error when their side is closed
		read <- all.Bytes()
	}()
	var errw bytes.Buffer
	const length = 1500 * time.Millisecond
	code := Main([]string{"demo", "--no-color", "--speed", "5", "--for", length.String()}, strings.NewReader(""), theirs, &errw)
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if code != exitDone {
		t.Errorf("status %d: %s", code, errw.String())
	}
	text := string(<-read)
	inside, after, ok := strings.Cut(text, leaveScreen)
	if !ok || !strings.HasPrefix(inside, enterScreen) {
		t.Fatalf("the screen is not entered and left: %q", text)
	}
	for _, want := range []string{"APPLICATIONS", "THREATS", "Log4Shell", "web-browsing", "Ctrl-C ends it"} {
		if !strings.Contains(inside, want) {
			t.Errorf("no %s on the screen", want)
		}
	}
	if !strings.Contains(after, "The demo ran for") || strings.Contains(after, "\x1b") {
		t.Errorf("summary: %q", after)
	}
	if draws := strings.Count(inside, "\x1b[H"); draws < 3 || draws > int(length/drawEvery)+1 {
		t.Errorf("%d draws in %v", draws, length)
	}
	if strings.Contains(strings.ReplaceAll(inside, enterScreen, ""), "\x1b[2J") {
		t.Error("the screen is wiped while it runs")
	}
}
