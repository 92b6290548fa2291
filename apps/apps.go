// Package apps embeds the application catalogue: YAML files that say how
// applications are named, classified and recognised.
package apps

import "embed"

// FS holds the catalogue's *.yaml.
//
//go:embed *.yaml
var FS embed.FS
