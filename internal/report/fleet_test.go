package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/fleet"
	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A saved document may hold any words in any place: none of them reaches a terminal or a page as more than text, and none breaks it.
func TestHostileFleet(t *testing.T) {
	bad := "\x1b[2J\x1b]0;x\a\u202e<script>alert(1)</script>|`\r\n# h"
	d := &fleet.Document{Schema: fleet.SchemaVersion, Verb: bad, Databases: []fleet.Line{
		{Name: bad, Verdict: fleet.Verdict(bad), Why: bad, Groups: []string{bad}, Labels: map[string]string{bad: bad}}, {Name: "", Verdict: ""}}}
	changes := &Drift{Changes: []drift.Change{{Kind: bad, Object: bad, Change: bad, Direction: drift.Direction(bad)}}}
	times := &bench.Document{Bench: []bench.Case{{Table: bad, Query: bad, Role: bad}}}
	var b bytes.Buffer
	text, _ := FormatNamed("text")
	for _, r := range []*Report{{Drift: changes}, OfBench(times), OfDecision(&rollout.Document{Answer: bad, Stage: bad, Plan: bad, Rollback: bad})} {
		if err := text.Write(&b, r, Options{Color: true}); err != nil || strings.Contains(colours.ReplaceAllString(b.String(), ""), "\x1b") || strings.Contains(b.String(), "\u202e") {
			t.Errorf("%v: %q", err, b.String())
		}
	}
	for _, name := range []string{"text", "markdown", "html"} {
		f, _ := FormatNamed(name)
		var b bytes.Buffer
		if err := f.Write(&b, OfFleet(d), Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, unsafe := range []string{"\x1b", "\a", "\u202e", "\r", "\n# h"} {
			if strings.Contains(b.String(), unsafe) {
				t.Errorf("%s holds %q:\n%q", name, unsafe, b.String())
			}
		}
		if name != "text" && strings.Contains(b.String(), "<script>") {
			t.Errorf("%s holds markup", name)
		}
	}
}
