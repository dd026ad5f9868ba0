// Package report writes documents: one Report in any format. JSON is the master; every other format is made from it, also
// later, from a file.
//
// To add a format: write format_NAME.go with one Format value and list it in formats.go; its golden file under testdata/ is
// made by "go test ./internal/report -update".
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/fleet"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// A Report is one document of the contract. Exactly one of its parts is set; beside a Plan, Impact says what it takes from whom.
type Report struct {
	Audit *Audit
	Prove *Prove
	Run   *Run
	Plan  *plan.Plan
	Check *Verify
	Drift *Drift

	Impact *impact.Document

	Observe *impact.Status
	Bench   *bench.Document
	Fleet   *fleet.Document
	Compare *Compare

	Decision *rollout.Document
}

// A Server says where a document comes from.
type Server struct {
	VersionNum       int    `json:"version_num"`
	Database         string `json:"database"`
	SystemIdentifier string `json:"system_identifier"`
	Offline          bool   `json:"offline"`
}

// A Model is how the schema was read: what a finding rests on.
type Model struct {
	TenantColumns []string           `json:"tenant_columns"`
	Contexts      []string           `json:"contexts"`
	Roles         []tenancy.Role     `json:"roles"`
	Tables        []Table            `json:"tables"`
	Questions     []tenancy.Question `json:"questions"`
}

// A Table is one table's part in the Model.
type Table struct {
	Name       string             `json:"name"`
	Class      tenancy.Class      `json:"class"`
	Key        []string           `json:"key"`
	Why        string             `json:"why"`
	Confidence tenancy.Confidence `json:"confidence"`
}

// AuditVersion names the JSON form of an audit.
const AuditVersion = "ringfence/audit/v1"

// An Audit is the document of ringfence audit.
type Audit struct {
	Schema    string            `json:"schema"`
	Server    Server            `json:"server"`
	Model     Model             `json:"model"`
	Findings  []audit.Finding   `json:"findings"`
	Unchecked []audit.Unchecked `json:"unchecked"`
	Summary   map[string]int    `json:"summary"`
}

// OfAudit makes the document of what the rules found on m.
func OfAudit(m *tenancy.Model, r audit.Result) *Report {
	return &Report{Audit: &Audit{
		Schema: AuditVersion, Server: ServerOf(m), Model: ModelOf(m),
		Findings: some(r.Findings), Unchecked: some(r.Unchecked), Summary: r.Summary(),
	}}
}

// ServerOf returns the server part of a document about m.
func ServerOf(m *tenancy.Model) Server {
	s := m.Snapshot.Server
	return Server{VersionNum: s.VersionNum, Database: s.Database, SystemIdentifier: s.SystemIdentifier, Offline: s.Offline}
}

// ModelOf returns the model part of a document about m.
func ModelOf(m *tenancy.Model) Model {
	out := Model{TenantColumns: some(m.TenantColumns), Contexts: []string{}, Roles: some(m.Roles), Tables: []Table{}, Questions: some(m.Questions)}
	for _, c := range m.Contexts {
		out.Contexts = append(out.Contexts, contextName(&c))
	}
	for _, t := range m.Tables {
		out.Tables = append(out.Tables, Table{Name: t.Relation.Identity(), Class: t.Class, Key: some(t.Key), Why: t.Why, Confidence: t.Confidence})
	}
	return out
}

// contextName names a claim as ringfence.yaml does, with its place in the document: two claims of one setting are two contexts.
func contextName(c *tenancy.Context) string {
	if c.Kind == "claim" {
		return c.String()
	}
	return c.Name
}

// some returns s, or an empty slice for none: JSON shows a list, never null.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// WriteJSON writes the master form: indented, without HTML escapes, what cannot be seen written out, ended by a line feed.
func WriteJSON(w io.Writer, doc any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := w.Write(visible.JSON(b.Bytes()))
	return err
}

// Document returns the part of r that is set.
func (r *Report) Document() any {
	switch {
	case r.Prove != nil:
		return r.Prove
	case r.Run != nil:
		return r.Run
	case r.Plan != nil:
		return r.Plan
	case r.Check != nil:
		return r.Check
	case r.Drift != nil:
		return r.Drift
	case r.Impact != nil:
		return r.Impact
	case r.Observe != nil:
		return r.Observe
	case r.Bench != nil:
		return r.Bench
	case r.Fleet != nil:
		return r.Fleet
	case r.Compare != nil:
		return r.Compare
	case r.Decision != nil:
		return r.Decision
	}
	return r.Audit
}

// maxDocument bounds a document that is read back: 256 MiB.
const maxDocument = 256 << 20

// ReadJSON reads a document that WriteJSON wrote. What it is, its schema says.
func ReadJSON(in io.Reader) (*Report, error) {
	raw, err := io.ReadAll(bounded.JSON(in, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	switch head.Schema {
	case AuditVersion:
		r := &Report{Audit: &Audit{}}
		return r, decode(raw, r.Audit)
	case ProveVersion:
		r := &Report{Prove: &Prove{}}
		return r, decode(raw, r.Prove)
	case RunVersion:
		r := &Report{Run: &Run{}}
		return r, decode(raw, r.Run)
	case plan.SchemaVersion:
		r := &Report{Plan: &plan.Plan{}}
		return r, decode(raw, r.Plan)
	case VerifyVersion:
		r := &Report{Check: &Verify{}}
		return r, decode(raw, r.Check)
	case DriftVersion:
		r := &Report{Drift: &Drift{}}
		return r, decode(raw, r.Drift)
	case impact.ObserveVersion:
		r := &Report{Observe: &impact.Status{}}
		return r, decode(raw, r.Observe)
	case CompareVersion:
		r := &Report{Compare: &Compare{}}
		return r, decode(raw, r.Compare)
	case fleet.SchemaVersion:
		r := &Report{Fleet: &fleet.Document{}}
		return r, decode(raw, r.Fleet)
	case bench.SchemaVersion:
		r := &Report{Bench: &bench.Document{}}
		return r, decode(raw, r.Bench)
	case rollout.Version:
		r := &Report{Decision: &rollout.Document{}}
		return r, decode(raw, r.Decision)
	case impact.SchemaVersion:
		r := &Report{Impact: &impact.Document{}}
		return r, decode(raw, r.Impact)
	case "":
		return nil, fmt.Errorf("reading the report: it has no schema; only documents that ringfence wrote as JSON can be read")
	}
	return nil, fmt.Errorf("reading the report: schema %q is not one that this version knows", head.Schema)
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading the report: %w", err)
	}
	return nil
}
