//go:build !linux

package cli

import "os"

// hideTyping knows no terminals here: what is typed is shown.
func hideTyping(*os.File) (show func(), hidden bool) { return nil, false }
