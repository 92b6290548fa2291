// Package sandbox takes from the process what it will not need any more: writing
// outside of its folders, executing programs, TCP connections, new privileges.
// It cannot be undone. Where the kernel knows less, less is taken; Status says
// what is in force.
package sandbox

import (
	"fmt"
	"os"
	"strings"
)

// Rules say what stays allowed. Reading is.
type Rules struct {
	Write []string // folders that exist and may be written
	// Connect allows new TCP connections to elsewhere. Plain TCP alone can be
	// forbidden: the kernel's interface knows no Multipath TCP, which is also what
	// Go listens with.
	Connect bool
}

// Status is what is in force.
type Status struct {
	Landlock     int // the version of the kernel's interface; 0: none
	NoNewPrivs   bool
	Capabilities bool // the process has some: it was started with privileges
	write        []string
	connect      bool
}

// String says it in a line.
func (s Status) String() string {
	var parts []string
	if s.Landlock > 0 {
		parts = append(parts, fmt.Sprintf("Landlock %d: writes to %s only, executes nothing", s.Landlock, strings.Join(s.write, ", ")))
		if s.Landlock >= 4 && !s.connect {
			parts = append(parts, "makes no TCP connection")
		}
	} else {
		parts = append(parts, "no Landlock in this kernel")
	}
	if s.NoNewPrivs {
		parts = append(parts, "no new privileges")
	}
	if s.Capabilities {
		parts = append(parts, "started with capabilities that it does not need")
	}
	return strings.Join(parts, "; ")
}

// status reads what the kernel says of this process.
func status(landlock int, r Rules) Status {
	s := Status{Landlock: landlock, write: r.Write, connect: r.Connect}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return s
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); name {
		case "NoNewPrivs":
			s.NoNewPrivs = value == "1"
		case "CapEff":
			s.Capabilities = strings.Trim(value, "0") != ""
		}
	}
	return s
}
