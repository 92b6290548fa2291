package bus

// LockedError says that another process writes to the spool in Dir.
type LockedError struct{ Dir string }

func (e *LockedError) Error() string { return "spool " + e.Dir + ": in use by another process" }

// Hint says what to do.
func (e *LockedError) Hint() string {
	return "another mirrorwall uses this folder; give each its own state:"
}
