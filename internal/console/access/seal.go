package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// LoadKey reads the 32-byte key of Options.Key from a file, or makes the file
// (mode 0600) when it is not there. It refuses a file that others can read.
// Keep it out of backups of the database.
func LoadKey(path string) ([]byte, error) {
	key := make([]byte, 32)
	rand.Read(key)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(key)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, errors.Join(fmt.Errorf("access: %w", err), os.Remove(path))
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("access: %w", err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 || st.Size() != 32 {
		return nil, fmt.Errorf("access: %s: mode %v and %d bytes; want a file of 32 bytes that only its owner reads", path, st.Mode().Perm(), st.Size())
	}
	return os.ReadFile(path)
}

// seal encrypts text; context (what it is and whose) must be the same to open it.
func (s *Store) seal(text, context string) ([]byte, error) {
	g, err := s.gcm()
	if err != nil {
		return nil, err
	}
	return g.Seal(nil, nil, []byte(text), []byte(context)), nil
}

func (s *Store) unseal(b []byte, context string) (string, error) {
	g, err := s.gcm()
	if err != nil {
		return "", err
	}
	text, err := g.Open(nil, nil, b, []byte(context))
	if err != nil {
		return "", fmt.Errorf("access: a sealed secret does not open: another key, or the database was changed: %w", err)
	}
	return string(text), nil
}

func (s *Store) gcm() (cipher.AEAD, error) {
	c, err := aes.NewCipher(s.opt.Key)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(c)
}
