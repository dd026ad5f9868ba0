package ringfencevet_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/ringfencehq/ringfence/ringfencevet"
)

func TestAnalyzer(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), ringfencevet.Analyzer, "app", "store")
}
