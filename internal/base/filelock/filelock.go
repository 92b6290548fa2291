// Package filelock keeps two processes from writing to one file.
//
// The locks are advisory (flock): they bind those who ask, hold for as long as
// the file is open, and the kernel releases them for a process that was killed.
// Where a system or a file system has none, every lock is granted: that is no
// reason to keep no records.
package filelock

import "errors"

// ErrLocked says that somebody else holds the lock.
var ErrLocked = errors.New("in use by another process")
