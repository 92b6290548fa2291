// Command mirrorwall is an out-of-band firewall for the cloud: it reads
// mirrored packets, names applications, finds attacks, and responds.
package main

import (
	"os"

	"github.com/mirrorwall/mirrorwall/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
