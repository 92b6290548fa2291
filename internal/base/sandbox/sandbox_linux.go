package sandbox

import (
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Apply puts the rules in force for all threads, as far as the kernel can.
func Apply(r Rules) (Status, error) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return status(0, r), nil // a kernel without Landlock, or that has it off
	}
	handled := []any{landlock.V5.HandledAccessFS}
	if !r.Connect {
		handled = append(handled, landlock.AccessNetSet(ll.AccessNetConnectTCP))
	}
	err = landlock.MustConfig(handled...).BestEffort().Restrict(
		landlock.PathAccess(ll.AccessFSReadFile|ll.AccessFSReadDir, "/"),
		landlock.PathAccess(landlock.V5.HandledAccessFS&^(ll.AccessFSExecute|ll.AccessFSIoctlDev), r.Write...),
	)
	if err != nil {
		return status(0, r), err
	}
	return status(abi, r), nil
}
