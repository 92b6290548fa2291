//go:build !unix

package cli

import "os"

// terminalSize knows no size here: the demo prints lines.
func terminalSize(*os.File) (width, height int, ok bool) { return 0, 0, false }
