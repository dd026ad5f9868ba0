package cli

import (
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// written finds what documentation tells people to type: in a fence from the line's beginning, or in backquotes.
var written = regexp.MustCompile("(?m)(?:^(?:\\$ )?|`|\\$\\()ringfence( [^`\\n]*)")

// Every command, and every flag, that the documentation names is there.
func TestDocumentedCommands(t *testing.T) {
	pages := os.DirFS("../..")
	checked := 0
	err := fs.WalkDir(pages, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") || strings.HasPrefix(path, "docs/examples/callcenter/") {
			return err
		}
		text, err := fs.ReadFile(pages, path)
		if err != nil {
			return err
		}
		for _, m := range written.FindAllStringSubmatch(string(text), -1) {
			checked++
			if why := misspelt(m[1]); why != "" {
				t.Errorf("%s: ringfence%s: %s", path, m[1], why)
			}
		}
		return nil
	})
	if err != nil || checked < 100 {
		t.Errorf("%d commands were looked at: %v", checked, err)
	}
	for _, wrong := range []string{" audit --no-such-flag", " trail no-such-verb", " no-such-verb"} {
		if misspelt(wrong) == "" {
			t.Errorf("ringfence%s passes, and so would anything", wrong)
		}
	}
}

// misspelt tells what of a command line is not there; "" where all of it is.
func misspelt(line string) string {
	root := newRoot(&World{Stdout: io.Discard, Stderr: io.Discard, Env: func(string) (string, bool) { return "", false }})
	line, _, _ = strings.Cut(line, " #")
	words := strings.Fields(line)
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	if cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") || group(cmd) && len(rest) > 0 && regexp.MustCompile(`^[a-z][a-z-]+$`).MatchString(rest[0]) {
		return "no such command"
	}
	for _, w := range rest {
		if w == "|" || w == "&&" || w == ";" {
			break
		}
		name, _, _ := strings.Cut(strings.Trim(w, "[]();,.'\""), "=")
		switch {
		case strings.HasPrefix(name, "--") && cmd.Flags().Lookup(name[2:]) == nil && cmd.InheritedFlags().Lookup(name[2:]) == nil && name != "--help" && len(name) > 2:
			return "no flag " + name
		case len(name) == 2 && name[0] == '-' && name[1] != '-' && cmd.Flags().ShorthandLookup(name[1:]) == nil && name != "-h":
			return "no flag " + name
		}
	}
	return ""
}

// group tells a command that only holds others.
func group(cmd *cobra.Command) bool { return cmd.HasSubCommands() && cmd.HasParent() }
