// Commandsec answers who can do what on a Keyfactor Command server.
package main

import (
	"os"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
