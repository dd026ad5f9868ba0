package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
)

// githubFormat writes workflow commands. GitHub shows the first ten of each level of a step, so the gravest come first; the
// others stay in the log. See "Workflow commands for GitHub Actions" in GitHub's documentation.
var githubFormat = Format{
	Name: "github", Doc: "annotations of a GitHub Actions run",
	Writes: judges,
	Write: func(w io.Writer, r *Report, _ Options) error {
		b := bufio.NewWriter(w)
		for _, want := range []level{levelError, levelWarning, levelNote} {
			for _, n := range annotations(r) {
				if n.level == want {
					n.write(b)
				}
			}
		}
		return b.Flush()
	},
}

// An annotation is one workflow command.
type annotation struct {
	level       level
	title, text string
}

// annotations returns what r says that was not accepted, and one line that sums it up.
func annotations(r *Report) []annotation {
	if r.Prove != nil {
		return cellAnnotations(r.Prove)
	}
	out := []annotation{{levelNote, "Ringfence audit", (&printer{}).totals(r.Audit.Summary)}}
	for _, f := range r.Audit.Findings {
		if f.Accepted == nil {
			out = append(out, annotation{levelOf(f.Severity), safe(f.ID + " " + string(f.Severity) + ": " + f.Title), findingText(f)})
		}
	}
	for _, u := range r.Audit.Unchecked {
		out = append(out, annotation{levelWarning, safe("Not checked: " + u.Rule), safe(u.Object + ": " + u.Why)})
	}
	return out
}

func cellAnnotations(d *Prove) []annotation {
	out := []annotation{{levelNote, "Ringfence proof", "isolation: " + countWords(d.Summary.Isolation) + "; inference: " + countWords(d.Summary.Inference)}}
	for _, c := range d.Cells {
		if isOpen(c) && c.Accepted == nil {
			out = append(out, annotation{levelOfCell(c), safe(string(c.Verdict)+" ("+c.Kind+"): ") + cellTitle(c), cellText(c)})
		}
	}
	return out
}

// countWords writes a count of cells.
func countWords(c prove.Count) string {
	return fmt.Sprintf("%d proved, %d probed, %d leak, %d unproven", c.Proved, c.Probed, c.Leak, c.Unproven)
}

var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// write writes the command. Its data is escaped as the runner unescapes it, so that no name can end the line and begin a command.
func (n annotation) write(w io.Writer) {
	command := string(n.level)
	if n.level == levelNote {
		command = "notice"
	}
	fmt.Fprintf(w, "::%s title=%s::%s\n", command, commandProperty.Replace(n.title), commandData.Replace(n.text))
}
