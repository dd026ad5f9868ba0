package report

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// junitFormat writes test cases: for an audit one for each finding, each thing that was not checked, and each table nothing was
// found on; for a proof one for each cell. What was accepted, was not checked, or can only be guessed is skipped, with the
// reason, so that it is counted and not green; information passes.
var junitFormat = Format{
	Name: "junit", Doc: "JUnit XML, for CI systems that show tests",
	Writes: judges,
	Write: func(w io.Writer, r *Report, _ Options) error {
		doc := junitSuites{Name: "ringfence"}
		if r.Prove != nil {
			doc.Suites = proveSuites(r.Prove)
		} else {
			doc.Suites = []junitSuite{auditSuite(r.Audit)}
		}
		for i := range doc.Suites {
			doc.Suites[i].count()
			doc.Tests += doc.Suites[i].Tests
			doc.Failures += doc.Suites[i].Failures
			doc.Skipped += doc.Suites[i].Skipped
		}
		if _, err := io.WriteString(w, xml.Header); err != nil {
			return err
		}
		enc := xml.NewEncoder(w)
		enc.Indent("", "  ")
		if err := enc.Encode(doc); err != nil {
			return err
		}
		_, err := io.WriteString(w, "\n")
		return err
	},
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func auditSuite(a *Audit) junitSuite {
	s := junitSuite{Name: "ringfence audit " + safe(a.Server.Database)}
	said := map[string]bool{}
	for _, f := range a.Findings {
		said[f.Object], said[f.Table] = true, true
		s.Cases = append(s.Cases, findingCase(f))
	}
	for _, u := range a.Unchecked {
		said[u.Object] = true
		s.Cases = append(s.Cases, junitCase{Class: safe(u.Rule), Name: safe(u.Object), Skipped: &junitSkipped{"not checked: " + safe(u.Why)}})
	}
	for _, t := range a.Model.Tables {
		if !said[t.Name] {
			s.Cases = append(s.Cases, junitCase{Class: "nothing found", Name: safe(t.Name)})
		}
	}
	return s
}

func findingCase(f audit.Finding) junitCase {
	c := junitCase{Class: safe(f.ID + " " + f.Rule), Name: safe(f.Object)}
	if f.Role != "" {
		c.Name += ": " + safe(way(f.Role, f.Path, f.Command))
	}
	switch {
	case f.Accepted != nil:
		c.Skipped = &junitSkipped{acceptedText(f.Accepted.By, f.Accepted.Until, f.Accepted.Reason)}
	case f.Severity == audit.Info:
		c.Out = safe(f.Title) + "\n" + findingText(f)
	default:
		c.Failure = &junitFailure{Type: safe(string(f.Severity)), Message: safe(f.Title), Text: findingText(f)}
	}
	return c
}

func proveSuites(d *Prove) []junitSuite {
	isolation := junitSuite{Name: "ringfence prove " + safe(d.Server.Database) + ": isolation"}
	inference := junitSuite{Name: "ringfence prove " + safe(d.Server.Database) + ": inference"}
	for _, c := range d.Cells {
		s := &isolation
		if c.Kind == reach.Inference {
			s = &inference
		}
		s.Cases = append(s.Cases, cellCase(c))
	}
	return []junitSuite{isolation, inference}
}

func cellCase(c prove.Cell) junitCase {
	out := junitCase{Class: safe(c.Relation), Name: safe(way(c.Role, c.Path, Variant(c)))}
	switch {
	case c.Accepted != nil:
		out.Skipped = &junitSkipped{acceptedText(c.Accepted.By, c.Accepted.Until, c.Accepted.Reason)}
	case !isOpen(c):
	case c.Kind == reach.Inference:
		out.Skipped = &junitSkipped{fmt.Sprintf("%s, by inference: %s", safe(string(c.Verdict)), safe(c.Why))}
	default:
		out.Failure = &junitFailure{Type: safe(string(c.Verdict)), Message: safe(c.Why), Text: cellText(c)}
	}
	return out
}
