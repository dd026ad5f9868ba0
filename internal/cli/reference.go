package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Reference writes the command line's reference as Markdown, from the commands themselves.
func Reference(out io.Writer) error {
	root := newRoot(&World{Stdout: io.Discard, Stderr: io.Discard, Env: func(string) (string, bool) { return "", false }})
	if _, err := fmt.Fprintf(out, "# Commands\n\n%s\n\n## Exit codes\n\n%s\n", fence(root.Long), exitTable); err != nil {
		return err
	}
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			continue
		}
		if err := describe(out, c, "##"); err != nil {
			return err
		}
	}
	return nil
}

const exitTable = `| code | meaning |
|---|---|
| 0 | clean |
| 1 | could not run |
| 2 | usage |
| 3 | found something at or above the threshold |
| 4 | refused: gate shut, stale plan, unsafe target, lease held |
| 5 | unknown: a required fact could not be had |
| 6 | expired |
| 7 | bad signature |
| 8 | the tool contradicted itself; the material is in a file |
`

func fence(text string) string { return "```\n" + text + "\n```" }

// describe writes a command under a heading of that level, and its subcommands one level below.
func describe(out io.Writer, c *cobra.Command, heading string) error {
	if c.Hidden || c.Name() == "help" {
		return nil
	}
	var flags strings.Builder
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&flags, "| `--%s` | %s |\n", strings.TrimSpace(f.Name+" "+name), strings.ReplaceAll(usage, "|", "\\|"))
	})
	table := ""
	if flags.Len() > 0 {
		table = "\n| flag | meaning |\n|---|---|\n" + flags.String()
	}
	use := strings.TrimSuffix(c.CommandPath(), c.Name()) + c.Use
	if _, err := fmt.Fprintf(out, "\n%s %s\n\n%s\n%s", heading, use, fence(cmp.Or(c.Long, c.Short)), table); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if err := describe(out, sub, heading+"#"); err != nil {
			return err
		}
	}
	return nil
}
