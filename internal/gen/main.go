// Command gen writes what follows from the code: the list of rules, and the reference pages under docs/. Run it by "make gen";
// a test fails where what it writes differs from what is committed. To add a page, add an entry to pages.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// A page is one generated file, by its path below the repository's root.
type page struct {
	path  string
	write func(*bytes.Buffer) error
}

var pages = []page{
	{"internal/audit/rules_list.go", rulesList},
	{"docs/rules.md", rulesPage},
	{"docs/probes.md", probesPage},
	{"docs/steps.md", stepsPage},
	{"docs/commands.md", commandsPage},
	{"docs/config.md", configPage},
	{"docs/events.md", eventsPage},
	{"docs/gateway.md", gatewayPage},
	{"docs/metrics.md", metricsPage},
	{"docs/runbook.md", runbookPage},
	{"docs/ringfence.schema.json", configSchema},
}

func main() {
	root, err := findRoot()
	if err == nil {
		err = writeAll(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// writeAll writes every page below root; files that are right already are not touched.
func writeAll(root string) error {
	for _, p := range pages {
		var b bytes.Buffer
		if err := p.write(&b); err != nil {
			return fmt.Errorf("writing %s: %w", p.path, err)
		}
		file := filepath.Join(root, filepath.FromSlash(p.path))
		if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, b.Bytes()) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", p.path)
	}
	return nil
}

// findRoot goes up from the working directory to the module's root.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}
