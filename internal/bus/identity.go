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
	path := filepath.Join(s.dir, "identity")
	var was identity
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err != nil || json.Unmarshal(b, &was) != nil || !validIdentity(was.ID) {
		was = identity{}
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
	if b, err = json.Marshal(now); err != nil {
		return false, err
	}
	return reboot, s.opt.sync.replace(path, append(b, '\n'))
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

func (s *Spool) origin(start Position) Origin { return Origin{s.opt.Sensor, s.id, start} }
