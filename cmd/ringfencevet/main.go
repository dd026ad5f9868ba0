// Command ringfencevet is package ringfencevet for go vet:
//
//	go vet -vettool=$(which ringfencevet) ./...
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/ringfencehq/ringfence/ringfencevet"
)

func main() { unitchecker.Main(ringfencevet.Analyzer) }
