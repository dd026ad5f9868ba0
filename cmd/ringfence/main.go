// Command ringfence makes tenant isolation in PostgreSQL true, and proves it. Package cli holds everything; see its help.
package main

import (
	"os"

	"github.com/ringfencehq/ringfence/internal/cli"
)

func main() { os.Exit(cli.Do(os.Args[1:], cli.System())) }
