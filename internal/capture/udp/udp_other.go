//go:build !linux || !(amd64 || arm64)

package udp

import (
	"errors"
	"syscall"

	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// Receiving is for 64-bit Linux only; elsewhere the rest of the program still builds, for
// files can be inspected anywhere.

var errLinux = errors.New("receiving mirrored traffic needs Linux on amd64 or arm64")

func prepare(int, bool, int) (int, error) { return 0, errLinux }

func (s *Source) steer(int) error { return errLinux }

type receiver struct{}

func newReceiver(*Source, int, int) *receiver { return &receiver{} }

func (*receiver) size() int { return 1 }

func (*receiver) receive(syscall.RawConn, *capture.Batch) error { return errLinux }

func (*receiver) queued(syscall.RawConn, *capture.Batch) (bool, error) { return false, errLinux }

func refuse(int) error { return errLinux }

func socketDrops(int) (uint32, bool) { return 0, false }
