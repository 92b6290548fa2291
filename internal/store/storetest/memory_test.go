package storetest_test

import (
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// TestMemory: the oracle keeps the contract itself, but for surviving.
func TestMemory(t *testing.T) {
	kept := map[string]*storetest.Memory{}
	storetest.Run(t, storetest.Engine{ExactUsage: true, Open: func(_ *testing.T, dir string, r store.Retention, now func() time.Time) store.Store {
		if kept[dir] == nil {
			kept[dir] = storetest.NewMemory(r)
			kept[dir].Now = now
		}
		return kept[dir]
	}})
}
