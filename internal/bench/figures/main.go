// Command figures turns the output of Go benchmarks into a table of docs/figures.md: it reads it from its standard input,
// passes it on, and replaces one section of the file. A benchmark that reports metrics named WAY-UNIT (such as "plain-µs")
// becomes a row with a column for each way, and its ratio to the way that is called plain.
//
// To add a section, pipe the benchmarks into "figures -section NAME FILE" from the Makefile's target bench.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

func main() {
	section := flag.String("section", "", "name of the section to write")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *section, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, section, file string) error {
	if section == "" || file == "" {
		return fmt.Errorf("usage: figures -section NAME FILE")
	}
	raw, err := io.ReadAll(io.TeeReader(in, out))
	if err != nil {
		return fmt.Errorf("reading benchmarks: %w", err)
	}
	rows := parse(string(raw))
	if len(rows) == 0 || strings.Contains(string(raw), "\nFAIL") {
		return fmt.Errorf("reading benchmarks: there are none, or one failed; %s is left as it is", file)
	}
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	text := replace(string(old), section, circumstances()+"\n\n"+table(rows))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// circumstances tells how busy the machine was, which a reader of times must know.
func circumstances() string {
	text := fmt.Sprintf("Measured on %d cores by `make bench`", runtime.NumCPU())
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(raw), " ")
		text += fmt.Sprintf("; load average of the last minute %s, other work of the machine included", load)
	}
	return text + ". Ratios say more than times."
}
