//go:build unix && !linux

package cli

import "syscall"

// childAttributes: a terminal's Ctrl-C is for the parent, which tells the
// children in their order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
