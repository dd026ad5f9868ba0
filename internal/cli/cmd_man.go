package cli

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCmd(w *World) *cobra.Command {
	cmd := command("man [DIR]", "write the manual pages",
		`Writes one manual page for each command into DIR (default: man1), made from the same texts as --help:

  ringfence man ~/.local/share/man/man1 && man ringfence-apply`,
		func(cmd *cobra.Command, args []string) error {
			dir := cmp.Or(argument(args, 0), "man1")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("writing the manual pages: %w", err)
			}
			root := newRoot(w)
			root.DisableAutoGenTag = true
			asMarkdown(root)
			head := &doc.GenManHeader{Section: "1", Source: "ringfence " + currentVersion(), Manual: "Ringfence"}
			if err := doc.GenManTree(root, head, dir); err != nil {
				return fmt.Errorf("writing the manual pages: %w", err)
			}
			w.note(false, "wrote %s", dir)
			return nil
		})
	cmd.Args = atMost(1, "one directory at most")
	return cmd
}

// asMarkdown indents what the help texts of a command and of those below it set apart by two blanks as far as Markdown wants of a block
// that keeps its lines.
func asMarkdown(c *cobra.Command) {
	c.Long = strings.ReplaceAll(c.Long, "\n  ", "\n      ")
	for _, below := range c.Commands() {
		asMarkdown(below)
	}
}
