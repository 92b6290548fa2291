package cli

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// startProfiles writes a CPU profile to cpu and, at the end, one of all
// allocations to mem, until the returned function is called; an empty path
// means none.
func startProfiles(cpu, mem string) (stop func(), err error) {
	stopCPU, stopMem := func() {}, func() {}
	if mem != "" {
		f, err := os.Create(mem)
		if err != nil {
			return nil, fmt.Errorf("--memprofile: %w", err)
		}
		stopMem = func() {
			runtime.GC() // completes the statistics
			// The profile is a developer's; a failure shows when it is read.
			_ = pprof.Lookup("allocs").WriteTo(f, 0)
			_ = f.Close()
		}
	}
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return nil, fmt.Errorf("--cpuprofile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, fmt.Errorf("--cpuprofile: %w", err)
		}
		stopCPU = func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}
	}
	return func() { stopCPU(); stopMem() }, nil
}
