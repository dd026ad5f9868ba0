package report

import (
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// ProveVersion names the JSON form of a proof.
const ProveVersion = "ringfence/prove/v1"

// A Prove is the document of ringfence prove.
type Prove struct {
	Schema  string       `json:"schema"`
	Server  Server       `json:"server"`
	Model   Model        `json:"model"`
	Cells   []prove.Cell `json:"cells"`
	Summary ProveSummary `json:"summary"`
	Notes   []string     `json:"notes,omitempty"` // what was not tried, and why
}

// A ProveSummary counts cells by kind and verdict.
type ProveSummary struct {
	Isolation prove.Count `json:"isolation"`
	Inference prove.Count `json:"inference"`
	Accepted  int         `json:"accepted"`
}

// OfProve makes the document of the cells of m.
func OfProve(m *tenancy.Model, cells []prove.Cell, notes []string) *Report {
	isolation, inference, accepted := prove.Summary(cells)
	return &Report{Prove: &Prove{
		Schema: ProveVersion, Server: ServerOf(m), Model: ModelOf(m), Cells: some(cells),
		Summary: ProveSummary{Isolation: isolation, Inference: inference, Accepted: accepted}, Notes: notes,
	}}
}
