//go:build !unix

package cli

import "syscall"

// childAttributes are never used here: both halves run in one process.
func childAttributes() *syscall.SysProcAttr { return nil }
