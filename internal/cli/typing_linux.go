package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping stops a terminal from showing what is typed until show is called;
// hidden is false when f is no terminal.
func hideTyping(f *os.File) (show func(), hidden bool) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, false
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) != nil {
		return nil, false
	}
	// An interrupt in between leaves the terminal silent: `reset` gives it back.
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) }, true
}
