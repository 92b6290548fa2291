package cli

import "syscall"

// childAttributes: a terminal's Ctrl-C is for the parent, which tells the
// children in their order; a parent that is killed takes them with it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
