// Package rules embeds our own signatures.
package rules

import "embed"

// FS holds the bundled *.rules.
//
//go:embed *.rules
var FS embed.FS
