package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// hostile is a name that tries to end a line, a cell, an attribute and a command, to speak to the runner of a build, to hide, and to
// show itself backwards.
const hostile = "a\n::error::b|c`d\"e'<f>&g]]>\x1b[31m\u202eh @team #1 %0A https://x.example ![i](j) ##[error] ##vso[x] z\u200bw ::stop ::stop ::stop"

func samples() map[string]*Report {
	s, n := Server{VersionNum: 150018, Database: hostile}, hostile
	m := Model{TenantColumns: []string{n}, Contexts: []string{n}, Roles: []tenancy.Role{{Name: n, Kind: "application", Why: n}},
		Tables: []Table{{Name: "public.quiet", Class: tenancy.Owned, Key: []string{n}}}, Questions: []tenancy.Question{{About: n, Why: n, Candidates: []string{n}}}}
	path := []reach.Hop{{Via: "set_role", Name: n}}
	a := &Audit{Schema: AuditVersion, Server: s, Model: m, Unchecked: []audit.Unchecked{{Rule: n, Object: n, Why: n}}, Summary: map[string]int{"accepted": 1, "unchecked": 1}}
	for _, severity := range []audit.Severity{audit.Critical, audit.High, audit.Medium, audit.Low, audit.Info} {
		a.Summary[string(severity)] = 1
		a.Findings = append(a.Findings, audit.Finding{ID: "ZZZ001", Rule: "sample", Title: n, Severity: severity, Object: n, ObjectType: "table", Table: n,
			Role: n, Command: "SELECT", Path: path, Detail: n, Fix: &audit.Fix{Step: "force_rls", SQL: n, Why: n}})
	}
	a.Findings[len(a.Findings)-1].Fix = &audit.Fix{Why: n} // a repair in words alone
	a.Findings = append(a.Findings, audit.Finding{ID: n, Rule: n, Title: n, Severity: audit.High, Object: n, Path: []reach.Hop{}, Accepted: &audit.Accepted{Reason: n, By: n, Until: "2030-01-01"}})
	p := &Prove{Schema: ProveVersion, Server: s, Model: m, Notes: []string{n}}
	for _, kind := range []string{reach.Isolation, reach.Inference} {
		for _, v := range []prove.Verdict{prove.Proved, prove.Probed, prove.Leak, prove.Unproven} {
			p.Cells = append(p.Cells, prove.Cell{Role: n, Relation: n, Command: "SELECT", Variant: "on_conflict", Kind: kind, Path: path, Verdict: v, Why: n, Makes: n,
				Witness: &prove.Witness{Row: map[string]*string{n: &n, "x": nil}, Context: map[string]*string{n: &n}, Statement: n, Executed: "rows"}})
		}
	}
	p.Cells = append(p.Cells, prove.Cell{Role: n, Relation: n, Command: "DELETE", Kind: reach.Isolation, Path: []reach.Hop{}, Verdict: prove.Leak, Why: n, Accepted: &prove.Accepted{Reason: n, By: n, Until: "2030-01-01"}})
	p.Summary.Isolation, p.Summary.Inference, p.Summary.Accepted = prove.Summary(p.Cells)
	return map[string]*Report{"audit": {Audit: a}, "prove": {Prove: p}, "decision": {Decision: decisionSample()}}
}

// decisionSample is a decision with a gate of each outcome and a signature of each kind.
func decisionSample() *rollout.Document {
	n, at := hostile, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	d := &rollout.Document{Schema: rollout.Version, Server: map[string]any{"database": n, "system_identifier": "1"}, Rollout: "r1", Stage: "production", At: at, Answer: "RED",
		Author: n, Plan: strings.Repeat("a", 64), Rollback: strings.Repeat("b", 64), Waived: []rollout.WaivedFact{{Fact: n, Reason: n}},
		Signed: []rollout.Signature{{Person: n, Role: n, Expires: at}, {Person: n, Role: n, Expires: at, Void: n}}, Window: rollout.WindowDocument{Next: at, Rule: n},
		Summary: rollout.Summary{Pass: 1, Fail: 1, Unknown: 1, Stale: 1, Waived: 1}}
	for i, stands := range []string{"missing", "fail", "pass"} {
		d.Gates = append(d.Gates, rollout.GateDocument{Gate: "g", Item: i, Title: n, Outcome: rollout.Outcome(i), Why: n,
			Facts: []rollout.FactDocument{{Fact: rollout.Fact{Name: n, Stage: n, Outcome: rollout.Outcome(i), Value: n, Why: n, At: at, Until: at, Attested: n}, How: n, Stands: stands}}})
	}
	return d
}

func write(t *testing.T, f Format, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every format writes the samples as testdata has them.
func TestFormats(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			var got []byte
			for _, name := range []string{"audit", "prove", "decision"} {
				if r := samples()[name]; f.Writes == nil || f.Writes(r) {
					got = append(append(got, "== "+name+" ==\n"...), write(t, f, r)...)
				}
			}
			file := "testdata/" + f.Name + ".golden"
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// In the formats of lines no name moves the cursor, turns
func TestHostileNamesStayNames(t *testing.T) {
	for _, f := range Formats() {
		for name, r := range samples() {
			if f.Writes != nil && !f.Writes(r) {
				continue
			}
			out := string(write(t, f, r))
			if strings.ContainsAny(out, "\x1b\u202e\u200b") {
				t.Errorf("%s of %s lets control characters through", f.Name, name)
			}
			if runner := regexp.MustCompile(`##\w*\[`); f.Name != "html" && runner.MatchString(out) {
				t.Errorf("%s of %s speaks to the runner of a build", f.Name, name)
			}
			if f.Name == "html" { // whose lines mean nothing
				continue
			}
			for _, line := range strings.Split(out, "\n") {
				if f.Name == "github" && line != "" && strings.Count(line, "title=") != 1 || f.Name != "github" && strings.HasPrefix(strings.TrimSpace(line), "::") {
					t.Errorf("%s of %s: a name began the line %q", f.Name, name, line)
				}
			}
		}
	}
}

// The library holds the OASIS schema. It reads into types of its own, so a property SARIF does not have would go unseen here.
func TestSARIFIsValid(t *testing.T) {
	for name, r := range samples() {
		if !judges(r) {
			continue
		}
		log, err := sarif.FromBytes(write(t, sarifFormat, r))
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range log.Runs { // reading fills what is absent with values that the schema refuses
			run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
		}
		if err := log.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJUnitIsWellFormed(t *testing.T) {
	for name, r := range samples() {
		if !judges(r) {
			continue
		}
		d := xml.NewDecoder(bytes.NewReader(write(t, junitFormat, r)))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestJSONIsReadBack(t *testing.T) {
	for name, r := range samples() {
		raw := write(t, jsonFormat, r)
		if !json.Valid(raw) {
			t.Errorf("%s is not JSON", name)
		}
		back, err := ReadJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.IgnoreUnexported(prove.Cell{})); diff != "" {
			t.Errorf("%s: -wrote +read:\n%s", name, diff)
		}
	}
}

// A document that goes on and on with next to nothing is refused before it fills the memory; one that was written is read.
func TestReadJSONIsBounded(t *testing.T) {
	endless := `{"schema":"` + AuditVersion + `","findings":[` + strings.Repeat("{},", maxDocument/128+1) + "{}]}"
	if _, err := ReadJSON(strings.NewReader(endless)); err == nil || !strings.Contains(err.Error(), "more objects") {
		t.Error(err)
	}
	for name, r := range samples() {
		var b bytes.Buffer
		if err := WriteJSON(&b, r.Document()); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadJSON(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
