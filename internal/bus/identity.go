package bus

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// rebootSkip is how many segments are passed over after a reboot. A loss of power
// takes what was not synced, at most SyncEvery, but a copy of it may have left by
// then: its positions must not be given to other records.
const rebootSkip = 1024

// identity is what the file of that name in a spool's folder holds.
type identity struct {
	ID   string `json:"id"`
	Boot string `json:"boot"` // the kernel's boot when the spool was last opened
}

// identify reads or makes the spool's identity; a spool without any position to
// continue gets a new one, and so does one whose file is damaged. It reports
// whether the machine was started anew since the spool was last opened; where
// the kernel doesn't tell, it was not.
func (s *Spool) identify(empty bool) (reboot bool, err error) {
	was, err := readIdentity(s.dir)
	if err != nil {
		return false, err
	}
	now := identity{ID: was.ID, Boot: bootID()}
	if empty || now.ID == "" {
		var raw [8]byte
		_, _ = rand.Read(raw[:]) // never fails
		now.ID = hex.EncodeToString(raw[:])
	}
	reboot = now.ID == was.ID && now.Boot != was.Boot
	s.id = now.ID
	if now == was {
		return false, nil
	}
	b, err := json.Marshal(now)
	if err != nil {
		return false, err
	}
	return reboot, s.opt.sync.replace(identityPath(s.dir), append(b, '\n'))
}

func identityPath(dir string) string { return filepath.Join(dir, "identity") }

// readIdentity returns the zero value when there is none, or a damaged one.
func readIdentity(dir string) (identity, error) {
	b, err := os.ReadFile(identityPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, err
	}
	var was identity
	if json.Unmarshal(b, &was) != nil || !validIdentity(was.ID) {
		return identity{}, nil
	}
	return was, nil
}

func validIdentity(id string) bool {
	return len(id) == 16 && strings.Trim(id, "0123456789abcdef") == ""
}

// bootID names this run of the kernel; "" where it has no name.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
