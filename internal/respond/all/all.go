// Package all lists every action: adding one is a folder and a line here.
package all

import (
	"github.com/mirrorwall/mirrorwall/internal/respond"
	"github.com/mirrorwall/mirrorwall/internal/respond/webhook"
)

// Actions returns the descriptors of the actions.
func Actions() []respond.Descriptor {
	return []respond.Descriptor{
		webhook.Descriptor(),
	}
}
