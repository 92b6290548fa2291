//go:build !unix || solaris || aix

package filelock

import "os"

// Lock grants every lock: there is no flock here.
func Lock(*os.File) error { return nil }
